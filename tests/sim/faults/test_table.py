"""The fault table: every fault is witnessed, what is met stays met, and what is not met yet is named here."""

from __future__ import annotations

import json

import pytest

from poise.sim.faults import __main__ as command
from poise.sim.faults.row import Judged, Row, result, summed
from poise.sim.faults.scene import Case, play, said
from poise.sim.faults.table import ROWS, chosen, line

# Goals that the request path does not meet yet. One that is met must leave this list.
NOT_YET = {
    "F01a", "F03a", "F03b", "F05d", "F22d", "F22e", "F30b", "F42",
}  # fmt: skip
LONG = {"F12c", "F14a", "F14b"}  # thousands of scenes each; the command plays them


@pytest.mark.parametrize("row", [row for row in ROWS if row.id not in LONG], ids=lambda row: row.id)
def test_row_is_witnessed_and_its_goal_is_met_or_named_as_not_yet(row: Row) -> None:
    played = result(row)

    assert played.witnessed, played.figure
    assert (row.id not in NOT_YET) is played.met, played.figure


@pytest.mark.parametrize("row", [row for row in ROWS if row.id in LONG - {"F14b"}], ids=lambda row: row.id)
def test_cut_after_every_token_and_a_seam_after_every_byte(row: Row) -> None:
    """In every dialect, by FIN and RST: nothing that is cut looks complete."""
    played = result(row)

    assert played.passed, played.figure


def test_names_are_unique_and_the_list_of_gaps_names_rows() -> None:
    names = [row.id for row in ROWS]

    assert len(set(names)) == len(names)
    assert set(names) >= NOT_YET | LONG


def test_goal_that_is_met_without_its_fault_is_no_evidence() -> None:
    """A fault that did not happen proves nothing."""
    nothing = result(Row("F00", "none", "served", lambda: _served("ok")))
    witnessed = result(Row("F00", "503", "served", lambda: _served("503")))

    assert (True, False, "no evidence") == (nothing.met, nothing.passed, line(nothing).split("|")[-2].strip())
    assert (True, "met") == (witnessed.passed, line(witnessed).split("|")[-2].strip())


def _served(plan: str) -> Judged:
    seen = play(Case(plan))
    return summed(seen, met=seen.ended == ["complete"], witnessed=seen.met("status"))


def test_same_seed_is_the_same_scene() -> None:
    """Byte for byte on the walls' side, and to the microsecond."""
    case = Case("cut:4/20,rst", arrivals_s=(0.0, 0.3, 0.9))
    first, again = play(case, 7), play(case, 7)

    assert first.primary == again.primary
    assert first.told == again.told
    assert first.outcomes == again.outcomes


@pytest.mark.parametrize("dialect", ["openai", "responses", "anthropic", "gemini"])
@pytest.mark.parametrize("stream", [True, False])
def test_every_dialect_is_served_whole(dialect: str, stream: bool) -> None:
    """The client is strict, so a good answer is the control row of every fault."""
    seen = play(Case("ok,tokens=30", dialect=dialect, stream=stream))  # type: ignore[arg-type]  # one of the four

    assert (["complete"], said(30)) == (seen.ended, seen.told[0].text)
    assert 1 == len(seen.primary)


def test_command_prints_a_row_each_and_says_what_is_not_met(capsys: pytest.CaptureFixture[str]) -> None:
    status = command.main(["F02", "F22d", "--json"])
    out, err = capsys.readouterr()
    rows = [json.loads(one) for one in out.splitlines()]

    assert (1, ["F02", "F22d"], [True, False]) == (status, [row["id"] for row in rows], [row["met"] for row in rows])
    assert "1 of 2 goals met" in err
    assert 2 == command.main(["F99"])
    assert "no row begins with 'F99'" in capsys.readouterr().err
    assert 0 == command.main(["F02"])


def test_rows_are_chosen_by_how_they_begin() -> None:
    assert ["F05a", "F05b", "F05c", "F05d"] == [row.id for row in chosen(["F05"])]
    assert len(ROWS) == len(chosen([]))
