"""What a caller is told when nothing is left to try."""

from __future__ import annotations

from poise.errors import FAILURES, FINAL, AttemptFailed, Blame, Error, Failure
from poise.path import gone
from poise.path.fleet import Lane
from poise.path.service import Attempt, Plan


def broken(attempt: Attempt, failure: AttemptFailed) -> Error:
    """The answer had begun, and nothing could mend it."""
    return Error("stream_broken", f"the answer broke off: {shown(failure, attempt.lane)}")


def final(plan: Plan, last: AttemptFailed, now_us: int) -> Error:
    """Nothing had gone out."""
    request = plan.request
    if request.deadline_us <= now_us:
        return Error("deadline_exceeded", "no answer within the deadline", hint="allow more time")
    tried = [record for record in plan.attempts if not record.skipped]
    lane = next(lane for lane in request.route.lanes if lane.target.id == tried[-1].target)
    facts = FAILURES[last.failure]
    text = shown(last, lane)
    if facts.blame is Blame.CALLER:
        if last.failure is Failure.NOT_CARRIED:
            hint = "leave it out, name a model that speaks your dialect, or do not send x-poise-strict"
            return Error("not_carried", text, hint=hint)
        status = last.status if 400 <= last.status < 500 else facts.status
        # The one code that clients act on (they shorten the conversation); few vendors call it that.
        code = "context_length_exceeded" if last.failure is Failure.CONTEXT_LENGTH else last.code
        return Error("upstream_rejected", text, status=status, vendor_code=code)
    if request.pins and (lost := gone.failed(plan, last, lane)) is not None:
        return lost
    if last.failure is Failure.NOT_FOUND and request.call.version:
        return Error("upstream_rejected", text, status=404)  # the caller itself named a version there is not
    said = f"status {last.status}, " if last.status else ""
    text = f"all attempts failed ({len(tried)}), the last at {lane.target.id}: {said}{text}"
    wait_s = int(last.retry_after_s) + 1 if last.retry_after_s is not None else None
    code, hint = FINAL.get(last.failure, ("upstream_failed", "try again"))
    return Error(code, text, hint=hint, retry_after_s=wait_s)


def shown(failure: AttemptFailed, lane: Lane) -> str:
    """A failure's text, safe to show: bounded, and without the provider's key should the upstream have echoed it."""
    text = failure.text[:500]
    return text.replace(lane.secret, "[key]") if lane.secret else text
