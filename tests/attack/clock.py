"""Real time that a test may also skip, and a bell that rings whenever something may have changed."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

from poise.clock import SystemClock


class Bell:
    """Waiting for a fact without sleeping: whoever changes something rings, whoever waits looks again."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        """Something may have changed."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, fact: Callable[[], object], within_s: float = 5.0) -> None:
        """Return when ``fact()`` is true. Raises TimeoutError where it never is."""
        async with asyncio.timeout(within_s):
            while not fact():
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                await waiter


class _Timer:
    """A call in the skipping clock's heap and in the loop's, made by whichever comes first."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call
        self.real: asyncio.TimerHandle | None = None

    def fire(self) -> None:
        call = self._call
        self.cancel()
        if call is not None:
            call()

    def cancel(self) -> None:
        self._call = None
        if self.real is not None:
            self.real.cancel()


class SkippingClock:
    """``poise.clock.Clock`` on real time; ``skip`` moves it on and makes every call that falls due on the way."""

    def __init__(self, bell: Bell) -> None:
        self._real = SystemClock()
        self._bell = bell
        self._skipped_us = 0
        self._heap: list[tuple[int, int, _Timer]] = []
        self._order = itertools.count()

    def now_us(self) -> int:
        return self._real.now_us() + self._skipped_us

    def later(self, wait_s: float, call: Callable[[], None]) -> _Timer:
        timer = _Timer(call)
        timer.real = asyncio.get_running_loop().call_later(wait_s, self._fire, timer)
        heapq.heappush(self._heap, (self.now_us() + int(wait_s * 1e6), next(self._order), timer))
        return timer

    def bits64(self) -> int:
        return self._real.bits64()

    def skip(self, seconds: float) -> None:
        """Let time pass at once: each timer sees the moment it was set for."""
        end_us = self.now_us() + int(seconds * 1e6)
        while self._heap and self._heap[0][0] <= end_us:
            due_us, _, timer = heapq.heappop(self._heap)
            self._skipped_us += max(0, due_us - self.now_us())
            self._fire(timer)
        self._skipped_us += max(0, end_us - self.now_us())

    def _fire(self, timer: _Timer) -> None:
        timer.fire()
        self._bell.ring()
