"""Quantiles of a duration, by counting in buckets that grow by a fixed ratio: what a hedge waits for."""

from __future__ import annotations

from math import ceil, log
from typing import Final

LOW_US: Final = 1_000
RATIO: Final = 1.2  # so a quantile is at most a fifth too high, never too low
BUCKETS: Final = 80  # up to about 36 minutes
FEWEST: Final = 20  # samples before anything is said: the 95th of fewer is their highest
MOST: Final = 1024  # then all counts are halved, so that what was a while ago fades

_LOG_RATIO: Final = log(RATIO)


class Quantiles:
    """Counts of one target's durations."""

    __slots__ = ("_counts", "samples")

    def __init__(self) -> None:
        self._counts = [0] * BUCKETS
        self.samples = 0

    def add(self, sample_us: int) -> None:
        """One more, microseconds."""
        place = 0 if sample_us <= LOW_US else min(BUCKETS - 1, ceil(log(sample_us / LOW_US) / _LOG_RATIO))
        self._counts[place] += 1
        self.samples += 1
        if self.samples >= MOST:
            self._counts = [count // 2 for count in self._counts]
            self.samples = sum(self._counts)

    def at(self, share_e2: int) -> int:
        """The duration that share_e2 hundredths of all are at most as long as, microseconds; -1 with too few samples."""
        if self.samples < FEWEST:
            return -1
        need = self.samples * share_e2 / 100
        seen = 0
        for place, count in enumerate(self._counts):
            seen += count
            if seen >= need:
                return int(LOW_US * RATIO**place)
        return int(LOW_US * RATIO ** (BUCKETS - 1))
