"""Peak-sensitive moving averages of durations.

A sample above the average replaces it at once, one below pulls it down with a time constant of TAU_US. Peak on
purpose: one slow reply should cost a target its place now, not in a minute. (The idea is Finagle's peak EWMA.)
"""

from __future__ import annotations

from math import exp
from typing import Final

from poise.signal import Measure

TAU_US: Final = 10_000_000


def add(measure: Measure, sample_us: int, now_us: int) -> Measure:
    """The measure after one more sample, microseconds. spread_us is the moving mean distance from the average."""
    if not measure.samples:
        return Measure(sample_us, 0, 1, now_us)
    keep = exp((measure.at_us - now_us) / TAU_US) if now_us > measure.at_us else 1.0
    # Samples that come faster than the clock would otherwise weigh nothing: one in at most a thousand counts.
    keep = min(keep, 0.999)
    distance = abs(sample_us - measure.value_us)
    spread_us = int(measure.spread_us * keep + distance * (1 - keep))
    value_us = sample_us if sample_us >= measure.value_us else int(measure.value_us * keep + sample_us * (1 - keep))
    return Measure(value_us, spread_us, measure.samples + 1, now_us)
