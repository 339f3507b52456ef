"""A worker's link to control: its signals go up, boards come down.

Lossy and never in the way: control may be absent, slow or restarting, and the worker goes on with what it knows. What
cannot be sent at once is not sent; the next tick says it better.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

import msgspec

from poise.clock import Clock, Timer
from poise.edge.channel import Splitter, TooLong, frame
from poise.edge.pin_link import MARK, ROWS_AT_ONCE, Book, pack, unpack
from poise.signal import Board, WorkerSignals

TICK_S = 0.25
PINS_WAIT_S = 0.005  # what is learnt together is told together
FIRST_WAIT_S, LAST_WAIT_S = 0.1, 2.0
# Signals of 1,000 targets are about 100 KiB; a link this far behind has lost its reader, and newer ones replace these.
MOST_WAITING_BYTES = 256 * 1024
MOST_BOARD_BYTES = 16 * 1024 * 1024

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Board).decode


class Ends(Protocol):
    """What the link reads from and writes to: the worker's plane."""

    def signals(self) -> WorkerSignals:
        """This worker's newest view."""

    def adopt_board(self, board: Board) -> None:
        """Control's merged view."""


class Uplink:
    """Keeps one connection to ``path`` while it runs; ``start`` and ``close`` are called once each, on the loop."""

    def __init__(
        self, path: Path, ends: Ends, clock: Clock, *, tick_s: float = TICK_S, pins: Book | None = None
    ) -> None:
        self._path = path
        self._pins = pins
        self._telling = False
        self._ends = ends
        self._clock = clock
        self._tick_s = tick_s
        self._wait_s = FIRST_WAIT_S
        self._timer: Timer | None = None
        self._dial: asyncio.Task[None] | None = None
        self._line: _Line | None = None
        self._closed = False

    @property
    def up(self) -> bool:
        """Whether control is connected."""
        return self._line is not None

    @property
    def waiting_bytes(self) -> int:
        """What was sent and control has not taken yet."""
        return self._line.waiting_bytes if self._line is not None else 0

    def start(self) -> None:
        """Begin to tick and to look for control."""
        if self._pins is not None:
            self._pins.wake = self._learnt
        self._tick()
        self._connect()

    def close(self) -> None:
        """Say the last signals and let go."""
        self._send()
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._dial is not None:
            self._dial.cancel()
        if self._line is not None:
            self._line.close()

    def __repr__(self) -> str:
        return f"Uplink({self._path}, {'up' if self.up else 'down'})"

    def _tick(self) -> None:
        self._send()
        self._timer = self._clock.later(self._tick_s, self._tick)

    def _send(self) -> None:
        if self._line is not None:
            self._line.send(_encode(self._ends.signals()))
            self._tell()

    def _learnt(self) -> None:
        """Pins do not wait for the tick: the caller's next request may reach another worker."""
        if not self._telling:
            self._telling = True
            self._clock.later(PINS_WAIT_S, self._tell)

    def _tell(self) -> None:
        """Hand over the pins that are news, as far as control reads; the rest waits for the next tick."""
        self._telling = False
        line, pins = self._line, self._pins
        if pins is None or line is None:
            return
        while line.open and line.waiting_bytes < MOST_WAITING_BYTES // 2 and (rows := pins.news(ROWS_AT_ONCE)):
            line.send(pack(rows))

    def _connect(self) -> None:
        if not self._closed:
            self._dial = asyncio.get_running_loop().create_task(self._try())

    async def _try(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_unix_connection(lambda: _Line(self._joined, self._receive, self._left), str(self._path))
        except OSError:  # not there, not listening, or no descriptor left: control absent is normal
            self._again()

    def _joined(self, line: _Line) -> None:
        self._line = line
        if self._pins is not None:
            self._pins.retell()
        self._send()

    def _receive(self, frames: list[bytes]) -> None:
        boards = [payload for payload in frames if not payload.startswith(MARK)]
        if self._pins is not None:
            for payload in frames:
                if payload.startswith(MARK):
                    self._pins.hear(unpack(payload))
        if boards:
            self._board(boards[-1])  # only the newest board counts

    def _board(self, payload: bytes) -> None:
        self._ends.adopt_board(_decode(payload))
        # Only a control that speaks resets the wait: one that accepts and dies would else be dialled without pause.
        self._wait_s = FIRST_WAIT_S

    def _left(self) -> None:
        self._line = None
        self._again()

    def _again(self) -> None:
        if self._closed:
            return
        # Half to all of the wait: the workers of a restarted control do not come back in one instant.
        share = 0.5 + (self._clock.bits64() >> 12) / (1 << 53)
        wait_s, self._wait_s = self._wait_s * share, min(self._wait_s * 2, LAST_WAIT_S)
        self._clock.later(wait_s, self._connect)


class _Line(asyncio.Protocol):
    """One connection to control, whatever became of the one before."""

    def __init__(
        self, joined: Callable[[_Line], None], receive: Callable[[list[bytes]], None], left: Callable[[], None]
    ) -> None:
        self._joined = joined
        self._receive = receive
        self._left = left
        self._splitter = Splitter(MOST_BOARD_BYTES)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclass of it
        self._joined(self)

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._splitter.feed(data)
            if frames:
                self._receive(frames)
        except (TooLong, msgspec.DecodeError):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._left()

    @property
    def open(self) -> bool:
        """Whether what is sent can arrive."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def waiting_bytes(self) -> int:
        """What the kernel has not taken yet."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def send(self, payload: bytes) -> None:
        """Send, or drop where the reader is behind."""
        if self._transport is not None and self.waiting_bytes < MOST_WAITING_BYTES:
            self._transport.write(frame(payload))

    def close(self) -> None:
        """Close once what was sent has gone out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()
