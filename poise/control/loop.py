"""The only timer of control. A tick merges what workers said into a Board, hands it out, and lets the store catch up.

Storing is slow and blocking, so it has one thread of its own; a tick that finds it still busy does not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from poise.clock import Clock, Timer
from poise.control.board import Action, ejections, merge
from poise.signal import Board, WorkerSignals

log = logging.getLogger("poise.control")

TICK_S = 0.25


class Effects(Protocol):
    """What the loop may do to the world."""

    def views(self) -> Iterable[WorkerSignals]:
        """The newest signals of each worker that is there."""

    def send(self, board: Board) -> None:
        """Hand the board to every worker; what cannot take it at once is skipped."""

    def act(self, actions: Sequence[Action]) -> None:
        """Record what was done."""

    def store(self, now_us: int) -> Callable[[], None]:
        """Let the store catch up. Blocks: called in the loop's own thread; what it returns, on the event loop."""


class Loop:
    """Ticks from ``start`` to ``stop``. It outlives any one bad tick, and says so."""

    def __init__(self, effects: Effects, clock: Clock, *, tick_s: float = TICK_S) -> None:
        self._effects = effects
        self._clock = clock
        self._tick_s = tick_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._timer: Timer | None = None
        self._storing: asyncio.Task[None] | None = None
        self._board = Board()
        self._out: frozenset[str] = frozenset()
        self._complaint = ""

    def start(self) -> None:
        """Begin to tick, with a first tick at once."""
        self._tick()

    async def stop(self) -> None:
        """Tick no more, let what is being stored end, then store once more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._storing is not None:
            await self._storing
        await self._store()
        self._thread.shutdown(wait=False)

    def _tick(self) -> None:
        self._guarded(self._merge)
        if self._storing is None or self._storing.done():
            self._storing = asyncio.get_running_loop().create_task(self._store())
        self._timer = self._clock.later(self._tick_s, self._tick)

    def _merge(self) -> None:
        now_us = self._clock.now_us()
        self._board = merge(self._effects.views(), self._board, now_us)
        self._effects.send(self._board)
        self._out, actions = ejections(self._out, self._board, now_us)
        if actions:
            self._effects.act(actions)

    async def _store(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            news = await loop.run_in_executor(self._thread, self._effects.store, self._clock.now_us())
            news()
        except Exception as problem:
            self._complain(problem)

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as problem:
            self._complain(problem)

    def _complain(self, problem: Exception) -> None:
        """Log a fault of ours once, not four times a second."""
        said = f"{type(problem).__name__}: {problem}"
        if said != self._complaint:
            log.error("a tick failed, the loop goes on: %s", said, exc_info=problem)
        self._complaint = said
