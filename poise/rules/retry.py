"""What follows a failed attempt. Pure: the budget is handed in, nothing is done here."""

from __future__ import annotations

from enum import StrEnum

from poise.errors import FAILURES, Again, Failure


class Step(StrEnum):
    """What ``path.recover`` does next."""

    NEXT = "next"  # the next candidate of the decision's ranking
    GIVE_UP = "give_up"  # tell the caller, as an HTTP error
    BREAK = "break"  # the answer has begun: tell the caller in-band


def after(failure: Failure, *, committed: bool, attempts_left: int, time_left_us: int) -> Step:
    """The step after a failure.

    committed: part of the answer has reached the client. attempts_left counts tries still allowed by the policy;
    time_left_us is what remains of the request's deadline (-1: no deadline).
    """
    if committed:
        return Step.BREAK
    if FAILURES[failure].again is Again.NO or attempts_left <= 0 or time_left_us == 0:
        return Step.GIVE_UP
    return Step.NEXT
