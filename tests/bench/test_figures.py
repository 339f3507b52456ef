"""Percentiles, spreads and slopes against values worked out by hand."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from poise.sim.bench.figures import Spread, percentile, slope, spread


def test_percentile_is_the_nearest_rank() -> None:
    """p99 of 1..100 is 99, p100 is 100, and the order in which values come does not matter."""
    values = [float(n) for n in range(100, 0, -1)]

    assert 50.0 == percentile(values, 0.50)
    assert 99.0 == percentile(values, 0.99)
    assert 100.0 == percentile(values, 1.0)
    assert 1.0 == percentile(values, 0.0)


def test_nothing_measured_has_no_percentile() -> None:
    """An empty sample gives NaN, not a zero that looks like a measurement."""
    assert math.isnan(percentile([], 0.5))


@given(st.lists(st.integers(-1000, 1000), min_size=1), st.floats(0.01, 1.0))
def test_percentile_is_not_exceeded_by_its_share(values: list[int], share: float) -> None:
    """At least that share of the values is at or below it, and it is one of them."""
    found = percentile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_spread_keeps_the_extremes() -> None:
    """One wild round moves the high end and not the median."""
    assert Spread(median=11.0, low=10.0, high=900.0, rounds=3) == spread([900.0, 10.0, 11.0])
    assert spread([]) is None


def test_slope_of_a_line_is_its_slope() -> None:
    """Four points of y = 3x + 1."""
    assert 3.0 == slope([(x, 3.0 * x + 1.0) for x in (0.0, 1.0, 4.0, 7.0)])


def test_slope_stands_against_an_outlier() -> None:
    """One sample of a hundred times the size does not turn flat memory into a leak."""
    points = [(float(x), 50.0) for x in range(10)]
    points[9] = (9.0, 5000.0)

    assert 0.0 == slope(points)


def test_slope_needs_two_moments() -> None:
    """A single sample, or several of one moment, say nothing."""
    assert math.isnan(slope([(1.0, 2.0)]))
    assert math.isnan(slope([(1.0, 2.0), (1.0, 3.0)]))
