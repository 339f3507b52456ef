"""Recorded exchanges of four dialects, translated to each other one and back: equal, but for the written list."""

from __future__ import annotations

import sys
from typing import Final

import pytest

from tests.wire.crossing.crossed import KINDS, crossed, table
from tests.wire.crossing.differences import DIFFERENCES
from tests.wire.crossing.recorded import CODECS

PAIRS: Final = [(dialect, to) for dialect in CODECS for to in CODECS if dialect != to]
# Requests, whole answers and streams that the recordings hold at least; a test that sees fewer has lost some.
AT_LEAST: Final = {
    "openai": (1013, 597, 328, 597),
    "responses": (335, 213, 116, 213),
    "anthropic": (247, 141, 109, 141),
    "gemini": (305, 212, 117, 212),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dialect", "to"), PAIRS)
def test_what_crosses_comes_back_but_for_the_list(dialect: str, to: str, kind: str) -> None:
    """Text, tools, ids, images, usage and ending arrive, and come back, as the list says: no more and no less changes."""
    count = crossed().of(dialect, to, kind)
    wrong = [line for line in crossed().wrong if f" {kind} {dialect} -> {to}:" in line]

    assert [] == wrong
    assert 0 == count.wrong
    assert AT_LEAST[dialect][KINDS.index(kind)] <= count.equal + count.listed


def test_most_exchanges_come_back_equal() -> None:
    """The list is for exceptions: of all that crosses, nine in ten have none of its differences."""
    counts = crossed().counts.values()
    equal, listed = sum(one.equal for one in counts), sum(one.listed for one in counts)

    assert 9 * listed < equal


@pytest.mark.parametrize("name", [one.name for one in DIFFERENCES if one.recorded])
def test_each_difference_of_the_list_is_met(name: str) -> None:
    """Nothing stands on the list as recorded that no recording shows."""
    assert crossed().met[name] > 0


def test_the_table_is_told() -> None:
    """Counts by endpoint and pair, in this test's output (``-rA``), or by ``python -m tests.wire.crossing``."""
    told = table()
    sys.stdout.write(told)

    assert all(f"all of {dialect}" in told for dialect in CODECS)
