"""Which rounds count, and what becomes of those that do not."""

from __future__ import annotations

from pathlib import Path

import msgspec

from poise.sim.bench.rounds import Limits, Results, Round, discards, figure, judged, load, merged, save, why_discard

LIMITS = Limits(load_core_share=0.90, generator_lag_ms=20.0, foreign_share=0.10)
QUIET = Round(part="chat-even", peer="nginx", number=1, values={"cpu_us_per_request": 10.0})


def changed(**fields: object) -> Round:
    return msgspec.structs.replace(QUIET, **fields)


def test_a_quiet_round_counts() -> None:
    """At each limit, not above it, a round still counts."""
    at_limit = changed(load_core_share=0.90, generator_lag_ms=20.0, foreign_share=0.10)

    assert why_discard(QUIET, LIMITS) == ""
    assert why_discard(at_limit, LIMITS) == ""


def test_each_rule_discards_and_says_the_value_and_the_bound() -> None:
    """A reader of the results sees by how much a round missed."""
    assert "load core 91% busy, limit 90%" == why_discard(changed(load_core_share=0.91), LIMITS)
    assert "generator 20.1 ms late, limit 20 ms" == why_discard(changed(generator_lag_ms=20.1), LIMITS)
    assert "others used 11% of the measured core, limit 10%" == why_discard(changed(foreign_share=0.11), LIMITS)


def test_a_warm_up_never_counts() -> None:
    """Round 0 is kept in the results as what it is."""
    assert "warm-up" == why_discard(changed(number=0), LIMITS)


def test_a_load_core_that_must_be_full_discards_nothing() -> None:
    """Where client and upstream take turns on one core its share says nothing; lateness still does."""
    assert why_discard(changed(full_load=True, load_core_share=1.0), LIMITS) == ""
    assert why_discard(changed(full_load=True, generator_lag_ms=30.0), LIMITS) != ""


def test_errors_are_a_result_and_not_a_reason_to_discard() -> None:
    """A peer that fails requests cannot have its bad rounds thrown away."""
    assert judged(changed(values={"errors": 500.0}), LIMITS).discarded == ""


def results(*found: Round) -> Results:
    return Results(machine={"cpu": "x"}, rounds=list(found))


def test_figures_come_from_rounds_that_count() -> None:
    """Discarded rounds move no median, and are all still there to be counted."""
    measured = results(
        judged(changed(values={"v": 10.0}), LIMITS),
        judged(changed(values={"v": 12.0}), LIMITS),
        judged(changed(values={"v": 99.0}, load_core_share=1.0), LIMITS),
    )

    shown = figure(measured, "chat-even", "nginx", "v")
    all_of_them = figure(measured, "chat-even", "nginx", "v", also_discarded=True)

    assert shown is not None
    assert (11.0, 2) == (shown.median, shown.rounds)
    assert all_of_them is not None
    assert 3 == all_of_them.rounds
    assert 1 == len(discards(measured))
    assert [] == discards(measured, "streams")


def test_nothing_measured_gives_no_figure() -> None:
    """Another peer, part or value is None, never a zero."""
    assert figure(results(QUIET), "chat-even", "poise", "cpu_us_per_request") is None
    assert figure(results(QUIET), "streams", "nginx", "cpu_us_per_request") is None
    assert figure(results(QUIET), "chat-even", "nginx", "gap_ms_p99") is None


def test_measuring_one_part_again_keeps_the_others() -> None:
    """The part that was measured again is replaced as a whole; a part that was not stays."""
    old = results(QUIET, changed(part="streams"))
    old.measured = {"chat-even": "2026-01-01", "streams": "2026-01-01"}
    new = results(changed(values={"cpu_us_per_request": 20.0}))
    new.measured = {"chat-even": "2026-02-02"}

    both = merged(old, new)

    assert ["streams", "chat-even"] == [found.part for found in both.rounds]
    assert {"chat-even": "2026-02-02", "streams": "2026-01-01"} == both.measured


def test_results_of_two_machines_are_never_mixed() -> None:
    """Another machine's old rounds are dropped, for a table has one line that describes the machine."""
    old = results(changed(part="streams"))
    old.machine = {"cpu": "y"}

    assert ["chat-even"] == [found.part for found in merged(old, results(QUIET)).rounds]
    assert merged(None, results(QUIET)).rounds == [QUIET]


def test_results_survive_their_file(tmp_path: Path) -> None:
    """What is saved is loaded equal, raw rounds and discards included."""
    measured = results(QUIET, judged(changed(load_core_share=0.95), LIMITS))
    path = tmp_path / "bench" / "results.json"

    save(measured, path)

    assert measured == load(path)
    assert load(tmp_path / "none.json") is None
