"""Whether a stream is alive: what counts as a sign of life, how long without one is too long, how few are too few."""

from __future__ import annotations

from typing import Final

LEAST_BYTES_PER_S: Final = 100  # of an event that is still coming: a picture on a slow line is not silence
RATE_US: Final = 30_000_000  # the span over which the least rate is looked at
EVENT_BYTES_PER_TOKEN: Final = 160  # of a streamed event (OpenAI chunks: 160-240 bytes a token, Anthropic's 110-130)
COLON: Final = 58  # what a comment begins with


class Pulse:
    """The signs of life of one stream. Sizes are bytes of its body, times wall time in microseconds.

    heard counts whole events that say something, noise comments: they keep a connection alive, not an answer. Both are
    written by the exchange itself: a call for each event was a tenth of a microsecond.
    """

    __slots__ = ("_rated", "_rated_us", "_seen", "heard", "noise", "quiet_us")

    def __init__(self, now_us: int) -> None:
        self.heard = 0
        self.noise = 0
        self.quiet_us = now_us
        self._seen = 0
        self._rated = 0
        self._rated_us = now_us

    def begin(self, now_us: int) -> None:
        """The first token came: from here on the rate counts."""
        self._rated = self.heard
        self._rated_us = now_us

    def forgive(self, late_us: int) -> None:
        """The gateway itself was late: that time is nobody's silence."""
        self.quiet_us += late_us
        self._rated_us += late_us

    def look(self, now_us: int, *, paused: bool) -> int:
        """How long it has been silent, microseconds. paused: the client is not reading, so the silence is its own."""
        if paused:
            self.begin(now_us)
        if paused or self.heard != self._seen:
            self._seen = self.heard
            self.quiet_us = now_us
        return now_us - self.quiet_us

    def stalled(self, silent_us: int, stall_us: int, size: int) -> bool:
        """Silent for too long, and no event is on its way at a rate that a slow line may have. size is all of the body."""
        coming = size - self.heard - self.noise
        return silent_us >= stall_us and coming * 1_000_000 < LEAST_BYTES_PER_S * silent_us

    def slow(self, now_us: int, stall_us: int, rate_e3: int, size: int) -> str:
        """Why it is too slow, '' where it is not: fewer tokens than rate_e3 in a thousand seconds, over a span or more."""
        span_us = now_us - self._rated_us
        if not rate_e3 or span_us < max(RATE_US, stall_us):
            return ""
        tokens_e3 = (size - self.noise - self._rated) * 1000 // EVENT_BYTES_PER_TOKEN
        if tokens_e3 * 1_000_000 < rate_e3 * span_us:
            return f"{tokens_e3 / 1000:.1f} tokens in {span_us / 1e6:.0f} s, at least {rate_e3 / 1000:g} a second"
        self._rated, self._rated_us = size - self.noise, now_us
        return ""
