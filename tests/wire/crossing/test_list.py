"""The list of differences is the one in the docs."""

from __future__ import annotations

from pathlib import Path

from tests.wire.crossing.differences import DIFFERENCES, markdown

DOCS = Path(__file__).parents[3] / "docs" / "dialects.md"


def test_the_docs_have_the_list() -> None:
    """Word for word: ``python -m tests.wire.crossing --list`` prints what belongs there."""
    assert markdown() in DOCS.read_text(encoding="utf-8")


def test_each_difference_has_a_name_of_its_own_and_a_reason() -> None:
    """A name, what it is and why."""
    assert len(DIFFERENCES) == len({one.name for one in DIFFERENCES})
    assert all(one.what and one.why and one.to and one.within for one in DIFFERENCES)
