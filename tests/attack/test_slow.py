"""F68: clients that are slow on purpose, or say nothing. Time is skipped, not waited for."""

from __future__ import annotations

import asyncio

from poise.edge.snapshot import Limits
from tests.attack.rig import on_loop, rig
from tests.attack.upstream import echo, hang
from tests.attack.wire import Wire, chat, get, post

LIMITS = Limits()
TURNS = 3  # turns of the loop after which what was sent has been read


async def _turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


@on_loop
async def test_head_that_never_ends_is_refused_in_time() -> None:
    """A line now and then does not prolong it; the wait is refused with 408 and recorded."""
    async with rig() as it:
        wire = await it.connect()
        await wire.send(b"POST /v1/chat/completions HTTP/1.1\r\n")
        for i in range(int(LIMITS.header_s) + 2):
            await _turns()
            it.clock.skip(1)
            await wire.send(b"x-%d: y\r\n" % i)
        answers = await wire.rest()
        wire.close()

        assert ["request_timeout"] == [answer.code for answer in answers] == it.records.codes
        assert 408 == answers[0].status


@on_loop
async def test_body_that_drips_is_refused() -> None:
    """Below the least speed it ends after the first look, and its bytes are let go."""
    async with rig() as it:
        wire = await it.connect()
        await wire.send(post(chat("x" * 5000))[:300])
        await _turns()
        it.clock.skip(LIMITS.header_s + 2)
        answers = await wire.rest()
        wire.close()

        assert ["request_timeout"] == [answer.code for answer in answers] == it.records.codes
        assert 0 == it.body_bytes


@on_loop
async def test_body_that_begins_fast_and_then_stands_still_is_refused() -> None:
    """A megabyte at once would be a quarter of an hour's licence, were only the average looked at."""
    async with rig() as it:
        wire = await it.connect()
        await wire.send(post(chat("x" * 2_000_000))[:1_000_000])
        await it.bell.until(lambda: it.body_bytes > 900_000)
        it.clock.skip(LIMITS.header_s + 2)
        await _turns()
        still = it.body_bytes
        it.clock.skip(LIMITS.header_s + 2)
        answers = await wire.rest()
        wire.close()

        assert 900_000 < still
        assert ["request_timeout"] == [answer.code for answer in answers]
        assert 0 == it.body_bytes


@on_loop
async def test_slow_but_honest_body_is_served() -> None:
    """Twice the least speed for a minute is nobody's attack."""
    async with rig() as it:
        wire = await it.connect()
        request = post(chat("x" * LIMITS.body_bytes_per_s * 120))
        piece = 2 * LIMITS.body_bytes_per_s
        for at in range(0, len(request), piece):
            await wire.send(request[at : at + piece])
            await _turns()
            it.clock.skip(1)
        answer = await wire.answer()
        wire.close()

        assert 200 == answer.status


@on_loop
async def test_silent_and_idle_connections_are_closed() -> None:
    """One that never asked sooner than one that was served; empty lines are no sign of life."""
    async with rig() as it:
        silent, empty, served = [await it.connect() for _ in range(3)]
        await served.send(get())
        await served.answer()
        for _ in range(int(LIMITS.header_s) + 2):
            await empty.send(b"\r\n")
            await _turns()
            it.clock.skip(1)
        assert [[], []] == [await wire.rest() for wire in (silent, empty)]
        await served.send(get())
        assert 200 == (await served.answer()).status
        it.clock.skip(LIMITS.idle_s + 2)
        assert [] == await served.rest()
        for wire in (silent, empty, served):
            wire.close()


@on_loop
async def test_idle_flood_costs_the_others_nothing() -> None:
    """Hundreds that are silent, in mid-head and in mid-body; a good request beside them is served at once."""
    async with rig() as it:
        starts = [b"", b"POST /v1", post(chat("x" * 900))[:400]]
        flood: list[Wire] = []
        for i in range(300):
            wire = await it.connect()
            await wire.send(starts[i % 3])
            flood.append(wire)
        began_s = asyncio.get_running_loop().time()
        await it.good()
        took_s = asyncio.get_running_loop().time() - began_s
        it.clock.skip(LIMITS.header_s + 2)
        for wire in flood:
            await wire.rest()
            wire.close()
        await it.bell.until(lambda: not it.server.connections)

        assert 0.5 > took_s
        assert 200 == it.records.codes.count("request_timeout")


@on_loop
async def test_connections_past_the_bound_are_closed_at_once() -> None:
    """And counted; when one of the others goes there is room again."""
    async with rig(limits=Limits(connections=5)) as it:
        held = [await it.connect() for _ in range(5)]
        await it.bell.until(lambda: 5 == len(it.server.connections))
        extra = await it.connect()
        assert b"" == await extra.read()
        extra.close()
        for wire in held:
            wire.close()
        await it.bell.until(lambda: not it.server.connections)

        assert 1 == it.server.counts["too_many_connections"]


@on_loop
async def test_slow_requests_do_not_slow_others() -> None:
    """While fifty calls hang, fifty others are answered."""
    async with rig() as it:
        it.upstream.script = hang
        held = [await it.connect() for _ in range(50)]
        for wire in held:
            await wire.send(post(chat()))
        await it.bell.until(lambda: 50 == len(it.upstream.seen))
        it.upstream.script = echo
        answers = await asyncio.gather(*(it.ask(post(chat(f"q{i}"))) for i in range(50)))
        for wire in held:
            wire.close()

        assert [f"echo q{i}" for i in range(50)] == [answer.text for answer in answers]


@on_loop
async def test_one_address_never_takes_every_connection() -> None:
    """The one connection too many is closed at once; when another ends there is room again."""
    async with rig(limits=Limits(connections_per_address=3)) as it:
        held = [await it.connect() for _ in range(3)]
        for wire in held:
            await wire.send(get())
            assert 200 == (await wire.answer()).status
        extra = await it.connect()
        await extra.send(get())
        assert [] == await extra.rest()
        extra.close()
        for wire in held:
            wire.close()
        await it.bell.until(lambda: not it.server.connections)

        assert 1 == it.server.counts["too_many_connections"]


@on_loop
async def test_one_key_never_takes_every_call() -> None:
    """Past its share a key is told 429 and when to come back; its other calls are not touched."""
    async with rig(limits=Limits(calls_per_key=2)) as it:
        it.upstream.script = hang
        held = [await it.connect() for _ in range(2)]
        for wire in held:
            await wire.send(post(chat()))
        await it.bell.until(lambda: 2 == len(it.server.live))
        answer = await it.ask(post(chat()))
        for wire in held:
            wire.close()
        await it.bell.until(lambda: not it.server.live)
        it.upstream.script = echo

        assert (429, "key_at_limit") == (answer.status, answer.code)
