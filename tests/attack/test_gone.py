"""A client that goes: its upstream call ends at once, its outcome says so, and nothing of it is left."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.attack.rig import Rig, on_loop, rig
from tests.attack.upstream import Script, drip, echo, endless, hang
from tests.attack.wire import Wire, chat, chunked, post

CLOSED_WITHIN_S = 0.25


def leave(wire: Wire, how: str) -> None:
    """Go: with a reset, with a close, or by saying only that nothing more will be sent."""
    {"rst": wire.reset, "fin": wire.close, "half": wire.finish}[how]()


@pytest.mark.parametrize("how", ["rst", "fin", "half"])
@pytest.mark.parametrize(("script", "stream"), [(hang, False), (hang, True), (drip, True), (endless, True)])
@on_loop
async def test_upstream_is_closed_within_a_quarter_second(script: Script, stream: bool, how: str) -> None:
    """Before the head, in mid-stream, in a stream that is held back because the client reads too slowly."""
    async with rig(send_bytes=16_384) as it:
        it.upstream.script = script
        wire = await it.connect(receive_bytes=4096)
        await wire.send(post(chat(stream=stream)))
        await it.bell.until(lambda: it.upstream.seen)
        if script is drip:
            await wire.until(b"first")
        if script is endless:
            await it.bell.until(lambda: it.upstream.sockets[0].blocked)
        loop = asyncio.get_running_loop()
        left_s = loop.time()
        leave(wire, how)
        await it.bell.until(lambda: it.upstream.sockets[0].lost and it.records.outcomes)
        took_s = loop.time() - left_s
        wire.close()

        assert CLOSED_WITHIN_S > took_s
        assert ["client_gone"] == it.records.endings
        assert 1 == it.server.counts["client_gone"]


@on_loop
async def test_client_that_goes_before_its_answer_was_all_sent_is_not_called_served() -> None:
    """The answer is complete and the kernel has not taken it: to say completed would be a lie."""
    async with rig(send_bytes=16_384) as it:
        wire = await it.connect(receive_bytes=4096)
        await wire.send(post(chat("x" * 600_000)))
        await it.bell.until(lambda: it.server.flushing)
        wire.reset()
        await it.bell.until(lambda: it.records.outcomes)

        assert ["client_gone"] == it.records.endings
        assert ["some"] == [outcome.delivered for outcome in it.records.outcomes.values()]


@on_loop
async def test_what_waited_behind_a_call_is_let_go_with_it() -> None:
    """Pipelined and half-sent bodies count against the worker's bound, so they must leave it again."""
    async with rig() as it:
        it.upstream.script = hang
        for how in ("rst", "fin", "half"):
            wire = await it.connect()
            await wire.send(post(chat("x" * 1000)) * 5 + post(chat("y" * 1000))[:-500])
            await it.bell.until(lambda: it.upstream.open and it.body_bytes > 5000)
            leave(wire, how)
            await it.quiet()
            wire.close()


@on_loop
async def test_broken_request_behind_a_stream_and_then_gone_is_one_ending() -> None:
    """The refusal waits for the stream, the client for neither."""
    async with rig() as it:
        it.upstream.script = drip
        wire = await it.connect()
        await wire.send(post(chat(stream=True)))
        await wire.until(b"first")
        await wire.send(post(chat("queued")) + b"nonsense\r\n\r\n")
        await it.bell.until(lambda: it.records.refusals)
        wire.reset()
        await it.quiet()

        assert ["client_gone"] == it.records.endings
        assert ["bad_framing"] == it.records.codes


def _cut(request: bytes, dice: random.Random) -> bytes:
    return request[: dice.randrange(1, len(request))] if dice.random() < 0.3 else request


@on_loop
async def test_many_that_go_at_random_points_leave_nothing_behind() -> None:
    """Whatever was sent, whatever the upstream was doing, however they went (seed 68)."""
    dice = random.Random(68)
    scripts: list[Script] = [hang, drip, endless, echo]
    body = chat("random" * 50, stream=True)
    coded = post(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    requests = [post(body), post(chat()), coded + chunked(body[:100], body[100:]), post(body) * 3]

    async def one(it: Rig) -> None:
        wire = await it.connect(receive_bytes=4096)
        it.upstream.script = dice.choice(scripts)
        await wire.send(_cut(dice.choice(requests), dice))
        for _ in range(dice.randrange(6)):
            await asyncio.sleep(0)
        if dice.random() < 0.3:
            await it.bell.until(lambda: it.upstream.open)
        leave(wire, dice.choice(["rst", "fin"]))

    async with rig(send_bytes=16_384) as it:
        for _ in range(15):
            await asyncio.gather(*(one(it) for _ in range(10)))
        await it.quiet()

        assert {"client_gone", "completed"} >= set(it.records.endings)
        assert 50 < it.records.endings.count("client_gone")
        await it.bell.until(lambda: not it.server.connections)
