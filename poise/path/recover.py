"""Try, and try elsewhere, within one budget. The only place that acts on "may it be tried again"."""

from __future__ import annotations

import asyncio
from typing import Final

from poise.clock import Clock
from poise.decision import AttemptRecord, Drop, Outcome, OutcomeKind
from poise.errors import FAILURES, FINAL, AttemptFailed, Blame, Error, Failure
from poise.path.fleet import Lane
from poise.path.gate import Gate
from poise.path.ledger import answered_record, failed_record
from poise.path.service import Answered, Attempt, Plan, Service, Sink
from poise.rules import retry
from poise.rules.choose import expected_cost_usd_e6

_COMPLETED: Final = OutcomeKind.COMPLETED


class Recover:
    """Works down the decision's ranking until an attempt answers, the budget is gone, or going on makes no sense."""

    def __init__(self, below: Service[Attempt, Gate, Answered], clock: Clock, *, attempts: int | None = None) -> None:
        self._below = below.__call__  # bound once: calling an object looks its method up each time
        self._clock = clock
        self._attempts = attempts

    async def __call__(self, plan: Plan, sink: Sink, /) -> Outcome:
        """Raises Error: upstream_* where all attempts failed, stream_broken after the commit point, deadline_exceeded."""
        request = plan.request
        policy = request.route.policy
        ranked = plan.verdict.ranked
        allowed = self._attempts or policy.recover.attempts
        gate = Gate(sink, policy.recover.keepalive_us, plan.inputs.now_us)
        tries = 0
        last: AttemptFailed | None = None
        for place, row in enumerate(ranked):
            lane = request.route.lanes[row.candidate]
            now_us = self._clock.now_us() if tries else plan.inputs.now_us
            if tries and (skipped := self._should_not(plan, lane, row.candidate, now_us)):
                plan.attempts.append(
                    AttemptRecord(lane.target.id, now_us - request.arrived_us, skipped=skipped, took_us=0)
                )
                continue
            tries += 1
            elsewhere = tries < allowed and place + 1 < len(ranked)
            attempt = Attempt(plan, lane, row.candidate, tries, started_us=now_us, elsewhere=elsewhere)
            try:
                answered = await self._below(attempt, gate)
            except AttemptFailed as failure:
                self._count(plan, attempt, failure)
                last = failure
                left_us = max(0, request.deadline_us - self._clock.now_us())
                step = retry.after(
                    failure.failure, committed=gate.committed, attempts_left=allowed - tries, time_left_us=left_us
                )
                if step is retry.Step.BREAK:
                    raise Error("stream_broken", f"the answer broke off: {shown(failure, lane)}") from failure
                if step is retry.Step.GIVE_UP:
                    break
            except asyncio.CancelledError:
                plan.attempts.append(failed_record(attempt, None, self._clock.now_us()))
                raise
            else:
                return self._completed(plan, attempt, answered)
        raise self._final(plan, last)

    def _completed(self, plan: Plan, attempt: Attempt, answered: Answered) -> Outcome:
        lane = attempt.lane
        now_us = attempt.started_us + answered.took_us
        lane.succeeded(answered.first_token_us, answered.took_us, now_us)
        plan.attempts.append(answered_record(attempt, answered))
        arrived_us = plan.request.arrived_us
        first_us = answered.first_token_us if answered.first_token_us >= 0 else answered.took_us
        return Outcome(
            _COMPLETED,
            answered.status,
            lane.target.id,
            "",
            now_us - arrived_us,
            attempt.started_us + first_us - arrived_us,
            answered.bytes,
            "all",
            tuple(plan.attempts),
        )

    def _count(self, plan: Plan, attempt: Attempt, failure: AttemptFailed) -> None:
        now_us = self._clock.now_us()
        plan.attempts.append(failed_record(attempt, failure, now_us))
        if plan.request.deadline_us > now_us or failure.failure is not Failure.TIMEOUT:
            attempt.lane.failed(failure, now_us)  # our own deadline blames nobody

    def _should_not(self, plan: Plan, lane: Lane, index: int, now_us: int) -> str:
        """Later attempts follow the ranking but look again at what may have changed since."""
        reading = lane.reading(now_us)
        option = plan.request.route.option(index)
        if reading.ejected_until_us > now_us and not plan.verdict.panic:
            return Drop.EJECTED
        if option.concurrency and reading.in_flight >= option.concurrency:
            return Drop.AT_LIMIT
        spend_left = plan.inputs.spend_left_usd_e6
        if spend_left >= 0:
            spent = sum(record.cost_usd_e6 for record in plan.attempts)
            if expected_cost_usd_e6(option, plan.request.facts) > spend_left - spent:
                return Drop.OVER_BUDGET
        return ""

    def _final(self, plan: Plan, last: AttemptFailed | None) -> Error:
        """What the caller is told when nothing is left to try."""
        request = plan.request
        if last is None or request.deadline_us <= self._clock.now_us():
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
