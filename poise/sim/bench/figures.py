"""The statistics of the benchmark: percentiles, medians with their spread, a slope that outliers do not bend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import NamedTuple


def percentile(values: Sequence[float], share_0_1: float) -> float:
    """The smallest value that at least this share of all does not exceed (nearest rank); NaN if there is none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share_0_1 * len(ordered)) - 1)]


class Spread(NamedTuple):
    """What several rounds gave: their median, the extremes, and how many there were."""

    median: float
    low: float
    high: float
    rounds: int


def spread(values: Sequence[float]) -> Spread | None:
    """Median and extremes, None where no round counted."""
    if not values:
        return None
    return Spread(median(values), min(values), max(values), len(values))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Change of y per unit of x, NaN for fewer than two x.

    Source: Theil-Sen, the median of the slopes of all pairs; it stands until 29 % of the points are outliers.
    """
    rises = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2]
    return median(rises) if rises else math.nan
