"""The only file that reads time or waits.

Everything else is handed a Clock. Tests and rehearsals hand in ``poise.sim.clock.VirtualClock``.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, Protocol


class Timer(Protocol):
    """A call that has been asked for and can be taken back."""

    def cancel(self) -> None:
        """Take the call back; harmless after it was made."""


class Clock(Protocol):
    """Time, waiting and chance, as an argument."""

    def now_us(self) -> int:
        """Wall-clock time in integer microseconds since 1970, never going backwards within a process."""

    def later(self, wait_s: float, call: Callable[[], None]) -> Timer:
        """Make a call after wait_s seconds on the running event loop."""

    def bits64(self) -> int:
        """64 random bits."""


_monotonic_ns: Final = time.monotonic_ns


class SystemClock:
    """Real time: the wall clock read once, advanced by the monotonic clock, so that a set clock moves nothing."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()
        self._bits = random.Random(random.SystemRandom().getrandbits(128)).getrandbits

    def now_us(self) -> int:
        return (_monotonic_ns() + self._offset_ns) // 1000

    def later(self, wait_s: float, call: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(wait_s, call)

    def bits64(self) -> int:
        return self._bits(64)
