"""What a caller is told where what its request names cannot be reached: what is lost, who made it, what to do now.

A maker is named to those who may use it; to others it is a target like any that they may not see.
"""

from __future__ import annotations

from typing import Final

from poise.decision import Drop, Dropped, Pin, show_id
from poise.errors import AttemptFailed, Error, Failure
from poise.path.fleet import Lane
from poise.path.service import Plan

# In the caller's own words of the field (``Pin.what``).
_WAYS_OUT: Final = {
    "previous_response_id": "send the whole conversation instead of previous_response_id",
    "conversation": "send the whole conversation as input instead of naming it",
    "vector_store_ids": "upload the files again, or leave vector_store_ids out",
    "container": "leave container out, so that a new one is made",
    "file_id": "upload the file again, or send its content",
    "file_ids": "upload the files again, or leave file_ids out",
    "fileUri": "upload the file again, or send its content",
    "cachedContent": "cache the content again, or send it",
    "cached_content": "cache the content again, or send it",
    "encrypted_content": "send the conversation without its sealed reasoning",
    "signature": "send the conversation without its thinking blocks",
    "redacted_thinking": "send the conversation without its thinking blocks",
    "thoughtSignature": "send the conversation without its thought signatures",
    "thought_signature": "send the conversation without its thought signatures",
    "reasoning_details": "send the conversation without its reasoning_details",
}
_FOR_GOOD: Final = frozenset(
    {Failure.AUTH, Failure.PERMISSION, Failure.NOT_FOUND, Failure.QUOTA, Failure.SPEND_CAP, Failure.TOO_LARGE}
)
_SOON: Final = frozenset({Drop.EJECTED, Drop.AT_LIMIT})
_NAMED_AT_MOST: Final = 4


def unreachable(plan: Plan) -> Error | None:
    """Every candidate was dropped; None where no pin had a part in that."""
    pins = plan.request.pins
    dropped = plan.verdict.dropped
    if not any(one.reason is Drop.PINNED or (one.reason is Drop.DIALECT and one.value) for one in dropped):
        return None
    facts = plan.request.facts
    held = [one for one in dropped if one.reason is not Drop.PINNED and facts.scope >> one.candidate & 1]
    holders = [one for one in held if all(pin.at >> one.candidate & 1 for pin in pins)]
    soon = bool(holders) and {one.reason for one in holders} <= _SOON
    return _error(plan, _why(plan, holders), retry_after_s=1 if soon else None)


def failed(plan: Plan, failure: AttemptFailed, lane: Lane) -> Error | None:
    """The pinned target was tried and failed; None where the request was pinned to nobody in particular."""
    if not any(pin.maker for pin in plan.request.pins):
        return None
    said = f"status {failure.status}, " if failure.status else ""
    text = failure.text[:500]
    if lane.secret:
        text = text.replace(lane.secret, "[key]")
    wait_s = None
    if failure.failure not in _FOR_GOOD:
        wait_s = 1 if failure.retry_after_s is None else int(failure.retry_after_s) + 1
    return _error(plan, f"{lane.target.id} failed: {said}{text}", retry_after_s=wait_s)


def _error(plan: Plan, why: str, *, retry_after_s: int | None) -> Error:
    """503 where waiting may help, 409 where it will not."""
    pins = plan.request.pins
    known = [pin for pin in pins if pin.maker] or list(pins)
    lost = "; ".join(_said(plan, pin) for pin in known[:_NAMED_AT_MOST])
    ways = list(dict.fromkeys(_WAYS_OUT.get(pin.what, f"leave {pin.what} out") for pin in known))
    hint = ", and ".join(ways[:_NAMED_AT_MOST])
    if retry_after_s is not None:
        hint = f"try again soon; or {hint}"
    text = f"{lost}, and that cannot be had elsewhere: {why}"
    status = 409 if retry_after_s is None else 503
    hint = f"{hint} (poise explain {show_id(plan.request.id)})"
    return Error("pin_unavailable", text, hint=hint, retry_after_s=retry_after_s, status=status)


def _said(plan: Plan, pin: Pin) -> str:
    """``previous_response_id names what gpt-5.2@openai-eu made``"""
    if not pin.maker:
        return f"{pin.what} names what nobody here remembers making"
    request = plan.request
    visible = [
        lane.target.id for i, lane in enumerate(request.route.lanes) if pin.at >> i & 1 and request.facts.scope >> i & 1
    ]
    if pin.maker in visible:
        return f"{pin.what} names what {pin.maker} made"
    if visible:
        return f"{pin.what} names what the account of {visible[0]} holds"
    return f"{pin.what} names what a target made that is not among the candidates for this key"


def _why(plan: Plan, holders: list[Dropped]) -> str:
    lanes = plan.request.route.lanes
    if holders:
        return ", ".join(f"{lanes[one.candidate].target.id}: {one.reason}" for one in holders[:_NAMED_AT_MOST])
    pins = plan.request.pins
    places = {pin.at for pin in pins if pin.maker}
    if len(places) > 1 and all(places):
        return "they were made at different places"
    if any(not pin.maker for pin in pins):
        return f"no candidate of {plan.request.facts.workflow} could have made it"
    return f"its maker is no candidate of {plan.request.facts.workflow}"
