"""One seed, one rehearsal: the real request path, upstreams that misbehave, guests that come, doze and leave."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from poise.edge.snapshot import Endpoint, Grant, Limits, Listener, Snapshot, hash_secret
from poise.policy import Candidate, Choose, Objective, Policy, Recover, Timers
from poise.sim.clock import VirtualClock, run
from poise.sim.connection import UpstreamConnection
from poise.sim.dice import Dice, dice_for
from poise.sim.guest import Told, Wish, visit
from poise.sim.house import House, Kept
from poise.sim.pipe import MemoryNetwork
from poise.sim.script import Script, Step
from poise.sim.upstream import Received, Upstream
from poise.target import Price, Provider, Target

GUESTS = 40
REGIONS = ("us", "eu", "ap")
KEY = "key-of-the-guests"
SALT = b"salt-of-rehearsals"
QUIET_S = 60.0  # after the last guest: longer than any timer of the path
SLACK_US = 1_000_000  # what a tick, two latencies and a dozing guest may add to a deadline


class Rehearsed(msgspec.Struct):
    """What is left of a run: everyone's account of it, for ``laws`` to compare."""

    seed: int
    policy: Policy
    told: list[Told]
    kept: dict[int, Kept]
    logs: dict[str, list[Received]]
    seeds: dict[str, int]
    busy: dict[str, int]
    drained: bool
    trace: str
    surprises: list[str]


class Mood(Script):
    """A script that throws dice for each request: more faults the worse the mood, in [0, 1]."""

    def __init__(self, dice: Dice, mood_0_1: float) -> None:
        super().__init__()
        self._dice = dice
        self._mood = mood_0_1

    def step_for(self, model: str) -> Step:
        """A step for the next request."""
        dice = self._dice
        pace = Step(
            wait_s=dice.one_of((0.0, 0.0, 0.05, 0.6)),
            first_token_s=dice.one_of((0.0, 0.05, 0.3, 1.5)),
            tokens_per_s=dice.one_of((0.0, 0.0, 20.0, 200.0)),
            tokens=1 + dice.below(30),
            done=dice.below(8) > 0,
            usage=dice.below(8) > 0,
        )
        if dice.share() >= self._mood:
            return pace
        return msgspec.structs.replace(pace, **dice.one_of(_FAULTS), events=dice.below(6), reset=dice.below(2) > 0)


_FAULTS: tuple[dict[str, str | int | float], ...] = (
    {"do": "status", "status": 429, "retry_after": "3"},
    {"do": "status", "status": 500},
    {"do": "status", "status": 503},
    {"do": "status", "status": 529},
    {"do": "status", "status": 400, "code": "context_length_exceeded"},
    {"do": "status", "status": 401},
    {"do": "reset"},
    {"do": "hang_up"},
    {"do": "silent"},
    {"do": "stall"},
    {"do": "stall", "stall_s": 1.0},
    {"do": "stall", "stall_s": 30.0},
    {"do": "cut"},
    {"do": "stream_error"},
    {"do": "malformed"},
    {"do": "error_body"},
    {"do": "html"},
    {"do": "redirect"},
    {"do": "header_bomb"},
    {"do": "answer", "wait_s": 4.0},
    {"do": "answer", "first_token_s": 6.0},
    {"do": "raw", "raw": "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"},
    {"do": "raw", "raw": "nonsense\r\n\r\n"},
)


def rehearse(seed: int) -> Rehearsed:
    """Run one seed to its end. Raises Stuck where the path hangs."""
    return run(lambda clock: _play(seed, clock), seed)


async def _play(seed: int, clock: VirtualClock) -> Rehearsed:
    surprises: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: surprises.append(_surprise(context)))
    dice = dice_for(seed, b"rehearsal")
    network = MemoryNetwork(clock, latency_s=dice.one_of((0.0, 0.001, 0.04)))
    upstreams = {name: Upstream(name, clock, seed=number) for number, name in enumerate(REGIONS)}
    for name, upstream in upstreams.items():
        upstream.script = Mood(dice_for(seed, name.encode()), dice.one_of((0.0, 0.3, 0.6, 1.0)))
        _open(network, name, upstream)
    snapshot = _snapshot(dice)
    house = House(snapshot, network, clock)
    house.start()
    wishes = [_wish(dice, number) for number in range(GUESTS)]
    outages = asyncio.create_task(_outages(dice_for(seed, b"outages"), network, upstreams, clock))
    drains = dice.below(4) == 0
    guests = asyncio.gather(*[visit(wish, network, clock) for wish in wishes])
    if drains:
        await clock.sleep(dice.between(1.0, 8.0))
        await house.drain(grace_s=dice.between(0.0, 3.0))
    told = await guests
    await outages
    await clock.sleep(QUIET_S)
    busy = house.busy
    house.stop()
    return Rehearsed(
        seed,
        snapshot.policies["chat"],
        told,
        house.recorder.kept,
        {name: list(upstream.log) for name, upstream in upstreams.items()},
        {name: upstream.seed for name, upstream in upstreams.items()},
        busy,
        drains,
        house.recorder.trace.hexdigest(),
        surprises,
    )


def _surprise(context: dict[str, Any]) -> str:
    """An exception that nobody caught: in a callback of a socket or a timer, where it would only be logged."""
    return f"{context['message']}: {context.get('exception')!r}"


async def _outages(dice: Dice, network: MemoryNetwork, upstreams: dict[str, Upstream], clock: VirtualClock) -> None:
    """Some regions refuse connections for a while; half of those drop what they had open too."""
    for _ in range(dice.below(4)):
        await clock.sleep(dice.between(0.0, 4.0))
        name = dice.one_of(REGIONS)
        network.refuse(name)
        if dice.below(2):
            upstreams[name].refuse()
        await clock.sleep(dice.between(0.1, 3.0))
        _open(network, name, upstreams[name])


def _open(network: MemoryNetwork, name: str, upstream: Upstream) -> None:
    network.listen(name, lambda: UpstreamConnection(upstream))


def _wish(dice: Dice, number: int) -> Wish:
    body: dict[str, object] = {"model": "chat", "messages": [{"role": "user", "content": f"question {number}"}]}
    if dice.below(2):
        body["stream"] = True
        if dice.below(2):
            body["stream_options"] = {"include_usage": True}
    leaves_s = dice.between(0.01, 3.0) if dice.below(5) == 0 else 0.0
    return Wish(dice.between(0.0, 10.0), body, leaves_s, dice.one_of((0.0, 0.0, 0.0, 0.5)), KEY)


def _snapshot(dice: Dice) -> Snapshot:
    limit = dice.one_of((0, 0, 0, 2))
    targets = [
        Target(
            f"sim-chat@{name}",
            *("sim-chat", name, "sim", name, "sim-chat"),
            price=Price(1.0 + at, 2.0 + at),
            concurrency=limit,
        )
        for at, name in enumerate(REGIONS)
    ]
    candidates = sorted(
        (Candidate(target, place) for place, target in enumerate(targets)), key=lambda one: one.target.id
    )
    policy = Policy(
        "chat",
        tuple(candidates),
        objective=Objective(deadline_us=dice.one_of((3_000_000, 8_000_000, 20_000_000))),
        choose=Choose(mode=dice.one_of(("weights", "order", "split"))),
        timers=Timers(connect_us=500_000, headers_us=2_000_000, first_token_us=3_000_000, stall_us=3_000_000),
        recover=Recover(attempts=1 + dice.below(4), keepalive_us=dice.one_of((700_000, 15_000_000))),
    )
    endpoints = {
        name: Endpoint(
            Provider(name, "sim", name, f"http://{name}/v1", connections=dice.one_of((2, 1024))), f"secret-of-{name}"
        )
        for name in REGIONS
    }
    return Snapshot(
        epoch=1,
        digest="rehearsal",
        listener=Listener(),
        admin="",
        data="",
        policies={"chat": policy},
        endpoints=endpoints,
        grants={"guests": Grant("guests", {"chat": (1 << len(candidates)) - 1})},
        keys={hash_secret(KEY.encode(), SALT): "guests"},
        salt=SALT,
        limits=Limits(),
    )
