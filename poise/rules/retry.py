"""What follows a failed attempt. Pure: the budget is handed in, nothing is done here."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from poise.errors import FAILURES, Again, Failure

# What may well be gone in a moment, at the same target. A silent one is never asked again: it would be silent once more.
PASSING: Final = frozenset(
    {Failure.RATE, Failure.OVERLOAD, Failure.SERVER, Failure.CONNECT, Failure.CUT, Failure.MALFORMED, Failure.LOCAL}
)
MOST_HERE: Final = 2  # tries at one target
BACK_OFF_US: Final = 200_000  # before the second try, and up to as much again: 500 once costs well below a second
# A Retry-After of more is not waited for, it is told: the caller's client knows best whether to wait, and a stream's clean
# status is gone once its first keep-alive comment has left (after 15 s).
MOST_WAIT_S: Final = 10.0
WAIT_SPREAD: Final = 0.2  # a Retry-After is kept, and up to a fifth longer: not all come back at once


class Step(StrEnum):
    """What ``path.recover`` does next."""

    NEXT = "next"  # the next candidate of the decision's ranking
    HERE = "here"  # the same target again, after a wait
    GIVE_UP = "give_up"  # tell the caller, as an HTTP error
    BREAK = "break"  # the answer has begun: mend it, or tell the caller in-band


class Left(NamedTuple):
    """What may still be spent: tries by the policy, microseconds (-1: no deadline), and whether anybody else can serve."""

    attempts: int
    time_us: int
    elsewhere: bool


class Next(NamedTuple):
    """The step, and how long to wait before it."""

    step: Step
    wait_us: int = 0


def after(
    failure: Failure, left: Left, *, committed: bool, here: int, retry_after_s: float | None, chance_0_1: float
) -> Next:
    """The step after a failure.

    committed: part of the answer has reached the client. here counts the tries at this target so far; retry_after_s is
    what it asked for, seconds; chance_0_1 spreads the waits.
    """
    if committed:
        return Next(Step.BREAK)
    if FAILURES[failure].again is Again.NO or left.attempts <= 0 or left.time_us == 0:
        return Next(Step.GIVE_UP)
    if left.elsewhere:
        return Next(Step.NEXT)
    if failure not in PASSING or here >= MOST_HERE:
        return Next(Step.GIVE_UP)
    if retry_after_s is None:
        wait_us = int(BACK_OFF_US * here * (1 + chance_0_1))
    elif retry_after_s <= MOST_WAIT_S:
        wait_us = int(max(0.0, retry_after_s) * 1e6 * (1 + WAIT_SPREAD * chance_0_1))
    else:
        return Next(Step.GIVE_UP)
    if 0 <= left.time_us <= wait_us:
        return Next(Step.GIVE_UP)
    return Next(Step.HERE, wait_us)
