"""Both ends of the stream load on bytes alone: no event is missed or counted twice, however they are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from poise.sim.bench.stream_load import Stream, Tally
from poise.sim.bench.streams import HOLD, STREAMS
from poise.sim.bench.upstream import PHASES, Exchange, Pacer
from poise.sim.bench.wording import FIRST_EVENT, LAST_EVENTS, chat_body, chunk, event, post, stream_body

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.written += b"<aborted>"


def running(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def received(parts: list[bytes], events: int) -> Tally:
    """What one stream tallies of these reads; the whole life is within the window."""
    tally = Tally(1, events)
    tally.measuring = True
    stream = Stream(tally, b"")
    stream.connection_made(Wire())
    for part in parts:
        stream.data_received(part)
    stream.connection_lost(None)
    return tally


def whole(events: int) -> bytes:
    body = b"".join(chunk(event(1, number)) for number in range(events))
    return HEAD + chunk(FIRST_EVENT) + body + chunk(LAST_EVENTS) + b"0\r\n\r\n"


@given(st.integers(1, 12), st.lists(st.integers(1, 3000), max_size=12))
def test_events_are_counted_however_reads_cut_them(events: int, cuts: list[int]) -> None:
    """Cut anywhere, each event is counted once, and the end is seen."""
    data = whole(events)
    places = [0, *sorted({min(cut, len(data)) for cut in cuts}), len(data)]
    parts = [data[a:b] for a, b in pairwise(places) if a < b]

    async def check() -> None:
        tally = await received(parts, events)

        assert (0, 0) == (tally.lost, tally.broken)
        assert events == tally.arrived
        assert (1, 1) == (tally.begun, tally.ended)

    running(check())


def test_a_stream_without_its_last_event_has_lost_it() -> None:
    """[DONE] alone does not make a stream whole."""

    async def check() -> None:
        tally = await received([whole(5)], events=6)

        assert (1, 1) == (tally.lost, tally.broken)

    running(check())


def test_a_stream_cut_before_done_is_broken_without_loss() -> None:
    """All events came, the end did not."""

    async def check() -> None:
        tally = await received([whole(5).removesuffix(chunk(LAST_EVENTS) + b"0\r\n\r\n")], events=5)

        assert (0, 1) == (tally.lost, tally.broken)

    running(check())


def test_a_stream_that_never_began_loses_everything() -> None:
    """A refused connection counts as begun, so that the load does not wait for it for ever."""

    async def check() -> None:
        tally = await received([], events=5)

        assert (5, 1, 1, 1) == (tally.lost, tally.broken, tally.begun, tally.ended)
        assert tally.all_begun.is_set()

    running(check())


def test_a_stream_that_brings_too_much_is_broken() -> None:
    """More events than were asked for do not make up for another stream's loss."""

    async def check() -> None:
        tally = await received([whole(7)], events=5)

        assert (0, 1) == (tally.lost, tally.broken)

    running(check())


def asked(request: bytes, *, at_once: bool = True) -> tuple[Exchange, Wire]:
    wire = Wire()
    exchange = Exchange(Pacer(50))
    exchange.connection_made(wire)
    for part in [request] if at_once else [request[:40], request[40:200], request[200:]]:
        exchange.data_received(part)
    return exchange, wire


def test_the_upstream_answers_requests_in_parts_and_in_rows() -> None:
    """A request in three reads is one answer, two requests in one read are two."""
    _, parts = asked(post(chat_body()), at_once=False)
    _, row = asked(post(chat_body()) * 2)

    assert 1 == parts.written.count(b"HTTP/1.1 200 OK")
    assert 2 * parts.written == row.written


def test_the_upstream_reads_chunked_requests() -> None:
    """A proxy may send a body without a length."""
    body = chat_body()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

    _, wire = asked(head + chunk(body) + b"0\r\n\r\n")

    assert 1 == wire.written.count(b"chat.completion")


def test_the_upstream_streams_as_many_events_as_asked_for() -> None:
    """Head at once, then one event per turn, the end with the last, and no turn after it."""
    exchange, wire = asked(post(stream_body(3)))
    assert wire.written.endswith(chunk(FIRST_EVENT))

    for _ in range(3):
        exchange.send_next()

    assert 3 == wire.written.count(b" n=00000")
    assert wire.written.endswith(chunk(LAST_EVENTS) + b"0\r\n\r\n")


def test_streams_are_spread_over_the_groups() -> None:
    """As many streams as groups leave one in each, so that a period's events are no single burst."""
    pacer = Pacer(50)
    exchanges = [Exchange(pacer) for _ in range(PHASES)]
    for exchange in exchanges:
        pacer.add(exchange)

    assert list(range(PHASES)) == sorted(exchange.group for exchange in exchanges)


def test_streams_outlast_the_time_that_is_measured() -> None:
    """The first stream opened still has seconds of events left when the window ends."""
    for load in (STREAMS, HOLD):
        lasts_s = load.events / load.events_per_s

        assert lasts_s >= load.ramp_s + load.settle_s + load.window_s + 2
