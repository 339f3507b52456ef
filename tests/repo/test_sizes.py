"""The size check finds what is too long, and its list of exceptions can only shrink."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks import sizes
from checks.tree import ROOT
from tests.repo.conftest import Write


def test_file_of_400_lines_passes_and_of_401_fails(tmp_path: Path, write: Write) -> None:
    """The limit itself is allowed."""
    write("long.py", "x = 1\n" * 400)
    assert [] == sizes.faults(tmp_path)

    write("long.py", "x = 1\n" * 401)
    assert ["long.py: 401 lines, at most 400"] == [fault.splitlines()[0] for fault in sizes.faults(tmp_path)]


@pytest.mark.parametrize("head", ["def act():", "async def act():"])
def test_function_of_70_lines_passes_and_of_71_fails(tmp_path: Path, write: Write, head: str) -> None:
    """Methods and functions within functions are measured too."""
    write("a.py", f"class Stage:\n    {head}\n" + "        x = 1\n" * 69)
    assert [] == sizes.faults(tmp_path)

    write("a.py", f"class Stage:\n    {head}\n" + "        x = 1\n" * 70)
    assert ["a.py:Stage.act: 71 lines, at most 70"] == [fault.splitlines()[0] for fault in sizes.faults(tmp_path)]


def test_row_that_is_not_needed_is_a_fault(tmp_path: Path, write: Write) -> None:
    """Who makes a file shorter also takes its exception away."""
    write("a.py", "x = 1\n")
    write(str(sizes.ALLOWED), "a.py 401\n")

    assert any("a.py is within its limit now" in fault for fault in sizes.faults(tmp_path))


def test_allowed_file_may_not_grow_and_the_list_may_not_either(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row holds a length, not a licence."""
    monkeypatch.setattr(sizes, "MOST_ALLOWED", 1)
    write(str(sizes.ALLOWED), "a.py 410\n")
    write("a.py", "x = 1\n" * 410)
    assert [] == sizes.faults(tmp_path)

    write("a.py", "x = 1\n" * 411)
    assert 1 == len(sizes.faults(tmp_path))

    write("b.py", "x = 1\n" * 410)
    write(str(sizes.ALLOWED), "a.py 411\nb.py 410\n")
    assert any("2 rows, at most 1" in fault for fault in sizes.faults(tmp_path))


def test_no_exception_is_made_in_this_repository() -> None:
    """The list began empty, so it stays empty."""
    rows = (ROOT / sizes.ALLOWED).read_text(encoding="utf-8").splitlines()

    assert [] == [row for row in rows if not row.startswith("#")]
    assert 0 == sizes.MOST_ALLOWED
