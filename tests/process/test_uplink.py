"""A worker's link to control: lossy, bounded, never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from poise.clock import SystemClock
from poise.edge.channel import Splitter, frame
from poise.edge.uplink import MOST_WAITING_BYTES, Uplink
from poise.signal import Board, WorkerSignals

PATIENCE_S = 20.0
TICK_S = 0.005


class Ends:
    """A plane that counts its ticks; filler is how many bytes its signals carry."""

    def __init__(self, filler: int = 0) -> None:
        self.said = 0
        self.boards: list[int] = []
        self._filler = "x" * filler

    def signals(self) -> WorkerSignals:
        self.said += 1
        return WorkerSignals(3, 0, self.said, 0, (), {self._filler: 1}, {})

    def adopt_board(self, board: Board) -> None:
        self.boards.append(board.made_us)


class Control:
    """The other end: keeps what it hears, and says what it is told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[WorkerSignals] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.deaf = False
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._meet, str(self.path))

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self.writers:
            writer.close()
            await writer.wait_closed()
        self.writers.clear()
        self.path.unlink(missing_ok=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        splitter = Splitter()
        while not self.deaf and (data := await reader.read(65536)):
            self.heard += [msgspec.msgpack.decode(raw, type=WorkerSignals) for raw in splitter.feed(data)]


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not look():  # noqa: ASYNC110 - what is waited for happens in the kernel and in the link
            await asyncio.sleep(0.001)


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


def test_signals_go_up_and_boards_come_down(tmp_path: Path) -> None:
    """Control hears each worker again and again, and its newest board reaches the plane."""

    async def scene() -> None:
        control, ends = Control(tmp_path / "control.sock"), Ends()
        await control.open()
        link = Uplink(control.path, ends, SystemClock(), tick_s=TICK_S)
        link.start()
        await until(lambda: len(control.heard) >= 3)
        board = b"".join(frame(msgspec.msgpack.encode(Board(made_us=made_us))) for made_us in (1, 2))
        control.writers[0].write(board)
        await until(lambda: ends.boards)
        link.close()
        await control.close()

        assert {3} == {signals.worker for signals in control.heard}
        assert 2 == ends.boards[-1]

    play(scene())


def test_control_absent_is_normal_and_a_later_one_is_found(tmp_path: Path) -> None:
    """The link keeps looking while nobody is there, and again when a control went away."""

    async def scene() -> None:
        control = Control(tmp_path / "control.sock")
        link = Uplink(control.path, Ends(), SystemClock(), tick_s=TICK_S)
        link.start()
        for _ in range(2):
            assert not link.up
            await control.open()
            await until(lambda: link.up and control.heard)
            await control.close()
            control.heard.clear()
            await until(lambda: not link.up)
        link.close()

    play(scene())


def test_a_control_that_does_not_read_costs_a_bounded_amount(tmp_path: Path) -> None:
    """Signals for a deaf control are dropped: the plane goes on being asked, and memory does not grow."""

    async def scene() -> None:
        control, ends = Control(tmp_path / "control.sock"), Ends(filler=100_000)
        control.deaf = True
        await control.open()
        link = Uplink(control.path, ends, SystemClock(), tick_s=TICK_S)
        link.start()
        await until(lambda: ends.said >= 40)  # 4 MB

        assert link.up
        assert MOST_WAITING_BYTES + 200_000 > link.waiting_bytes > 0
        link.close()
        await control.close()

    play(scene())


def test_noise_from_control_ends_the_connection_and_not_the_worker(tmp_path: Path) -> None:
    """What is no board is not passed on; the link comes back."""

    async def scene() -> None:
        control, ends = Control(tmp_path / "control.sock"), Ends()
        await control.open()
        link = Uplink(control.path, ends, SystemClock(), tick_s=TICK_S)
        link.start()
        for noise in (frame(b"\xc1 no msgpack"), b"\xff\xff\xff\xff"):
            await until(lambda: link.up and control.writers)
            control.writers[-1].write(noise)
            control.writers.pop().close()
        await until(lambda: link.up and control.writers)

        assert [] == ends.boards
        link.close()
        await control.close()

    play(scene())
