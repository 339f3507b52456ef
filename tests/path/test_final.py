"""What the caller is told where the last attempt failed: each failure's own status and code, and when to come back."""

from __future__ import annotations

import asyncio

import pytest

from poise.errors import CODES, FAILURES, FINAL, AttemptFailed, Blame, Error, Failure
from tests.path.fakes import FakePool, FakeSink, World, whole

OURS = [failure for failure, facts in FAILURES.items() if facts.blame is not Blame.CALLER]


def told(*failures: AttemptFailed) -> Error:
    """The error after attempts that fail so, one target each."""
    pools = [FakePool(whole()) for _ in failures]
    for pool, failure in zip(pools, failures, strict=True):
        pool.refuses = failure
    with pytest.raises(Error) as caught:
        asyncio.run(World(*pools).ask(FakeSink()))
    return caught.value


@pytest.mark.parametrize("failure", OURS)
def test_a_final_failure_has_the_status_that_the_documents_promise(failure: Failure) -> None:
    """429 and 503 among them, by which stock clients wait and try again."""
    error = told(AttemptFailed(failure, "no"))

    assert FAILURES[failure].status == error.status == CODES[error.code].status
    assert error.hint


@pytest.mark.parametrize("failure", [Failure.RATE, Failure.QUOTA, Failure.SPEND_CAP, Failure.OVERLOAD, Failure.SERVER])
def test_the_time_that_a_target_asks_for_reaches_the_caller(failure: Failure) -> None:
    """Rounded up; without one nothing is invented."""
    asked, silent = told(AttemptFailed(failure, "no", retry_after_s=2.5)), told(AttemptFailed(failure, "no"))

    assert 3 == asked.retry_after_s
    assert silent.retry_after_s is None


def test_the_last_attempt_decides() -> None:
    """What came before stands on the record."""
    error = told(AttemptFailed(Failure.RATE, "slow"), AttemptFailed(Failure.OVERLOAD, "full"))

    assert "upstream_overloaded" == error.code
    assert "full" in error.text


def test_codes_of_final_failures_are_codes_of_the_list() -> None:
    """And none of them is a caller's mistake, which is passed on as the target said it."""
    assert {code for code, _ in FINAL.values()} <= CODES.keys()
    assert set(OURS) >= FINAL.keys()
