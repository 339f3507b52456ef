"""A budget of extra attempts: a share of the traffic, and a floor for when there is hardly any.

A budget and not a count, because a count multiplies: three attempts for each of a thousand failing requests are what turns
an outage into a storm, while a tenth of the traffic is the same small load whatever happens. (Finagle's retry budget; SRE
book, chapter 22, has the 10 %.) What is not used within TTL_US is gone, so that a quiet night does not pay for a storm.
"""

from __future__ import annotations

from typing import Final

TTL_US: Final = 10_000_000
RETRY_SHARE: Final = 0.1  # extra attempts per call
RETRY_FLOOR_PER_S: Final = 1.0
HEDGE_SHARE: Final = 0.05
HEDGE_FLOOR_PER_S: Final = 0.1


class Budget:
    """Extra attempts at one upstream. calls are counted by whoever makes them, credit is worked out when it is asked for."""

    __slots__ = ("_at_us", "_credit", "_floor_per_us", "_seen", "_share", "calls")

    def __init__(self, share: float = RETRY_SHARE, floor_per_s: float = RETRY_FLOOR_PER_S) -> None:
        self._share = share
        self._floor_per_us = floor_per_s / 1e6
        self._credit = floor_per_s * TTL_US / 1e6  # what a quiet ten seconds would have saved
        self._at_us = 0
        self._seen = 0
        self.calls = 0

    def spend(self, now_us: int) -> bool:
        """Take one extra attempt out of the budget; False where there is none left."""
        self._refill(now_us)
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True

    def _refill(self, now_us: int) -> None:
        """Credit fades in a straight line over TTL_US; calls since the last look are taken as evenly spread."""
        new = self.calls - self._seen
        self._seen = self.calls
        if not self._at_us:
            self._at_us = now_us
        gone_us = max(0, now_us - self._at_us)
        self._at_us = now_us
        kept = max(0.0, 1.0 - gone_us / TTL_US)
        fresh = new * min(1.0, TTL_US / gone_us) if gone_us else float(new)
        floor = self._floor_per_us * min(gone_us, TTL_US)
        self._credit = self._credit * kept + self._share * fresh + floor
