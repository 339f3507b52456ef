"""Shutting down: what is under way may end, what is idle is closed, what does not end in time is told so in-band."""

from __future__ import annotations

import asyncio

from tests.attack.rig import Rig, on_loop, rig
from tests.attack.upstream import STREAM_END, chunk, drip, event
from tests.attack.wire import Wire, chat, get, post


async def streaming(it: Rig, count: int) -> list[Wire]:
    """Clients in mid-stream."""
    it.upstream.script = drip
    wires = [await it.connect() for _ in range(count)]
    for wire in wires:
        await wire.send(post(chat(stream=True)))
        await wire.until(b"first")
    return wires


@on_loop
async def test_no_stream_is_cut_within_the_grace_time() -> None:
    """They end whole, then their connections are closed; idle ones at once."""
    async with rig() as it:
        wires = await streaming(it, 5)
        idle = await it.connect()
        await idle.send(get())
        await idle.answer()
        drain = asyncio.get_running_loop().create_task(it.plane.drain(30))
        assert [] == await idle.rest()
        it.clock.skip(20)
        for sock in it.upstream.sockets:
            sock.write(chunk(event({"content": "last"}, "stop") + STREAM_END) + b"0\r\n\r\n")
        answers = [await wire.rest() for wire in wires]
        await drain

        assert [[True]] * 5 == [[answer.complete for answer in each] for each in answers]
        assert all(b"[DONE]" == each[0].events[-1] for each in answers)
        assert ["completed"] * 5 == it.records.endings


@on_loop
async def test_stream_that_outlasts_the_grace_time_ends_with_an_error_inside() -> None:
    """Well framed to the end, so nobody takes it for whole; outcome drained."""
    async with rig() as it:
        wires = await streaming(it, 3)
        drain = asyncio.get_running_loop().create_task(it.plane.drain(10))
        await asyncio.sleep(0)
        it.clock.skip(11)
        answers = [await wire.rest() for wire in wires]
        await drain

        for (answer,) in answers:
            assert answer.complete
            assert b'"draining"' in answer.events[-1]
            assert b"[DONE]" not in answer.body
        assert ["drained"] * 3 == it.records.endings
        assert all(sock.lost for sock in it.upstream.sockets)


@on_loop
async def test_new_request_on_an_open_connection_is_told_to_go_elsewhere() -> None:
    """Pipelined behind a stream: 503 with ``connection: close``, and no upstream hears of it."""
    async with rig() as it:
        (wire,) = await streaming(it, 1)
        drain = asyncio.get_running_loop().create_task(it.plane.drain(30))
        await asyncio.sleep(0)
        await wire.send(post(chat("late")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        it.upstream.sockets[0].write(chunk(event({}, "stop") + STREAM_END) + b"0\r\n\r\n")
        stream, late = await wire.rest()
        await drain

        assert b"[DONE]" == stream.events[-1]
        assert (503, "draining") == (late.status, late.code)
        assert b"close" == late.headers[b"connection"]
        assert 1 == len(it.upstream.seen)


@on_loop
async def test_head_that_begins_while_draining_is_answered_and_closed() -> None:
    """A connection that was in the middle of a request is not idle."""
    async with rig() as it:
        wire = await it.connect()
        request = post(chat("half"))
        await wire.send(request[:60])
        await it.bell.until(lambda: it.server.connections)
        await asyncio.sleep(0)
        drain = asyncio.get_running_loop().create_task(it.plane.drain(30))
        await asyncio.sleep(0)
        await wire.send(request[60:])
        answers = await wire.rest()
        await drain

        assert [(503, "draining")] == [(answer.status, answer.code) for answer in answers]
        assert [] == it.upstream.seen
