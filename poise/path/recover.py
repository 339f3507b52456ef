"""Try, and try elsewhere, within one budget. The only place that acts on "may it be tried again".

A request whose first attempt answers passes here in a few lines; what follows a failure is worked out by a Course.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from poise.clock import Clock
from poise.decision import Outcome, OutcomeKind
from poise.errors import AttemptFailed, Failure
from poise.path.course import Course
from poise.path.gate import Gate, Tape
from poise.path.ledger import answered_record, failed_record
from poise.path.mend import mended
from poise.path.race import Race, hedge_after_us
from poise.path.service import Answered, Attempt, Plan, Service, Sink
from poise.path.told import broken, final
from poise.rules import retry
from poise.rules.budget import HEDGE_FLOOR_PER_S, HEDGE_SHARE, Budget

_COMPLETED: Final = OutcomeKind.COMPLETED
_SLICE_US: Final = 1_000_000  # a long wait is cut so that keep-alive comments go out meanwhile


class Recover:
    """Works down the decision's ranking until an attempt answers, the budget is gone, or going on makes no sense."""

    def __init__(
        self,
        below: Service[Attempt, Gate, Answered],
        clock: Clock,
        future: Callable[[], asyncio.Future[None]] | None = None,
    ) -> None:
        self._below = below.__call__  # bound once: calling an object looks its method up each time
        self._clock = clock
        self._future = future or (lambda: asyncio.get_running_loop().create_future())
        self._hedges = Budget(HEDGE_SHARE, HEDGE_FLOOR_PER_S)
        self.lag_us = 0  # how late this worker's loop is: what is late itself adds no load

    async def __call__(self, plan: Plan, sink: Sink, /) -> Outcome:
        """Raises Error: upstream_* where all attempts failed, stream_broken after the commit point, deadline_exceeded."""
        request = plan.request
        route = request.route
        recover = route.policy.recover
        ranked = plan.verdict.ranked
        allowed: int = recover.attempts
        if request.call.attempts and request.call.attempts < allowed:
            allowed = request.call.attempts
        candidate = ranked[0].candidate
        now_us = plan.inputs.now_us
        tape = Tape(sink) if route.repairs and request.call.stream else None
        gate = Gate(sink, recover.keepalive_us, now_us, tape)
        elsewhere = allowed > 1 and len(ranked) > 1
        attempt = Attempt(
            plan, route.lanes[candidate], candidate, 1, started_us=now_us, elsewhere=elsewhere, left=allowed
        )
        self._hedges.calls += 1
        wait_us = -1 if route.hedge is None else hedge_after_us(route.hedge, attempt, self.lag_us)
        if wait_us >= 0:
            return await self._raced(plan, gate, attempt, Course(plan, self._clock, allowed), wait_us)
        try:
            answered = await self._below(attempt, gate)
            return self._completed(plan, attempt, answered)
        except AttemptFailed as failure:
            self._count(plan, attempt, failure)
            failed = failure
        except asyncio.CancelledError:
            plan.attempts.append(failed_record(attempt, None, self._clock.now_us()))
            raise
        # Out here: compiled code that waits inside an except clause loses which exception is being handled.
        return await self._again(plan, gate, attempt, Course(plan, self._clock, allowed), failed)

    async def _again(self, plan: Plan, gate: Gate, attempt: Attempt, course: Course, failure: AttemptFailed) -> Outcome:
        """All that follows a first failure, which is counted already."""
        while True:
            attempt = await self._next(plan, gate, attempt, course, failure)
            try:
                answered = await self._below(attempt, gate)
            except AttemptFailed as another:
                failure = another
                self._count(plan, attempt, failure)
            except asyncio.CancelledError:
                plan.attempts.append(failed_record(attempt, None, self._clock.now_us()))
                raise
            else:
                return self._completed(plan, attempt, answered)

    async def _next(self, plan: Plan, gate: Gate, attempt: Attempt, course: Course, failure: AttemptFailed) -> Attempt:
        """The attempt to make now. Raises Error where there is none."""
        request = plan.request
        course.used(attempt)
        left_us = max(0, request.deadline_us - self._clock.now_us())
        step = retry.after(
            failure.failure,
            retry.Left(course.left, left_us, course.elsewhere),
            committed=gate.committed,
            here=course.here,
            retry_after_s=failure.retry_after_s,
            chance_0_1=(self._clock.bits64() >> 11) / (1 << 53),
        )
        if step.step is retry.Step.BREAK:
            mending = mended(gate, attempt, course, failure) if left_us else None
            if mending is None:
                raise broken(attempt, failure) from failure
            return mending
        if step.step is retry.Step.NEXT:
            following = course.next()
            if following is not None:
                return following
        elif step.step is retry.Step.HERE and attempt.lane.budget.spend(self._clock.now_us()):
            await self._wait(step.wait_us, gate, streams=request.call.stream)
            return course.again(attempt)
        raise final(plan, failure, self._clock.now_us()) from failure

    async def _raced(self, plan: Plan, gate: Gate, attempt: Attempt, course: Course, wait_us: int) -> Outcome:
        race = Race(self._below, self._clock, gate, course, self._hedges)
        won: tuple[Attempt, Answered] | None = None
        failed: AttemptFailed | None = None
        try:
            won = await race.run(attempt, wait_us)
        except AttemptFailed as failure:
            failed = failure
        finally:
            for loser, why in race.ended:
                self._count(plan, loser, why)
        if won is not None:
            return self._completed(plan, *won)
        assert failed is not None
        return await self._again(plan, gate, race.ended[-1][0], course, failed)

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

    def _count(self, plan: Plan, attempt: Attempt, failure: AttemptFailed | None) -> None:
        """Write an attempt down that did not answer. None: it was called off, and nobody is blamed."""
        now_us = self._clock.now_us()
        plan.attempts.append(failed_record(attempt, failure, now_us))
        if failure is None:
            return
        if plan.request.deadline_us > now_us or failure.failure is not Failure.TIMEOUT:
            attempt.lane.failed(failure, now_us)  # our own deadline blames nobody

    async def _wait(self, wait_us: int, gate: Gate, *, streams: bool) -> None:
        """Let time pass; a client that waits for a stream hears comments meanwhile."""
        while wait_us > 0:
            part_us = min(wait_us, _SLICE_US)
            wait_us -= part_us
            done = self._future()
            timer = self._clock.later(part_us / 1e6, _waker(done))
            try:
                await done
            finally:
                timer.cancel()
            if streams:
                gate.tick(self._clock.now_us(), silent=True)


def _waker(done: asyncio.Future[None]) -> Callable[[], None]:
    def wake() -> None:
        if not done.done():
            done.set_result(None)

    return wake
