"""One decision as plain data: what was known, each candidate and why or why not, what followed, what would flip it.

The verdict is read, never computed again; only the flips are, for they are a question asked now.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UnsetType

from poise.decision import (
    AttemptRecord,
    Decision,
    Drop,
    Dropped,
    Inputs,
    Outcome,
    OutcomeKind,
    Ranked,
    decode_decision,
    decode_outcome,
    read_id,
    show_id,
)
from poise.edge.admin.pinned import pins_of
from poise.errors import Error
from poise.policy import Policy
from poise.rules.choose import REPLAYED, STALE_US
from poise.rules.flip import flips
from poise.rules.prepare import prepare
from poise.signal import Measure, Reading
from poise.store.query import OPEN, Stored

Json = dict[str, Any]

MOST_FLIPS = 12

WHY_DROPPED = {
    Drop.MODALITY: "cannot take a kind of content the request has",
    Drop.CONTEXT_LENGTH: "needs {value} tokens, its context holds {bound}",
    Drop.TOOLS: "cannot use tools",
    Drop.DIALECT: "does not serve this API",
    Drop.PINNED: "does not have what the request names: {pin}",
    Drop.KEY: "the caller's key may not use it",
    Drop.REGION: "its region is not allowed by the policy",
    Drop.POLICY: "the policy gives it no share",
    Drop.WHEN: "its condition `when` does not hold",
    Drop.EJECTED: "ejected for failing, for {left_s:.1f} s more",
    Drop.AT_LIMIT: "has {value} calls in flight, its limit is {bound}",
    Drop.OVER_BUDGET: "would cost {value_usd:.6f} USD, {bound_usd:.6f} are left",
    Drop.NO_TIME_LEFT: "takes {value_s:.2f} s to its first token, {bound_s:.2f} s are left",
    Drop.PREFILL: "cannot go on with an answer that another began",
    Drop.RETRY_BUDGET: "is in trouble, and its share of further attempts was used up",
}


def summary(row: Stored) -> Json:
    """A row without its details, as lists show it."""
    return {
        "id": show_id(row.id),
        "at": when(row.at_us),
        "at_us": row.at_us,
        "kind": str(row.kind),
        "workflow": row.workflow,
        "target": row.target,
        "key": row.key,
        "conversation": row.conversation,
        "outcome": OPEN if row.outcome is None else str(row.outcome),
        "status": row.status,
        "code": row.code,
        "attempts": row.attempts,
        "took_us": row.took_us,
        "first_byte_us": row.first_byte_us,
        "cost_usd_e6": row.cost_usd_e6,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
    }


def explain(row: Stored, policy: Policy | None, *, with_flips: bool = True) -> Json:
    """Everything that is known of one decision. policy is the one its digest names, None where it is not known."""
    told = summary(row)
    told["policy"] = row.policy.hex()
    told["detail_kept"] = {"decision": not row.lost & 1, "outcome": not row.lost & 2}
    decision = decode_decision(row.decision) if row.decision else None
    told["decision"] = None if decision is None else _decision(decision, policy)
    told["ended"] = _ended(row)
    told["price_known"] = bool(row.cost_usd_e6) or _priced(row.target, policy)
    told["flips"] = _flips(decision, policy) if decision is not None and with_flips else []
    return told


def number(text: str, field: str) -> int:
    """A decision id's number. Raises Error where it is none."""
    try:
        return read_id(text)
    except ValueError as problem:
        hint = "ids look like d-0123456789abcdef, as in the header x-poise-decision"
        raise Error("invalid_field", f"{field}: {text[:40]!r} is no decision id", hint=hint) from problem


def when(at_us: int) -> str:
    """A wall time as people write it, UTC, to the millisecond."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _decision(decision: Decision, policy: Policy | None) -> Json:
    inputs, verdict = decision.inputs, decision.verdict
    candidates = [_ranked(place, ranked, inputs, policy) for place, ranked in enumerate(verdict.ranked, 1)]
    candidates += [_dropped(dropped, inputs, policy) for dropped in verdict.dropped]
    return {
        "format": inputs.format,
        "rules": inputs.rules.hex(),
        "rules_current": inputs.rules in REPLAYED,
        "policy_known": policy is not None,
        "facts": msgspec.to_builtins(_named(inputs.facts)),
        "pins": pins_of(inputs, policy),
        "postures": list(inputs.postures),
        "posture_because": "set by the workflow's posture rules"
        if inputs.postures
        else "steady: no posture is in force",
        "seed": f"{inputs.seed:016x}",
        "board_age_us": inputs.board_age_us,
        "time_left_us": inputs.time_left_us,
        "spend_left_usd_e6": inputs.spend_left_usd_e6,
        "choice": _target(verdict.choice, policy) if verdict.choice >= 0 else "",
        "choose": policy.choose.mode if policy else "unknown",
        "panic": verdict.panic,
        "candidates": candidates,
    }


def _ranked(place: int, ranked: Ranked, inputs: Inputs, policy: Policy | None) -> Json:
    return {
        "target": _target(ranked.candidate, policy),
        "state": "chosen" if place == 1 else "ranked",
        "rank": place,
        "score_e6": ranked.score_e6,
        "health_e6": ranked.health_e6,
        "latency_e6": ranked.latency_e6,
        "load_e6": ranked.load_e6,
        "cost_e6": ranked.cost_e6,
        "probability_e6": ranked.probability_e6,
        "draw_e6": ranked.draw_e6,
        "assumed": list(ranked.assumed),
        "signals": _signals(ranked.candidate, inputs, policy),
    }


def _dropped(dropped: Dropped, inputs: Inputs, policy: Policy | None) -> Json:
    value, bound = dropped.value, dropped.bound
    figures = {"value": value, "bound": bound, "left_s": value / 1e6, "value_s": value / 1e6, "bound_s": bound / 1e6}
    figures |= {"value_usd": value / 1e6, "bound_usd": bound / 1e6}
    return {
        "target": _target(dropped.candidate, policy),
        "state": "dropped",
        "reason": str(dropped.reason),
        "because": _because(dropped, inputs, policy, figures),
        "value": value,
        "bound": bound,
        "signals": _signals(dropped.candidate, inputs, policy),
    }


def _because(dropped: Dropped, inputs: Inputs, policy: Policy | None, figures: dict[str, int | float]) -> str:
    pins = pins_of(inputs, policy)
    pin = pins[dropped.value - 1] if 0 < dropped.value <= len(pins) else {"what": "", "because": "unknown"}
    if dropped.reason is Drop.DIALECT and pin["what"]:
        return f"cannot have made what {pin['what']} names, which nobody remembers making"
    return WHY_DROPPED[dropped.reason].format(**figures, pin=pin["because"])


def _signals(candidate: int, inputs: Inputs, policy: Policy | None) -> Json:
    reading = inputs.readings[candidate] if candidate < len(inputs.readings) else Reading()
    prior = policy.candidates[candidate].target.prior if policy and candidate < len(policy.candidates) else None
    left_us = reading.ejected_until_us - inputs.now_us
    return {
        "in_flight": reading.in_flight,
        "evidence_e6": reading.evidence_e6,
        "ejected_for_us": max(0, left_us),
        "first_token": _measure(reading.first_token, inputs.now_us, prior.first_token_us if prior else None),
        "total": _measure(reading.total, inputs.now_us, prior.total_us if prior else None),
    }


def _measure(measure: Measure, now_us: int, prior_us: int | None) -> Json:
    """A duration with its age and trust; where it is missing or stale, what was assumed in its place."""
    if not measure.samples:
        return {"state": "missing", "assumed_us": prior_us}
    age_us = now_us - measure.at_us
    known = {"value_us": measure.value_us, "spread_us": measure.spread_us, "samples": measure.samples, "age_us": age_us}
    if age_us > STALE_US:
        return {"state": "stale", **known, "assumed_us": prior_us}
    return {"state": "fresh", **known}


def _ended(row: Stored) -> Json | None:
    if row.outcome is None:
        return None
    if row.outcome_detail is None:
        attempts: tuple[AttemptRecord, ...] = ()
        outcome = Outcome(row.outcome, row.status or 0, row.target, row.code, row.took_us or 0, delivered="unknown")
        if row.outcome is OutcomeKind.REFUSED:
            outcome = msgspec.structs.replace(outcome, delivered="none", attempts=attempts)
    else:
        outcome = decode_outcome(row.outcome_detail)
    told: Json = msgspec.to_builtins(_named(outcome))
    told["attempts"] = [msgspec.to_builtins(_named(attempt)) for attempt in outcome.attempts]
    return told


def _priced(target: str, policy: Policy | None) -> bool:
    """Whether the cost of an answer by target means anything: its price is known."""
    found = [c.target for c in policy.candidates if c.target.id == target] if policy else []
    if not found or found[0].price.input_usd_per_mtok is not None:
        return True
    # Tensors are no tokens, so a price for each request is all there is to know.
    return found[0].dialect == "oip" and not isinstance(found[0].price.per_thousand_requests_usd, UnsetType)


def _flips(decision: Decision, policy: Policy | None) -> list[Json]:
    """The smallest change of each single input that would have led to another choice."""
    if policy is None or decision.inputs.rules not in REPLAYED:
        return []
    return [
        {
            "input": flip.input,
            "target": _target(flip.candidate, policy) if flip.candidate >= 0 else "",
            "was": flip.was,
            "would_be": flip.would_be,
            "choice": _target(flip.choice, policy) if flip.choice >= 0 else "",
        }
        for flip in flips(decision.inputs, prepare(policy))[:MOST_FLIPS]
    ]


def _target(candidate: int, policy: Policy | None) -> str:
    if policy is None or candidate >= len(policy.candidates):
        return f"candidate {candidate}"
    return policy.candidates[candidate].target.id


def _named(value: msgspec.Struct) -> Json:
    """A record's fields by name; on disk it is an array."""
    return msgspec.structs.asdict(value)
