"""A broken stream: which way the policy has it mended, and by whom."""

from __future__ import annotations

from poise.errors import AttemptFailed, Failure
from poise.path.course import Course
from poise.path.fleet import Lane
from poise.path.gate import Gate
from poise.path.service import Attempt, Repair
from poise.rules.retry import MOST_HERE
from poise.wire.mend.delivered import Delivered

# Where the answer itself is refused, or cannot go out any more, nobody can mend it.
_HOPELESS = frozenset({Failure.CONTENT_FILTER, Failure.BAD_REQUEST, Failure.LOCAL})


def mended(gate: Gate, attempt: Attempt, course: Course, failure: AttemptFailed) -> Attempt | None:
    """The attempt that goes on with the answer, None where no way is left.

    The policy's ways are tried in its order. One that led to another answer is not gone again; one that broke off too may
    be, elsewhere.
    """
    request = attempt.plan.request
    tape, mender = gate.tape, attempt.lane.tongues[request.dialect.name].mender
    ways = request.route.repairs
    if tape is None or mender is None or tape.full or failure.failure in _HOPELESS or course.left <= 0:
        return None
    if attempt.repair is not None and failure.failure is Failure.DIFFERED:
        ways = ways[ways.index("continue" if attempt.repair.resumes else "restart") + 1 :]
    delivered = mender.delivered(tape.data)
    if delivered.obstacle:
        return None
    for way in ways:
        follow = _restarted if way == "restart" else _resumed
        following = follow(attempt, course, delivered, failure)
        if following is not None:
            return following
    return None


def _restarted(attempt: Attempt, course: Course, delivered: Delivered, failure: AttemptFailed) -> Attempt | None:
    """Elsewhere; at the same target only where there is nobody else, and it did not fall silent."""
    following = course.next()
    if following is None:
        if failure.failure is Failure.STALLED or course.here >= MOST_HERE or not course.left:
            return None
        following = course.again(attempt)
    return _with(following, delivered, resumes=False)


def _resumed(attempt: Attempt, course: Course, delivered: Delivered, failure: AttemptFailed) -> Attempt | None:
    """By the next candidate that can go on with a begun answer, else by the present one if it can and is not silent."""
    request = attempt.plan.request

    def can(lane: Lane) -> bool:
        mender = lane.tongues[request.dialect.name].mender
        return mender is not None and not mender.why_not_resumed(request.call, lane.target, delivered)

    following = course.next(can)
    if following is None:
        if failure.failure is Failure.STALLED or course.here > MOST_HERE or not course.left or not can(attempt.lane):
            return None
        following = course.again(attempt)
    return _with(following, delivered, resumes=True)


def _with(attempt: Attempt, delivered: Delivered, *, resumes: bool) -> Attempt | None:
    mender = attempt.lane.tongues[attempt.plan.request.dialect.name].mender
    if mender is None:
        return None
    attempt.repair = Repair(mender, delivered, resumes=resumes)
    return attempt
