"""Merging what workers say: the careful reading wins, and what a loop does has its because."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from poise.control.board import ejections, merge
from poise.signal import Board, Measure, Reading, TargetSignals, WorkerSignals

NOW_US = 1_700_000_000_000_000


def says(worker: int, **readings: Reading) -> WorkerSignals:
    """What a worker tells, by target."""
    signals = tuple(TargetSignals(target, reading) for target, reading in readings.items())
    return WorkerSignals(worker, 100 + worker, NOW_US, 0, signals, {}, {})


def reading(board: Board, target: str) -> Reading:
    """A target's merged reading."""
    return {signals.target: signals.reading for signals in board.signals}[target]


def test_the_longest_ejection_and_the_strongest_evidence_win() -> None:
    """One worker that saw a target fail is enough to warn all."""
    board = merge(
        [says(0, a=Reading(2, 100, NOW_US + 5)), says(1, a=Reading(3, 700, NOW_US + 9)), says(2, a=Reading(0, 0, 0))],
        Board(),
        NOW_US,
    )

    assert (5, 700, NOW_US + 9) == msg(reading(board, "a"))


def msg(merged: Reading) -> tuple[int, int, int]:
    """The counted parts of a reading."""
    return merged.in_flight, merged.evidence_e6, merged.ejected_until_us


def test_durations_are_averaged_by_samples() -> None:
    """A worker with three times the samples weighs three times as much; the newest time stamp stays."""
    slow, fast = Measure(400, 40, 3, NOW_US - 9), Measure(800, 80, 1, NOW_US - 2)
    board = merge([says(0, a=Reading(first_token=slow)), says(1, a=Reading(first_token=fast))], Board(), NOW_US)

    assert Measure(500, 50, 4, NOW_US - 2) == reading(board, "a").first_token
    assert Measure() == reading(board, "a").total


def test_each_worker_learns_of_the_others_calls() -> None:
    """A board holds, for each worker, the calls that the other ones have in flight, in the order of signals."""
    board = merge([says(0, a=Reading(2), b=Reading(1)), says(1, b=Reading(4)), says(3, a=Reading(8))], Board(), NOW_US)

    assert ["a", "b"] == [signals.target for signals in board.signals]
    assert {0: (8, 4), 1: (10, 1), 3: (2, 5)} == board.others


def test_measures_outlive_the_worker_that_made_them() -> None:
    """A worker that comes back finds what was measured before, with its old time stamp."""
    old = merge([says(0, a=Reading(2, 0, 0, Measure(400, 40, 3, NOW_US)))], Board(), NOW_US)
    silent = merge([], old, NOW_US + 1)
    back = merge([says(0, a=Reading())], silent, NOW_US + 2)

    assert Measure(400, 40, 3, NOW_US) == reading(silent, "a").first_token
    assert 0 == reading(silent, "a").in_flight
    assert Measure(400, 40, 3, NOW_US) == reading(back, "a").first_token


def test_a_target_that_left_the_configuration_leaves_the_board() -> None:
    """The board holds what present workers speak of, so it cannot grow for ever."""
    old = merge([says(0, a=Reading(), gone=Reading())], Board(), NOW_US)

    assert ["a"] == [signals.target for signals in merge([says(0, a=Reading())], old, NOW_US).signals]


_VIEWS = st.lists(
    st.builds(
        says,
        st.integers(0, 5),
        a=st.builds(Reading, st.integers(0, 9), st.integers(0, 10**6), st.integers(NOW_US - 5, NOW_US + 5)),
        b=st.builds(Reading, st.integers(0, 9)),
    ),
    unique_by=lambda view: view.worker,
)


@given(views=_VIEWS, dice=st.randoms())
def test_the_order_of_workers_does_not_matter(views: list[WorkerSignals], dice: object) -> None:
    """The same views in any order give the same board, and no ejection or call is lost in it."""
    board = merge(views, Board(), NOW_US)

    assert board == merge(views[::-1], Board(), NOW_US)
    if views:
        assert sum(view.signals[0].reading.in_flight for view in views) == reading(board, "a").in_flight
        assert max(view.signals[0].reading.ejected_until_us for view in views) == reading(board, "a").ejected_until_us


def test_an_ejection_is_one_action_and_its_end_another() -> None:
    """However many ticks it lasts, a target that goes out and comes back makes two actions."""
    out, actions = frozenset[str](), []
    for tick in range(6):
        now_us = NOW_US + tick * 250_000
        board = merge([says(0, a=Reading(0, 900_000, NOW_US + 1_000_000))], Board(), now_us)
        out, made = ejections(out, board, now_us)
        actions += made

    assert [("a", "eject", NOW_US), ("a", "return", NOW_US + 1_000_000)] == [
        (a.subject, a.action, a.at_us) for a in actions
    ]
    assert actions[0].because.endswith("; out for 1.0 s")


def test_the_evidence_after_an_ejection_is_not_given_as_its_reason() -> None:
    """A target that is ejected keeps a quarter of the evidence, for its return: that did not eject it."""
    ejected = Reading(0, 250_000, NOW_US + 600_000)
    _, (action,) = ejections(frozenset(), merge([says(0, a=ejected)], Board(), NOW_US), NOW_US)

    assert "%" not in action.because
    assert "ejection threshold" in action.because
    assert action.because.endswith("; out for 0.6 s")
