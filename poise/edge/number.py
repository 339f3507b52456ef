"""The numbers of decisions: unique over the workers of a gateway, and ordered by time."""

from __future__ import annotations

from poise.clock import Clock


class Numbers:
    """Makes them: time in microseconds, the worker's index (8 bits), 4 bits of nothing; 63 bits in all."""

    __slots__ = ("_clock", "_last", "_worker")

    def __init__(self, clock: Clock, worker: int) -> None:
        self._clock = clock
        self._worker = worker << 4
        self._last = 0

    def next(self) -> int:
        """One that was not given out before, and is larger than all that were."""
        number = self._clock.now_us() << 12 | self._worker
        if number <= self._last:
            number = self._last + 4096
        self._last = number
        return number
