"""Virtual time: a clock and an event loop whose waiting costs nothing. The same seed gives the same run.

When every task waits, time jumps to the next timer. When there is no timer either, nothing can ever happen again:
that is a hang, and it is raised as one.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

from poise.clock import Timer
from poise.sim.dice import Dice

T = TypeVar("T")
Args = TypeVarTuple("Args")

EPOCH_US = 1_750_000_000_000_000  # wall time at the start of each run: a fixed moment of 2025
MAX_RUN_S = 86_400.0  # a run that needs more than a virtual day goes round in circles


class Stuck(Exception):
    """Every task waits and no timer runs, or the run went past its bound of virtual time."""


class VirtualClock:
    """``poise.clock.Clock`` on virtual time, with seeded chance."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self._loop = loop
        self._dice = Dice(seed)

    def now_us(self) -> int:
        return EPOCH_US + self._loop.now_us

    def later(self, wait_s: float, call: Callable[[], None]) -> Timer:
        return self._loop.call_later(max(0.0, wait_s), call)

    def bits64(self) -> int:
        return self._dice.bits64()

    async def sleep(self, wait_s: float) -> None:
        """Wait for wait_s virtual seconds."""
        waiter: asyncio.Future[None] = self._loop.create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        timer = self.later(wait_s, wake)
        try:
            await waiter
        finally:
            timer.cancel()


class _Jump:
    """Stands where an event loop keeps its selector: instead of waiting, time moves on."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout_s: float | None) -> list[Any]:
        """Never any event: there are no sockets here."""
        if timeout_s is None:
            raise Stuck(f"at {self._loop.now_us / 1e6:.6f} s every task waits and no timer runs")
        if timeout_s > 0:
            self._loop.jump()
        return []

    def close(self) -> None:
        """Nothing to close."""


class _OrderedTimer(asyncio.TimerHandle):
    """asyncio's timers of equal time fire in any order; these in the order they were set."""

    _scheduled: bool
    order = 0

    def enter(self, timers: list[asyncio.TimerHandle], order: int) -> None:
        """Join the loop's heap, where asyncio marks those that it will miss when they are cancelled."""
        self.order = order
        heapq.heappush(timers, self)
        self._scheduled = True

    def __lt__(self, other: object) -> bool:
        assert isinstance(other, _OrderedTimer)
        return (self.when(), self.order) < (other.when(), other.order)


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without sockets, threads or real time. Timers of equal time fire in the order they were set."""

    def __init__(self) -> None:
        super().__init__()
        self.now_us = 0
        self._selector = _Jump(self)
        self._clock_resolution = 5e-7  # half a microsecond: a timer is due when its microsecond is
        self._order = 0

    @property
    def _timers(self) -> list[asyncio.TimerHandle]:
        """Asyncio's own heap, asked for each time: when most of its timers are cancelled it makes itself a new list."""
        timers: list[asyncio.TimerHandle] = getattr(self, "_scheduled")  # noqa: B009 - asyncio's own, not typed
        return timers

    def time(self) -> float:
        return self.now_us / 1e6

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self._order += 1
        timer = _OrderedTimer(round(when, 6), callback, args, self, context)
        timer.enter(self._timers, self._order)
        return timer

    def jump(self) -> None:
        """Go to the moment of the next timer."""
        self.now_us = max(self.now_us, round(self._timers[0].when() * 1e6))
        if self.now_us > MAX_RUN_S * 1e6:
            raise Stuck(f"still running after {MAX_RUN_S:g} virtual seconds")

    def _process_events(self, event_list: list[Any]) -> None:
        """No sockets, no events."""

    def _write_to_self(self) -> None:
        """No other thread has a say here."""


def run(main: Callable[[VirtualClock], Coroutine[Any, Any, T]], seed: int) -> T:
    """Run ``main(clock)`` to its end on a fresh virtual loop. Raises Stuck where it can never end."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main(VirtualClock(loop, seed)))
