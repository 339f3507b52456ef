"""One Decision per request, recorded before anything is sent; one outcome, recorded when all is over."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec

from poise.clock import Clock
from poise.decision import (
    FORMAT,
    PINNED_FORMAT,
    Decision,
    Drop,
    Inputs,
    Kind,
    Outcome,
    OutcomeKind,
    Pin,
    PinnedInputs,
    Verdict,
    encode_decision,
    encode_outcome,
    show_id,
)
from poise.errors import Error
from poise.path import gone
from poise.path.service import Plan, Recorder, Request, Service, Sink
from poise.rules.choose import RULES_DIGEST, choose
from poise.signal import Board

OUTCOME_CODES: Final = {kind: code for code, kind in enumerate(OutcomeKind, 1)}
KIND_CODES: Final = {kind: code for code, kind in enumerate(Kind, 1)}
# Kept at hand, for each request: an enum's member is looked up and hashed by code in Python.
_ROUTED: Final = Kind.ROUTED
_ROUTED_CODE: Final = KIND_CODES[Kind.ROUTED]
_COMPLETED: Final = OutcomeKind.COMPLETED
_COMPLETED_CODE: Final = OUTCOME_CODES[OutcomeKind.COMPLETED]


class Decide:
    """Chooses, records, and settles. The settlement is here so that every path out - answer, error, cancellation - passes it."""

    def __init__(self, below: Service[Plan, Sink, Outcome], recorder: Recorder, clock: Clock) -> None:
        self._below = below.__call__  # bound once: calling an object looks its method up each time
        self._recorder = recorder
        self._clock = clock
        self.board = Board()
        self.stages_us: dict[str, int] = {}

    async def __call__(self, request: Request, sink: Sink, /) -> Outcome:
        """Raises Error where nobody can serve or all attempts failed; the outcome is recorded before it is raised."""
        plan = self._plan(request)
        try:
            if plan.verdict.choice < 0:
                raise no_candidate(plan)
            outcome = await self._below(plan, sink)
            waiting = sink.flushed()
            if waiting is not None:
                await waiting
        except asyncio.CancelledError:
            self._settle(plan, self._cut_short(plan, sink))
            raise
        except Error as error:
            self._settle(plan, self._failed(plan, sink, error))
            raise
        self._settle(plan, outcome)
        return outcome

    def _plan(self, request: Request) -> Plan:
        now_us = self._clock.now_us()
        route = request.route
        policy = route.policy
        made_us = self.board.made_us
        inputs = Inputs(
            FORMAT,
            RULES_DIGEST,
            route.prepared.digest,
            request.facts,
            tuple([lane.reading(now_us) for lane in route.lanes]),
            now_us,
            self._clock.bits64(),
            now_us - made_us if made_us else -1,
            request.deadline_us - now_us,
            policy.recover.spend_usd_e6 or -1,
        )
        if request.pins:
            inputs = _pinned(inputs, request.pins)
        verdict = choose(inputs, route.prepared)
        kind, code = _ROUTED, _ROUTED_CODE
        if verdict.choice < 0:
            kind, code = Kind.REFUSED, KIND_CODES[Kind.REFUSED]
        facts = request.facts
        kept = self._recorder.opened(
            request.id,
            inputs.policy,
            facts.workflow,
            facts.conversation,
            facts.key,
            encode_decision(Decision(request.id, kind, inputs, verdict)),
            policy.record_required,
            code,
        )
        if not kept:
            raise Error(
                "record_required",
                "the record is full and this workflow requires one",
                hint="try again",
                retry_after_s=1,
            )
        if not request.id & 0x3F000:  # one in 64, by the clock bits of the id
            self.stages_us["admit"] = now_us - request.arrived_us
            self.stages_us["decide"] = self._clock.now_us() - now_us
        return Plan(request, inputs, verdict)

    def _settle(self, plan: Plan, outcome: Outcome) -> None:
        last = outcome.attempts[-1] if outcome.attempts else None
        cost = input_tokens = output_tokens = 0
        for attempt in outcome.attempts:
            cost += attempt.cost_usd_e6
            input_tokens += attempt.input_tokens
            output_tokens += attempt.output_tokens
        self._recorder.finished(
            plan.request.id,
            _COMPLETED_CODE if outcome.kind is _COMPLETED else OUTCOME_CODES[outcome.kind],
            outcome.status,
            outcome.target or (last.target if last else ""),
            outcome.took_us,
            cost,
            input_tokens,
            output_tokens,
            encode_outcome(outcome),
            outcome.first_byte_us,
            len(outcome.attempts),
        )

    def _failed(self, plan: Plan, sink: Sink, error: Error) -> Outcome:
        if plan.verdict.choice < 0:
            kind = OutcomeKind.REFUSED
        elif error.code == "stream_broken":
            kind = OutcomeKind.TRUNCATED
        elif error.code == "deadline_exceeded":
            kind = OutcomeKind.DEADLINE
        else:
            kind = OutcomeKind.FAILED
        return self._outcome(plan, kind, 200 if sink.started else error.status, error.code, sink)

    def _cut_short(self, plan: Plan, sink: Sink) -> Outcome:
        if sink.cut:  # the server says so in-band, or with a 503 where nothing had gone out
            return self._outcome(plan, OutcomeKind.DRAINED, 200 if sink.started else 503, "draining", sink)
        return self._outcome(plan, OutcomeKind.CLIENT_GONE, 200 if sink.started else 0, "", sink)

    def _outcome(self, plan: Plan, kind: OutcomeKind, status: int, code: str, sink: Sink) -> Outcome:
        """An outcome that is not a whole answer. delivered counts the answer's own bytes, not keep-alive comments alone."""
        begun = [row for row in plan.attempts if row.first_token_us >= 0]
        return Outcome(
            kind,
            status,
            code=code,
            took_us=self._clock.now_us() - plan.request.arrived_us,
            first_byte_us=begun[-1].started_us + begun[-1].first_token_us if begun else -1,
            bytes=sink.sent,
            delivered="some" if begun or (sink.sent and not plan.request.facts.stream) else "none",
            attempts=tuple(plan.attempts),
        )


def _pinned(inputs: Inputs, pins: tuple[Pin, ...]) -> Inputs:
    """The same inputs, and what pins the request."""
    known = msgspec.structs.asdict(inputs)
    known["format"] = PINNED_FORMAT
    return PinnedInputs(**known, pins=pins)


def no_candidate(plan: Plan) -> Error:
    """What a caller is told when every candidate was dropped: the reasons, and whether waiting helps."""
    verdict: Verdict = plan.verdict
    if plan.request.pins and (lost := gone.unreachable(plan)) is not None:
        return lost
    reasons = {dropped.reason for dropped in verdict.dropped}
    policy = plan.request.route.policy
    why = ", ".join(f"{policy.candidates[d.candidate].target.id}: {d.reason}" for d in verdict.dropped[:8])
    text = f"no candidate of {policy.workflow} can serve this request ({why or 'it has none'})"
    hint = f"poise explain {show_id(plan.request.id)}"
    if reasons == {Drop.OVER_BUDGET}:
        return Error("over_budget", text, hint=hint)
    if reasons == {Drop.NO_TIME_LEFT}:
        return Error("deadline_exceeded", text, hint=hint)
    if reasons and reasons <= {Drop.MODALITY, Drop.CONTEXT_LENGTH, Drop.TOOLS, Drop.DIALECT}:
        return Error("invalid_field", text, hint=hint)
    if reasons == {Drop.KEY}:
        return Error("key_not_allowed", text, hint=hint)
    soon = bool(reasons & {Drop.EJECTED, Drop.AT_LIMIT})
    return Error("no_candidate", text, hint=hint, retry_after_s=1 if soon else None)
