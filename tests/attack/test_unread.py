"""F67: clients that do not read. What is held for them is bounded in bytes and in time, and others do not feel it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from poise.edge.snapshot import Limits
from tests.attack.rig import Rig, on_loop, rig
from tests.attack.upstream import STREAM_END, STREAM_HEAD, Seen, UpstreamSocket, chunk, echo, endless, event
from tests.attack.wire import Wire, chat, post

MOST_HELD_BYTES = 256 * 1024
STALL_S = Limits().write_stall_s


def counted(events: int) -> Iterator[bytes]:
    """A stream of numbered events of 1 KiB, with its end."""
    yield STREAM_HEAD
    for number in range(events):
        yield chunk(event({"content": f"{number}:" + "x" * 900}))
    yield chunk(event({}, "stop") + STREAM_END) + b"0\r\n\r\n"


def pour_counted(sock: UpstreamSocket, seen: Seen) -> None:
    """Stream 2,000 numbered events as fast as they are taken."""
    sock.pour(counted(2000))


async def unread(it: Rig, count: int = 1, receive_bytes: int = 4096) -> list[Wire]:
    """Clients that asked for a stream and do not read it; returns when their upstreams cannot send any more."""
    wires = [await it.connect(receive_bytes=receive_bytes) for _ in range(count)]
    for wire in wires:
        await wire.send(post(chat(stream=True)))
    await it.bell.until(lambda: count == sum(connection.paused for connection in it.server.connections), 10)
    await it.bell.until(lambda: count == sum(sock.blocked for sock in it.upstream.sockets), 10)
    return wires


@on_loop
async def test_upstream_of_an_unread_stream_is_not_read_and_little_is_held() -> None:
    """Back-pressure: the upstream's sends block, and what lies in between stays below 256 KiB."""
    async with rig(send_bytes=16_384) as it:
        it.upstream.script = endless
        (wire,) = await unread(it)
        sent = it.upstream.sockets[0].sent
        held = [connection.unsent() for connection in it.server.connections]
        it.clock.skip(20)
        await asyncio.sleep(0)

        assert [True] == [sock.blocked for sock in it.upstream.sockets]
        assert sent == it.upstream.sockets[0].sent
        assert 0 < held[0] <= MOST_HELD_BYTES
        wire.close()


@on_loop
async def test_unread_stream_is_ended_after_the_stall_limit() -> None:
    """Closed, counted as too slow, upstream closed, outcome client_gone; not a second before."""
    async with rig(send_bytes=16_384) as it:
        it.upstream.script = endless
        (wire,) = await unread(it)
        it.clock.skip(STALL_S - 3)
        await asyncio.sleep(0)
        early = list(it.records.endings)
        for _ in range(6):
            it.clock.skip(1)
            await asyncio.sleep(0)
        await it.bell.until(lambda: it.records.outcomes and it.upstream.sockets[0].lost)
        wire.close()

        assert [] == early
        assert ["client_gone"] == it.records.endings
        assert 1 == it.server.counts["client_too_slow"]


@on_loop
async def test_unread_end_of_an_answer_is_ended_too() -> None:
    """A few bytes that nobody takes, too few to count as slow, hold a connection no longer than many."""
    async with rig(send_bytes=4096) as it:
        wire = await it.connect(receive_bytes=2048)
        await wire.send(post(chat("x" * 20_000)))
        await it.bell.until(lambda: it.server.flushing)
        held = next(iter(it.server.connections)).unsent()
        it.clock.skip(STALL_S + 3)
        await it.bell.until(lambda: it.records.outcomes and not it.server.connections)
        wire.close()

        assert 0 < held < 64 * 1024
        assert ["client_gone"] == it.records.endings


@on_loop
async def test_client_that_reads_slowly_but_steadily_is_not_cut() -> None:
    """A whole answer over a thin line may take longer than the stall limit, as long as something is taken."""
    async with rig(send_bytes=16_384) as it:
        wire = await it.connect(receive_bytes=16_384)
        await wire.send(post(chat("x" * 1_500_000)))
        await it.bell.until(lambda: it.server.flushing)
        connection = next(iter(it.server.connections))
        taken = b""
        for _ in range(6):
            before = connection.unsent()
            while connection.unsent() == before:
                taken += await wire.read()
            it.clock.skip(STALL_S / 2)
            await asyncio.sleep(0)
        while len(taken) < 1_500_000:
            piece = await wire.read()
            assert piece, "the client was cut though it read"
            taken += piece
        await it.quiet()
        wire.close()

        assert ["completed"] == it.records.endings
        assert 0 == it.server.counts["client_too_slow"]


@on_loop
async def test_stream_goes_on_where_it_stopped_once_it_is_read() -> None:
    """Held back and let go, no event is lost, doubled or out of order."""
    async with rig(send_bytes=16_384) as it:
        it.upstream.script = pour_counted
        (wire,) = await unread(it, receive_bytes=65_536)
        answer = await wire.answer(20)
        await it.quiet()
        wire.close()
        numbers = [int(data.split(b'"content":"')[1].split(b":")[0]) for data in answer.events[:2000]]

        assert list(range(2000)) == numbers
        assert b"[DONE]" == answer.events[-1]
        assert ["completed"] == it.records.endings


@on_loop
async def test_unread_streams_do_not_hold_others_back() -> None:
    """Beside thirty that nobody reads, one that is read comes through whole."""
    async with rig(send_bytes=16_384) as it:
        it.upstream.script = endless
        wires = await unread(it, 30)
        it.upstream.script = pour_counted
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        wire = await it.connect()
        await wire.send(post(chat(stream=True)))
        answer = await wire.answer(10)
        took_s = loop.time() - began_s
        for each in (*wires, wire):
            each.close()

        assert 2002 == len(answer.events)
        assert 3.0 > took_s
        it.upstream.script = echo


@on_loop
async def test_upstream_that_does_not_take_the_request_is_bounded_by_the_deadline() -> None:
    """The other way round: the body waits in our memory, counted, and is let go when time is up."""
    async with rig(deadline_s=30) as it:
        wire = await it.connect()
        body = chat("x" * 12_000_000)
        it.upstream.deaf = True
        await wire.send(post(body))
        await it.bell.until(lambda: it.upstream.sockets)
        counted_bytes = it.body_bytes
        it.clock.skip(31)
        answer = await wire.answer()
        it.upstream.deaf = False
        wire.close()

        assert len(body) == counted_bytes
        assert "deadline_exceeded" == answer.code
        assert ["deadline"] == it.records.endings
