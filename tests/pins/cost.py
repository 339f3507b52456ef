"""What pins cost those who use none: microseconds of CPU, each figure the lowest of many rounds.

Run by hand: ``python -m tests.pins.cost``. It runs on a tree without pins too (with this file copied there), so that two
trees can be compared, turn by turn.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from poise.decision import FORMAT, Inputs
from poise.edge.snapshot import Endpoint
from poise.edge.tongues import tongues_of
from poise.path.fleet import Route
from poise.path.service import Request
from poise.request import Facts
from poise.rules.choose import RULES_DIGEST, choose
from poise.rules.prepare import prepare
from poise.signal import Measure, Reading
from poise.target import Provider, Target
from poise.wire.dialects import DIALECTS
from tests.path.fakes import ANSWER, DONE, JSON, ROLE, STOP, TOKEN, FakePool, FakeSink, World, stream

ROUNDS, TIMES = 40, 250
EVENTS = 200
_DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word "}}
_EVENT = b"event: content_block_delta\ndata: " + json.dumps(_DELTA, separators=(",", ":")).encode() + b"\n\n"
_START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant",'
    b'"model":"c","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
)
_STOP = (
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


def lowest(work: Callable[[], object], per: int = 1, times: int = TIMES) -> float:
    """Microseconds of CPU for one."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time_ns()
        for _ in range(times):
            work()
        best = min(best, time.process_time_ns() - begun)
    return best / 1000 / times / per


def chosen() -> float:
    """``choose`` over three candidates."""
    prepared = prepare(World(FakePool(), FakePool(), FakePool()).policy)
    rows = tuple(Reading(1, 0, 0, Measure(), Measure(900_000 + i, 9, 9, 10**15)) for i in range(3))
    inputs = Inputs(FORMAT, RULES_DIGEST, prepared.digest, Facts("w", tokens=9), rows, 10**15, 7, 9, 30_000_000)
    return lowest(lambda: choose(inputs, prepared))


def _many(loop: asyncio.AbstractEventLoop, ask: Callable[[], Coroutine[Any, Any, object]]) -> Callable[[], object]:
    async def several() -> None:
        for _ in range(20):
            await ask()

    return lambda: loop.run_until_complete(several())


def _routes(world: World, *, shared: bool) -> None:
    """Candidates at several providers, where this tree knows what that means."""
    if shared:
        from poise.path.pins import PinBook, Pinning

        for number, lane in enumerate(world.lanes):
            old = lane.target
            lane.target = Target(f"m@{number}", "m", str(number), old.vendor, "us", old.upstream_model, price=old.price)
        world.route = Route(world.route.prepared, world.lanes, Pinning(PinBook(b"k"), world.lanes))


def chatted(loop: asyncio.AbstractEventLoop, *, streams: bool, shared: bool) -> float:
    """The path for one chat, whole or streamed in EVENTS events, between stand-ins."""
    answer = (lambda c: c.answer(200, JSON, ANSWER)) if not streams else stream(ROLE, *[TOKEN] * EVENTS, STOP, DONE)
    pool = FakePool(answer)
    world = World(pool, FakePool(answer))
    _routes(world, shared=shared)

    async def ask() -> None:
        await world.ask(FakeSink(), streams=streams)
        pool.connections.clear()

    return lowest(_many(loop, ask), 20 * (EVENTS if streams else 1), times=2 if streams else 10)


def messaged(loop: asyncio.AbstractEventLoop, *, shared: bool) -> float:
    """One event of a stream of Anthropic's, same dialect in and out."""
    answer = stream(_START, *[_EVENT] * EVENTS, _STOP)
    pool = FakePool(answer)
    world = World(pool, FakePool(answer))
    target = Target("c@p", "c", "p", "anthropic", "us", "c", "anthropic")
    found = tongues_of(target, Endpoint(Provider("p", "anthropic", "us", "http://x"), "k"))["anthropic"]
    for lane in world.lanes:
        lane.tongues["anthropic"] = found
    _routes(world, shared=shared)
    body = b'{"model":"w","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}'
    dialect = DIALECTS["anthropic"]

    async def ask() -> None:
        plain = world.request(streams=True)
        call = dialect.read_call("chat", body)
        request = Request(plain.id, call, plain.facts, world.route, dialect, plain.arrived_us, plain.deadline_us)
        await world.ask_for(request, FakeSink())
        pool.connections.clear()

    return lowest(_many(loop, ask), 20 * EVENTS, times=1)


def main() -> None:
    """Print the figures."""
    loop = asyncio.new_event_loop()
    ways: tuple[bool, ...]
    try:
        import poise.path.pins  # noqa: F401 - only whether it is there

        ways = (False, True)
    except ImportError:
        ways = (False,)
    sys.stdout.write(f"choose, three candidates            {chosen():8.3f} us\n")
    for shared in ways:
        name = "several providers" if shared else "one place to go  "
        sys.stdout.write(f"chat whole, {name}       {chatted(loop, streams=False, shared=shared):8.3f} us a request\n")
        sys.stdout.write(f"chat streamed, {name}    {chatted(loop, streams=True, shared=shared):8.4f} us an event\n")
        sys.stdout.write(f"messages streamed, {name}{messaged(loop, shared=shared):8.4f} us an event\n")
    loop.close()


if __name__ == "__main__":
    main()
