"""A worker process: the shell around one data plane.

It is started by the supervisor with everything it needs as open descriptors, obeys its channel, and drains when the
channel ends. Signals from a terminal or a service's whole group are the supervisor's to act on, so they are ignored.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import msgspec
import uvloop

from poise.clock import Clock, SystemClock
from poise.edge.channel import Adopt, Applied, Channel, Drain, Message, Ready, Release, Update, attach
from poise.edge.folder import CONTROL_SOCKET
from poise.edge.light import spare_cel_cli
from poise.edge.pin_link import Book
from poise.edge.snapshot import Snapshot, decode
from poise.edge.start import WorkerStart
from poise.edge.uplink import Ends, Uplink
from poise.errors import Error

log = logging.getLogger("poise.worker")

# What a drain may take beyond its grace: cutting streams in-band and closing the journal is a matter of milliseconds.
# After it the kernel ends the process, even one whose event loop is stuck.
LATE_S = 5.0


class DataPlane(Ends, Protocol):
    """What a worker runs; ``edge.plane.Plane`` is the real one. pins is None where it keeps none."""

    @property
    def pins(self) -> Book | None: ...

    async def start(self) -> None:
        """Begin to work."""

    def listen(self, sock: socket.socket) -> Callable[[], None]:
        """Accept on a duplicate of a listening socket. Returns a function that stops it."""

    def update(self, snapshot: Snapshot) -> None:
        """Serve what begins from now on by this snapshot."""

    async def drain(self, grace_s: float) -> None:
        """Accept nothing more, let what is under way end within grace_s, then end it in-band."""

    async def close(self) -> None:
        """Let go of everything."""


class MakePlane(Protocol):
    """Makes the data plane of worker ``index``, whose journal belongs in ``data``."""

    def __call__(self, snapshot: Snapshot, *, index: int, data: Path, clock: Clock) -> DataPlane: ...


class Worker:
    """One worker's life: first snapshot, serve, drain."""

    def __init__(self, index: int, own: int, sockets: list[socket.socket], data: Path, make_plane: MakePlane) -> None:
        self._index = index
        self._own = own
        self._sockets = sockets
        self._data = data
        self._make_plane = make_plane
        self._clock = SystemClock()
        self._plane: DataPlane | None = None
        self._snapshot: Snapshot | None = None
        self._grace_s: float | None = None
        self._stops: dict[int, Callable[[], None]] = {}
        self._news = asyncio.Event()

    async def run(self, line: socket.socket) -> None:
        """Serve until told to drain, or until the supervisor is gone. line is this end of the channel."""
        channel = await attach(line, self._receive, self._orphaned)
        while self._snapshot is None:
            if self._grace_s is not None:
                return
            await self._wait()
        plane = self._plane = self._make_plane(self._snapshot, index=self._index, data=self._data, clock=self._clock)
        uplink = Uplink(self._data / CONTROL_SOCKET, plane, self._clock, pins=plane.pins)
        await plane.start()
        self._listen(self._own)
        uplink.start()
        channel.send(Ready())
        channel.send(Applied(self._snapshot.epoch))
        # What lives until the end need not be looked at by every collection.
        gc.collect()
        gc.freeze()
        await self._serve(plane, self._snapshot.epoch, channel)
        uplink.close()
        await plane.close()
        channel.close()

    async def _serve(self, plane: DataPlane, epoch: int, channel: Channel) -> None:
        while self._grace_s is None:
            await self._wait()
            if self._snapshot is not None and epoch != self._snapshot.epoch:
                epoch = self._snapshot.epoch
                channel.send(Applied(epoch))
        for sock in self._sockets:
            sock.close()  # a copy that stays open would keep connections waiting that nobody will accept
        while not await self._drained(plane, self._grace_s):
            pass

    async def _drained(self, plane: DataPlane, grace_s: float) -> bool:
        """Drain; False where another grace came meanwhile."""
        signal.setitimer(signal.ITIMER_REAL, grace_s + LATE_S)
        draining = asyncio.ensure_future(plane.drain(grace_s))
        while not draining.done():
            news = asyncio.ensure_future(self._wait())
            await asyncio.wait((draining, news), return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            if self._grace_s != grace_s and not draining.done():
                draining.cancel()
                await asyncio.wait((draining,))
                return False
        draining.result()
        return True

    async def _wait(self) -> None:
        await self._news.wait()
        self._news.clear()

    def _receive(self, message: Message) -> None:
        match message:
            case Update(raw):
                self._snapshot = decode(raw)
                if self._plane is not None:
                    self._plane.update(self._snapshot)
            case Adopt(listener):
                self._listen(listener)
            case Release(listener):
                self._stops.pop(listener, _nothing)()
            case Drain(grace_s):
                self._grace_s = grace_s
            case Ready() | Applied():
                log.warning("the supervisor sent %s, which is for children to send", message)
        self._news.set()

    def _orphaned(self) -> None:
        if self._grace_s is None:
            self._grace_s = self._snapshot.limits.grace_s if self._snapshot else 0.0
            log.warning("the supervisor is gone; draining within %g s", self._grace_s)
            self._remove_socket_file()
        self._news.set()

    def _remove_socket_file(self) -> None:
        """Do what the supervisor cannot any more; at once, so that it cannot be a successor's file."""
        address = self._snapshot.listener.address if self._snapshot else ""
        if address.startswith("unix:"):
            Path(address.removeprefix("unix:")).unlink(missing_ok=True)

    def _listen(self, listener: int) -> None:
        if self._plane is not None and self._grace_s is None and listener not in self._stops:
            self._stops[listener] = self._plane.listen(self._sockets[listener])


def _nothing() -> None:
    """Stop what was never begun."""


def run_shell(work: Awaitable[None]) -> int:
    """Run a child's work on uvloop, deaf to signals. Returns the exit code; an Error is told on stderr."""

    async def whole() -> None:
        await work

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(whole())
        except Error as error:
            log.error("%s", error)  # noqa: TRY400 - a fact about the world, told in full; where it was raised says nothing
            return 1
    return 0


def real_plane() -> MakePlane:
    """The data plane, imported late: a test's worker has its own."""
    spare_cel_cli()
    from poise.edge.plane import Plane

    return Plane


def main(argv: list[str] | None = None, make_plane: MakePlane | None = None) -> int:
    """Entry point of a worker. make_plane is the real data plane unless a test brings its own."""
    (word,) = sys.argv[1:] if argv is None else argv
    told = msgspec.json.decode(word, type=WorkerStart)
    logging.basicConfig(format=f"%(asctime)s worker {told.index}: %(message)s", level=logging.INFO)
    sockets = [socket.socket(fileno=number) for number in told.sockets]
    worker = Worker(told.index, told.own, sockets, Path(told.data), make_plane or real_plane())
    return run_shell(worker.run(socket.socket(fileno=told.channel)))


if __name__ == "__main__":
    sys.exit(main())
