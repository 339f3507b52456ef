"""The client side of many streams at once: opens them, holds them, and tells what arrived when.

A process of its own, spoken to in lines: it prints ``{"open": n}`` when every stream has sent its first event (or ended
badly), reads ``begin`` and ``end`` around the time that is measured, and prints a Report when all streams are over.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from array import array
from contextlib import suppress
from typing import cast

import msgspec
import uvloop

from poise.sim.bench import stopwatch
from poise.sim.bench.figures import percentile
from poise.sim.bench.wording import MARK, post, stamp, stream_body

_TICK_S = 0.01


class Report(msgspec.Struct, kw_only=True):
    """What one load saw. Times in milliseconds; window: between ``begin`` and ``end``; the rest: the whole life.

    gap     between two events of one stream as they arrived
    lag     from sending to arrival
    lost    events that never came, of all that were asked for
    broken  streams that did not end in [DONE], or brought more events than asked for
    """

    window_events: int
    window_s: float
    gap_ms_p50: float
    gap_ms_p99: float
    gap_ms_max: float
    lag_ms_p50: float
    lag_ms_p99: float
    timer_late_ms: float
    lost: int
    broken: int


class Tally:
    """What all streams of a load share: the window, the samples, and how many are open or over."""

    def __init__(self, streams: int, events: int) -> None:
        self.streams = streams
        self.events = events
        self.measuring = False
        self.arrived = 0
        self.gaps_ns = array("q")
        self.lags_us = array("q")
        self.begun = 0
        self.ended = 0
        self.broken = 0
        self.lost = 0
        self.all_begun = asyncio.Event()
        self.all_ended = asyncio.Event()

    def begin_one(self) -> None:
        """A stream's first bytes came, or it failed before."""
        self.begun += 1
        if self.begun == self.streams:
            self.all_begun.set()

    def end_one(self, *, got: int, whole: bool) -> None:
        """A stream is over."""
        self.ended += 1
        self.lost += max(0, self.events - got)
        self.broken += got > self.events or not whole
        if self.ended == self.streams:
            self.all_ended.set()


class Stream(asyncio.Protocol):
    """One connection with one stream. It reads no HTTP, only the events' marks, wherever a proxy put chunk borders."""

    def __init__(self, tally: Tally, request: bytes) -> None:
        self._tally = tally
        self._request = request
        self._held = b""
        self._got = 0
        self._last_ns = 0
        self._begun = False
        self._over = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are not subclasses of it
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(whole=False)

    def data_received(self, data: bytes) -> None:
        now_ns = stopwatch.now_ns()
        if not self._begun:
            self._begun = True
            self._tally.begin_one()
        if self._held:
            data = self._held + data
            self._held = b""
        if not data.endswith(b"\n\n\r\n"):
            # The rest of an event may still come: keep what follows the last whole one.
            cut = data.rfind(b"\n\n") + 2
            if cut > 1:
                data, self._held = data[:cut], data[cut:]
            else:
                data, self._held = b"", data
        marks = data.count(MARK)
        if marks:
            self._count(data, marks, now_ns)
        if self._got == self._tally.events and b"data: [DONE]" in data:
            self._end(whole=True)

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        self._over = True
        if self._transport:
            self._transport.abort()

    def _count(self, data: bytes, marks: int, now_ns: int) -> None:
        tally = self._tally
        if tally.measuring:
            tally.arrived += marks
            if self._last_ns:
                tally.gaps_ns.append(now_ns - self._last_ns)
                tally.gaps_ns.extend([0] * (marks - 1))
            tally.lags_us.append(now_ns // 1000 - stamp(data, data.rfind(MARK)).sent_us)
        self._last_ns = now_ns
        self._got += marks

    def _end(self, *, whole: bool) -> None:
        if self._over:
            return
        self._over = True
        if not self._begun:
            self._begun = True
            self._tally.begin_one()
        self._tally.end_one(got=self._got, whole=whole)


class Lateness:
    """How late this process' own timers fire while it measures."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._due_s = asyncio.get_running_loop().time()
        self.late_s_max = 0.0
        self._tick()

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        if self._tally.measuring:
            self.late_s_max = max(self.late_s_max, loop.time() - self._due_s)
        self._due_s = loop.time() + _TICK_S
        loop.call_at(self._due_s, self._tick)


async def play(port: int, streams: int, events: int, ramp_s: float, patience_s: float) -> Report:
    """Open the streams one after another over ramp_s, wait for all to end, at most patience_s more than they need."""
    loop = asyncio.get_running_loop()
    tally = Tally(streams, events)
    request = post(stream_body(events))
    lateness = Lateness(tally)
    opened: list[Stream] = []
    starting: list[asyncio.Task[None]] = []

    async def open_one() -> None:
        stream = Stream(tally, request)
        opened.append(stream)
        try:
            await loop.create_connection(lambda: stream, "127.0.0.1", port)
        except OSError:
            stream.connection_lost(None)

    for number in range(streams):
        starting.append(loop.create_task(open_one()))
        if number % 10 == 9:
            await asyncio.sleep(ramp_s * 10 / streams)
    await asyncio.wait_for(tally.all_begun.wait(), patience_s)
    _say(msgspec.json.encode({"open": tally.begun - tally.broken}))

    await _line("begin")
    tally.measuring, begun_s = True, loop.time()
    await _line("end")
    tally.measuring, window_s = False, loop.time() - begun_s
    with suppress(TimeoutError):  # what has not come by then is lost, and counted
        await asyncio.wait_for(tally.all_ended.wait(), patience_s)
    for stream in opened:
        stream.connection_lost(None)
        stream.close()
    return _report(tally, window_s, lateness.late_s_max)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


async def _line(expected: str) -> None:
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    if line.strip() != expected:
        raise EOFError(f"expected the line {expected!r}, got {line!r}")


def _report(tally: Tally, window_s: float, late_s: float) -> Report:
    gaps = [gap / 1e6 for gap in tally.gaps_ns] or [0.0]
    lags = [lag / 1e3 for lag in tally.lags_us] or [0.0]
    return Report(
        window_events=tally.arrived,
        window_s=window_s,
        gap_ms_p50=percentile(gaps, 0.50),
        gap_ms_p99=percentile(gaps, 0.99),
        gap_ms_max=max(gaps),
        lag_ms_p50=percentile(lags, 0.50),
        lag_ms_p99=percentile(lags, 0.99),
        timer_late_ms=late_s * 1e3,
        lost=tally.lost,
        broken=tally.broken,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--ramp-s", type=float, default=2.0)
    parser.add_argument("--patience-s", type=float, default=30.0)
    asked = parser.parse_args()
    report = uvloop.run(play(asked.port, asked.streams, asked.events, asked.ramp_s, asked.patience_s))
    _say(msgspec.json.encode(report))
