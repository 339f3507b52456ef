"""The measure of what storing costs measures what it says."""

from __future__ import annotations

from pathlib import Path

from tests.store.cost import measure


def test_the_measure_stores_what_it_counts(tmp_path: Path) -> None:
    """Every request of the run is two journal records, and the second half of it deletes."""
    found = measure(20_000, tmp_path)

    assert 40_000 == found["records"]
    assert found["trimmed"] > 0
    assert found["grow_us"] > 0
    assert found["trim_us"] > 0
