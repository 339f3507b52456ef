"""What must hold after every rehearsal, whatever went wrong in it. Each law compares accounts that were kept apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from poise.decision import (
    Decision,
    Outcome,
    OutcomeKind,
    decode_decision,
    decode_outcome,
    encode_verdict,
    read_id,
    show_id,
)
from poise.rules.choose import choose
from poise.rules.prepare import prepare
from poise.sim.content import prompt_tokens, reply_to
from poise.sim.guest import Told
from poise.sim.rehearsal import SLACK_US, Rehearsed
from poise.sim.upstream import Received

# How a guest saw it end -> how the record may say it ended. Who leaves or reads slowly may leave after the fact.
_AGREE: dict[str, set[OutcomeKind]] = {
    "complete": {OutcomeKind.COMPLETED},
    "refused": {OutcomeKind.FAILED, OutcomeKind.DEADLINE, OutcomeKind.REFUSED, OutcomeKind.DRAINED},
    "told": {OutcomeKind.TRUNCATED, OutcomeKind.FAILED, OutcomeKind.DEADLINE, OutcomeKind.DRAINED},
    "cut": {OutcomeKind.CLIENT_GONE, OutcomeKind.DRAINED},
    "left": set(OutcomeKind) - {OutcomeKind.GATEWAY_CRASH},
}


class Broken(msgspec.Struct, frozen=True):
    """One violation: which law, and the figures."""

    law: str
    what: str


def violations(run: Rehearsed) -> list[Broken]:
    """All violations of a run; empty where every law holds."""
    outcomes = {id: decode_outcome(kept.outcomes[0]) for id, kept in run.kept.items() if kept.outcomes}
    laws = {
        "exactly one outcome per accepted request": _one_outcome(run),
        "attempts are what the upstreams saw": _attempts(run, outcomes),
        "every slot is free when all is quiet": (f"{name}: {count}" for name, count in run.busy.items()),
        "nothing unforeseen is raised": _surprises(run),
        "a truncated answer never looks complete": _complete(run),
        "the record says what the guest saw": _agree(run, outcomes),
        "a request ends within its deadline": _in_time(run, outcomes),
        "usage is what the upstream counted": _usage(run, outcomes),
        "each decision replays to the same bytes": _replay(run),
    }
    return [Broken(law, what) for law, found in laws.items() for what in found]


def _one_outcome(run: Rehearsed) -> Iterator[str]:
    for id, kept in run.kept.items():
        if kept.opened + len(kept.refusals) != 1 or len(kept.outcomes) != kept.opened:
            yield f"{show_id(id)}: opened {kept.opened}, ended {len(kept.outcomes)}, refused {len(kept.refusals)} times"
    for told in run.told:
        decision = told.headers.get("x-poise-decision")
        if decision is not None and read_id(decision) not in run.kept:
            yield f"{decision} was shown to a guest and is not in the record"


def _attempts(run: Rehearsed, outcomes: dict[int, Outcome]) -> Iterator[str]:
    """By the id that each attempt carries upstream. One attempt may be seen twice: a pooled connection that died is
    replaced once, and then the first sight ended without an answer.
    """
    seen: dict[tuple[int, int], list[tuple[str, Received]]] = defaultdict(list)
    for region, log in run.logs.items():
        for one in log:
            name, _, place = one.headers["x-client-request-id"].partition(".")
            seen[read_id(name), int(place)].append((region, one))
    for id, outcome in outcomes.items():
        made = [attempt for attempt in outcome.attempts if not attempt.skipped]
        for number, attempt in enumerate(made, 1):
            sights = seen.pop((id, number), [])
            regions = {region for region, _ in sights}
            if regions - {attempt.target.partition("@")[2]}:
                yield f"{show_id(id)}.{number} is recorded at {attempt.target}, seen at {sorted(regions)}"
            if attempt.status and not sights:
                yield f"{show_id(id)}.{number} has status {attempt.status}, but {attempt.target} never saw it"
            if len(sights) > 1 and any(one.first_us for _, one in sights[:-1]):
                yield f"{show_id(id)}.{number} was seen {len(sights)} times and answered more than once"
            if len(sights) > 2:
                yield f"{show_id(id)}.{number} was seen {len(sights)} times"
    for (id, number), sights in seen.items():
        yield f"{show_id(id)}.{number} reached {sights[0][0]} and is in no record"


def _surprises(run: Rehearsed) -> Iterator[str]:
    yield from run.surprises
    for told in run.told:
        if told.code == "internal":
            yield f"{_name(told)}: the gateway failed inside"


def _complete(run: Rehearsed) -> Iterator[str]:
    """Complete to a guest means: word for word what one upstream says to this question, and it said all of it."""
    for told in run.told:
        if told.ended == "odd":
            yield f"{_name(told)}: complete by framing, neither answer nor error: {told.text[-80:]!r}"
        if told.ended != "complete":
            continue
        decision = told.headers["x-poise-decision"]
        said = [  # looked for everywhere: where keep-alive comments opened the stream, no header names the target
            reply_to(one.json, run.seeds[region], one.step.tokens).text
            for region, log in run.logs.items()
            for one in log
            if one.headers["x-client-request-id"].startswith(decision) and one.ended == "complete"
        ]
        if told.text not in said:
            yield f"{decision}: complete, but the upstreams said {said} and the guest got {told.text!r}"


def _agree(run: Rehearsed, outcomes: dict[int, Outcome]) -> Iterator[str]:
    for told in run.told:
        decision = told.headers.get("x-poise-decision")
        if decision is None and told.ended != "left" and not run.drained:
            yield f"a guest who came at {told.at_us} got no answer and no decision: {told.ended} {told.status}"
        outcome = outcomes.get(read_id(decision)) if decision is not None else None
        if outcome is None or told.ended not in _AGREE:
            continue
        if outcome.kind not in _AGREE[told.ended]:
            yield f"{_name(told)}: the guest saw {told.ended} {told.status} {told.code}, the record says {outcome.kind}"
        if told.ended == "refused" and outcome.status != told.status:
            yield f"{_name(told)}: the guest got {told.status}, the record says {outcome.status}"


def _in_time(run: Rehearsed, outcomes: dict[int, Outcome]) -> Iterator[str]:
    bound_us = run.policy.objective.deadline_us + SLACK_US
    for id, outcome in outcomes.items():
        if outcome.took_us > bound_us:
            yield f"{show_id(id)}: {outcome.kind} after {outcome.took_us} us, bound {bound_us}"
    for told in run.told:
        if told.ended_us - told.at_us > bound_us:
            yield f"{_name(told)}: the guest waited {told.ended_us - told.at_us} us, bound {bound_us}"


def _usage(run: Rehearsed, outcomes: dict[int, Outcome]) -> Iterator[str]:
    for id, outcome in outcomes.items():
        if outcome.kind is not OutcomeKind.COMPLETED:
            continue
        if not outcome.attempts:
            yield f"{show_id(id)}: completed without an attempt"
            continue
        last = outcome.attempts[-1]
        region = last.target.partition("@")[2]
        ours = [one for one in run.logs[region] if one.headers["x-client-request-id"].startswith(show_id(id))]
        if not ours or not ours[-1].step.usage:
            continue
        reply = reply_to(ours[-1].json, run.seeds[region], ours[-1].step.tokens)
        counted = (prompt_tokens(ours[-1].json), len(reply.pieces), "exact")
        if counted != (last.input_tokens, last.output_tokens, last.billing):
            recorded = f"{last.input_tokens}, {last.output_tokens}, {last.billing}"
            yield f"{show_id(id)}: counted {counted}, recorded {recorded}"


def _replay(run: Rehearsed) -> Iterator[str]:
    prepared = prepare(run.policy)
    for id, kept in run.kept.items():
        if not kept.decision:
            continue
        decision: Decision = decode_decision(kept.decision)
        if encode_verdict(choose(decision.inputs, prepared)) != encode_verdict(decision.verdict):
            yield f"{show_id(id)}: chosen again it comes out differently"


def _name(told: Told) -> str:
    return told.headers.get("x-poise-decision", "no decision")
