"""Stand-ins for what the real processes carry: a data plane that answers who it is, and a control that only lives.

Run as a program: ``stand_in.py supervise FILE WORKERS``, which starts itself again as ``worker`` and ``control``.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from poise.clock import Clock
from poise.edge import controller, supervisor, worker
from poise.edge.snapshot import Limits, Listener, Snapshot
from poise.edge.source import Touch, Unusable, touch
from poise.signal import Board, WorkerSignals

PULSE_S = 0.02


class File(msgspec.Struct):
    """What the stand-in configuration says; name stands for all that a reload may change."""

    name: str
    data: str
    listen: str = "127.0.0.1:0"
    grace_s: float = 5.0


class JsonSource:
    def __init__(self, path: Path) -> None:
        self._path = path

    def compile(self, epoch: int) -> Snapshot:
        try:
            file = msgspec.json.decode(self._path.read_bytes(), type=File)
        except (OSError, msgspec.DecodeError) as problem:
            raise Unusable(f"{self._path}: {problem}") from problem
        return Snapshot(
            epoch,
            file.name,
            Listener(file.listen),
            "127.0.0.1:0",
            file.data,
            policies={},
            endpoints={},
            grants={},
            keys={},
            salt=b"",
            limits=Limits(grace_s=file.grace_s),
        )

    def fingerprint(self) -> dict[Path, Touch]:
        return {self._path: touch(self._path)}


class Answer(msgspec.Struct):
    """What the stand-in plane answers to ``/``."""

    pid: int
    index: int
    epoch: int
    name: str
    boards: int


class Plane:
    """Answers ``/`` with an Answer; ``/stream`` with a pulse a line until it is told to drain, then ``end``."""

    pins = None

    def __init__(self, snapshot: Snapshot, *, index: int, data: Path, clock: Clock) -> None:
        self._snapshot = snapshot
        self._index = index
        self._clock = clock
        self._boards = 0
        self._servers: set[asyncio.Task[asyncio.Server]] = set()
        self._live: set[asyncio.Task[None]] = set()
        self._streaming = 0
        self._cut = False

    async def start(self) -> None:
        pass

    def listen(self, sock: socket.socket) -> Callable[[], None]:
        # No look at the request: whoever connects and says a line is answered.
        task = asyncio.ensure_future(asyncio.start_server(self._meet, sock=sock.dup()))
        self._servers.add(task)

        def stop() -> None:
            self._servers.discard(task)
            if task.done():
                task.result().close()
            else:
                task.cancel()

        return stop

    def update(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def adopt_board(self, board: Board) -> None:
        self._boards += 1

    def signals(self) -> WorkerSignals:
        return WorkerSignals(self._index, os.getpid(), self._clock.now_us(), 0, (), {}, {})

    async def drain(self, grace_s: float) -> None:
        for task in self._servers:
            (await task).close()
        if self._live:
            await asyncio.wait(self._live, timeout=grace_s)
        self._cut = True
        if self._live:
            await asyncio.wait(self._live)

    async def close(self) -> None:
        pass

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._live.add(task)
        try:
            await self._answer(reader, writer)
        except ConnectionError:
            pass  # the client went
        finally:
            writer.close()
            self._live.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = (await reader.readuntil(b"\r\n\r\n")).split()
        now = self._snapshot
        answer = Answer(os.getpid(), self._index, now.epoch, now.digest, self._boards)
        body = msgspec.json.encode(answer) + b"\n"
        if words[1] == b"/":
            writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            return await writer.drain()
        pulses = int(words[1].rpartition(b"/")[2])  # /stream/N: so many pulses
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + body)
        while pulses > 0 and not self._cut:
            pulses -= 1
            await asyncio.sleep(PULSE_S)
            writer.write(b"pulse\n")
            await writer.drain()
        writer.write(b"cut\n" if self._cut else b"end\n")
        return await writer.drain()


async def serve(
    snapshot: Snapshot,
    *,
    data: Path,
    parent_fd: int,
    subscribe: Callable[[Callable[[Snapshot], None]], None],
    ready: Callable[[str], None],
) -> None:
    """A control that notes in ``control.log`` when it begins, what epoch it serves, and when it ends."""
    note = data / "control.log"

    def tell(text: str) -> None:
        with note.open("a") as out:
            out.write(f"{os.getpid()} {text}\n")

    over = asyncio.Event()
    asyncio.get_running_loop().add_reader(parent_fd, over.set)
    subscribe(lambda fresh: tell(f"epoch {fresh.epoch}"))
    ready("127.0.0.1:8701")
    await over.wait()
    tell("end")


def main(argv: list[str]) -> int:
    """Be what the first word says."""
    if argv[0] == "worker":
        return worker.main(argv[1:], Plane)
    if argv[0] == "broken":
        return 7
    if argv[0] == "control":
        return controller.main(argv[1:], serve)
    me = (sys.executable, str(Path(__file__)))
    setup = supervisor.Setup(
        int(argv[2]),
        watch_s=0.1,
        worker=(*me, "broken" if argv[0] == "false-start" else "worker"),
        control=(*me, "control"),
    )
    return supervisor.supervise(JsonSource(Path(argv[1])), setup)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
