"""Control, whole: workers' signals, the loop, the store, the admin listener.

What must be there first comes first: the store and the board within milliseconds, the admin API (whose libraries take
half a second to load) once they run.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from poise.clock import Clock, SystemClock
from poise.control.board import Action
from poise.control.loop import Loop
from poise.control.pins import Made
from poise.edge.admin.condition import Condition
from poise.edge.admin.hub import Hub
from poise.edge.folder import CONTROL_SOCKET
from poise.edge.snapshot import Snapshot
from poise.signal import Board, WorkerSignals
from poise.store.tail import Kept, Tail

if TYPE_CHECKING:
    from poise.edge.admin.listener import Listener

log = logging.getLogger("poise.control")

# At the end every journal is drained; should the store be down then, the journals stay for the next control.
LAST_PASSES = 200
LAST_PAUSE_S = 0.05


class Control:
    """The loop's effects: everything it may do to the world, and what it learns, goes through here."""

    def __init__(self, snapshot: Snapshot, data: Path, clock: Clock) -> None:
        self.condition = Condition(snapshot, clock.now_us())
        self.hub = Hub(data / CONTROL_SOCKET, clock)
        self._tail = Tail(data, _kept(snapshot))
        self._snapshot = snapshot
        self.hub.on_pins = self._tail.pin
        self._tail.keep(_kept(snapshot), snapshot.every_policy())
        self._actions: list[Action] = []

    def update(self, snapshot: Snapshot) -> None:
        """Take over a new configuration; its policies are stored before, or with, the first decision under them."""
        self._snapshot = snapshot
        self.condition.update(snapshot)
        self._tail.keep(_kept(snapshot), snapshot.every_policy())

    def views(self) -> Iterable[WorkerSignals]:
        """The newest signals of each worker that is there."""
        return self.hub.views()

    def send(self, board: Board) -> None:
        """Hand the board out."""
        self.condition.take_signals(self.hub.views(), board)
        self.hub.send(board)

    def act(self, actions: Sequence[Action]) -> None:
        """Record what was done."""
        for action in actions:
            log.warning("%s: %s %s: %s", action.loop, action.action, action.subject, action.because)
        self.condition.take_actions(actions)
        self._tail.record(actions)

    def store(self, now_us: int) -> Callable[[], None]:
        """Let the store catch up; in the loop's thread."""
        report = self._tail.step(now_us)
        pinned = [Made(*row) for row in self._tail.pinned()]

        def told() -> None:
            self.condition.take_report(report)
            if pinned:
                self.hub.load(pinned)

        return told

    def drained(self) -> bool:
        """Whether nothing is left to store, or the store cannot take it."""
        report = self.condition.report
        return report is None or not report.up or (report.behind_bytes == 0 and report.writers == 0)

    def close(self) -> None:
        """Let go of socket and store."""
        self.hub.close()
        self._tail.close()


async def serve(
    snapshot: Snapshot,
    *,
    data: Path,
    parent_fd: int | None,
    subscribe: Callable[[Callable[[Snapshot], None]], None] | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run control until parent_fd reads as ended (None: until cancelled), then store what is left and return.

    subscribe is called once with what takes each later snapshot; ready once, with the admin listener's address.
    """
    clock = SystemClock()
    control = Control(snapshot, data, clock)
    if subscribe is not None:
        subscribe(control.update)
    # Rows are made by the ten thousand and hold no cycles; collecting after every 700 of them found nothing for 4 %.
    gc.set_threshold(50_000, 20, 100)
    loop = Loop(control, clock)
    await control.hub.open()
    loop.start()
    admin = asyncio.get_running_loop().create_task(_admin(snapshot, control.condition, data, clock, ready))
    try:
        await _ended(parent_fd)
    finally:
        admin.cancel()
        await asyncio.wait((admin,))
        await loop.stop()
        for _ in range(LAST_PASSES):
            if control.drained():
                break
            await asyncio.sleep(LAST_PAUSE_S)
            control.store(clock.now_us())()
        control.close()


async def _admin(
    snapshot: Snapshot, condition: Condition, data: Path, clock: Clock, ready: Callable[[str], None] | None
) -> None:
    """The admin listener, its libraries loaded in a thread so that the loop keeps ticking meanwhile."""
    if snapshot.admin == "none":
        return
    listener = (await asyncio.to_thread(_load))(snapshot.admin, condition, data, clock, ready or _unheard)
    serving = asyncio.ensure_future(listener.run())
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        # uvicorn ends by being asked, within its second of grace; cancelled, it would leave connections open.
        listener.stop()
        await asyncio.wait((serving,), timeout=2.0)
        serving.cancel()
        raise


def _load() -> type[Listener]:
    from poise.edge.admin.listener import Listener

    return Listener


def _unheard(address: str) -> None:
    log.info("admin at %s", address)


async def _ended(fd: int | None) -> None:
    """Wait until a descriptor that nobody writes to reads as ended."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    if fd is not None:
        loop.add_reader(fd, over.set)
    try:
        await over.wait()
    finally:
        if fd is not None:
            loop.remove_reader(fd)


def _kept(snapshot: Snapshot) -> Kept:
    return Kept(snapshot.retention_s, snapshot.retention_bytes)
