"""Sequential tests of health: when a target is put out, when it comes back, and how rarely that is a mistake."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from poise.rules.health import LONGEST_EJECTION_US, THRESHOLD, Health, after_failure, after_success

SECOND_US = 1_000_000


def test_three_failures_in_a_row_eject() -> None:
    """Two do not; the third does, for a second at most and half a second at least."""
    health = after_failure(after_failure(Health(), 0, 0.5), 0, 0.5)
    assert 0 == health.ejected_until_us
    health = after_failure(health, 0, 0.999)

    assert SECOND_US // 2 <= health.ejected_until_us <= SECOND_US


def test_false_ejections_are_as_rare_as_promised() -> None:
    """At 2 % of failures, one cycle in ten thousand at most: 300,000 healthy attempts eject fewer than 30 times."""
    dice = random.Random(7)
    health, ejections = Health(), 0
    for _ in range(300_000):
        if dice.random() < 0.02:
            health = after_failure(health, 0, 0.0)
            if health.ejections:
                ejections += 1
                health = Health()
        else:
            health = after_success(health, 0)

    assert 30 > ejections


def test_a_target_that_fails_half_the_time_is_found_soon() -> None:
    """At 50 % of failures the mean is below ten attempts."""
    dice = random.Random(7)
    total = 0
    for _ in range(2000):
        health, count = Health(), 0
        while not health.ejections:
            count += 1
            health = after_failure(health, 0, 0.0) if dice.random() < 0.5 else after_success(health, 0)
        total += count

    assert 10 > total / 2000


def test_each_failed_return_doubles_the_wait_up_to_a_minute() -> None:
    """1, 2, 4 ... 60 seconds, each by one failure after the last ran out."""
    health = Health(THRESHOLD - 0.1, at_us=0)
    now_us, waits = 0, []
    for _ in range(9):
        health = after_failure(health, now_us, 0.0)
        waits.append((health.ejected_until_us - now_us) // SECOND_US)
        now_us = health.ejected_until_us

    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == waits


def test_four_successes_after_an_ejection_forgive_it() -> None:
    """Back whole: no evidence, no memory of ejections."""
    health = after_failure(Health(THRESHOLD - 0.1), 0, 0.0)
    for _ in range(4):
        health = after_success(health, health.ejected_until_us)

    assert Health() == health


@given(st.lists(st.booleans(), max_size=60), st.floats(0, 0.999))
def test_evidence_and_waits_stay_in_bounds(outcomes: list[bool], chance: float) -> None:
    """Evidence in [0, threshold), waits never longer than a minute, whatever happens."""
    health = Health()
    for i, good in enumerate(outcomes):
        now_us = i * 10 * SECOND_US
        health = after_success(health, now_us) if good else after_failure(health, now_us, chance)

        assert 0 <= health.evidence < THRESHOLD
        assert health.ejected_until_us <= now_us + LONGEST_EJECTION_US


def test_three_failures_in_a_week_are_not_a_row() -> None:
    """Evidence wears off: half in 30 s, all of it in some minutes, and so does the memory of an ejection."""
    health = after_failure(Health(), 0, 0.0)
    for minute in (10, 20, 30, 40):
        health = after_failure(health, minute * 60 * SECOND_US, 0.0)

    assert 0 == health.ejections
    out = after_failure(Health(THRESHOLD - 0.1), 0, 0.0)
    assert 0 == after_failure(out, 3600 * SECOND_US, 0.0).ejections
