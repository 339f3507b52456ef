"""Control's end of the workers' links: signals come in, boards go out. Lossy on purpose, bounded on purpose."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec

from poise.clock import Clock
from poise.control.pins import Made, PinTable
from poise.decision import Maker
from poise.edge.channel import Splitter, TooLong, frame
from poise.edge.pin_link import MARK, ROWS_AT_ONCE, pack, unpack
from poise.signal import Board, WorkerSignals

log = logging.getLogger("poise.control")

MOST_LINES = 256
MOST_SIGNALS_BYTES = 16 * 1024 * 1024
# A worker this far behind reads nothing; the next board says it better than a queue of old ones.
MOST_WAITING_BYTES = 1024 * 1024
# Pins wait for a worker that is behind: it is told on a later tick. A board is small beside this.
PINS_WAITING_BYTES = 256 * 1024
# A worker that has said nothing for this long is stuck; what it said has no more weight.
SILENT_US = 5_000_000

_decode = msgspec.msgpack.Decoder(WorkerSignals).decode
_encode = msgspec.msgpack.Encoder().encode


class Hub:
    """Accepts workers on ``path``. ``open`` and ``close`` are called once each."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._inode = 0
        self.lines: set[_Line] = set()
        self.pins = PinTable()
        self.on_pins: Callable[[list[Made]], None] | None = None  # for those who keep what is news

    async def open(self) -> None:
        """Listen. A socket left by an earlier control is replaced in one step, so that no worker finds none."""
        sock = socket.socket(socket.AF_UNIX)
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        sock.bind(str(fresh))
        fresh.chmod(0o600)
        self._inode = fresh.stat().st_ino
        sock.setblocking(False)
        sock.listen(MOST_LINES)
        self._server = await asyncio.get_running_loop().create_unix_server(lambda: _Line(self), sock=sock)
        fresh.rename(self._path)

    def close(self) -> None:
        """Let all lines go and remove the socket, if it is still this one."""
        if self._server is not None:
            self._server.close()
        for line in list(self.lines):
            line.abort()
        try:
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            pass

    def views(self) -> list[WorkerSignals]:
        """The newest signals of every worker that is there: one for each index, by when it was said."""
        now_us = self._clock.now_us()
        newest: dict[int, tuple[int, WorkerSignals]] = {}
        for line in self.lines:
            if line.view is not None and line.heard_us >= now_us - SILENT_US:
                known = newest.get(line.view.worker)
                if known is None or known[0] < line.heard_us:
                    newest[line.view.worker] = (line.heard_us, line.view)
        return [view for _, view in newest.values()]

    def send(self, board: Board) -> None:
        """Hand the board to every worker that can take it now."""
        payload = frame(_encode(board))
        for line in self.lines:
            line.send(payload)
        self.spread()

    def spread(self) -> None:
        """Tell every worker the pins that it has not heard, as far as it takes them now."""
        for line in self.lines:
            line.spread(self.pins)

    def hear_pins(self, payload: bytes) -> None:
        """Keep what a worker learnt, and tell the others at once: the next request may reach any of them."""
        now_s = self._clock.now_us() // 1_000_000
        fresh = self.pins.take([Made(digest, *maker, now_s) for digest, maker in unpack(payload)])
        if fresh:
            if self.on_pins is not None:
                self.on_pins(fresh)
            self.spread()

    def load(self, rows: list[Made]) -> None:
        """Take over the pins that the store kept."""
        self.pins.load(rows)
        self.spread()

    def hear(self, line: _Line, payload: bytes) -> None:
        """Take note of what a worker says."""
        line.view = _decode(payload)
        line.heard_us = self._clock.now_us()

    def __repr__(self) -> str:
        return f"Hub({self._path}, {len(self.lines)} lines)"


class _Line(asyncio.Protocol):
    """One worker's connection."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._splitter = Splitter(MOST_SIGNALS_BYTES)
        self._transport: asyncio.Transport | None = None
        self.view: WorkerSignals | None = None
        self.heard_us = 0
        self._told = 0  # pins, by their number

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's own class has no common ancestor
        if len(self._hub.lines) >= MOST_LINES:
            transport.abort()
            return
        self._hub.lines.add(self)
        self.spread(self._hub.pins)

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._splitter.feed(data)
            signals = [payload for payload in frames if not payload.startswith(MARK)]
            for payload in frames:
                if payload.startswith(MARK):
                    self._hub.hear_pins(payload)
            if signals:
                self._hub.hear(self, signals[-1])  # only the newest counts
        except (TooLong, msgspec.DecodeError) as problem:
            log.warning("a worker's link said what is no signal and is cut: %s", problem)
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._hub.lines.discard(self)

    def send(self, payload: bytes) -> None:
        """Send, or skip where the worker is behind."""
        if self._transport is not None and self._transport.get_write_buffer_size() < MOST_WAITING_BYTES:
            self._transport.write(payload)

    def spread(self, pins: PinTable) -> None:
        """Tell the worker what it has not heard, while it keeps reading."""
        while (
            self._transport is not None
            and self._told < pins.end
            and self._transport.get_write_buffer_size() < PINS_WAITING_BYTES
        ):
            rows, self._told = pins.since(self._told, ROWS_AT_ONCE)
            if rows:
                self._transport.write(frame(pack((row.digest, Maker(row.provider, row.target)) for row in rows)))

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()
