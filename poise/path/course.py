"""What is left to try for one request, once its first attempt was not enough: the ranking from there on, and the budget."""

from __future__ import annotations

from collections.abc import Callable

from poise.clock import Clock
from poise.decision import AttemptRecord, Drop
from poise.path.fleet import Lane
from poise.path.service import Attempt, Plan
from poise.rules.choose import expected_cost_usd_e6


class Course:
    """Works down one decision's ranking. tries counts attempts so far, those of gateways below too."""

    def __init__(self, plan: Plan, clock: Clock, allowed: int) -> None:
        self._plan = plan
        self._clock = clock
        self._place = 0
        self.allowed = allowed
        self.tries = 1
        self.here = 1  # tries at the present target
        self.number = 1

    @property
    def left(self) -> int:
        """Tries that the policy still allows."""
        return self.allowed - self.tries

    @property
    def elsewhere(self) -> bool:
        """Whether another candidate could be tried, as far as can be seen without looking at it."""
        return self.left > 0 and self._place + 1 < len(self._plan.verdict.ranked)

    def used(self, attempt: Attempt) -> None:
        """Attempts that a gateway below made come out of the same budget."""
        self.tries += attempt.used - 1

    def again(self, attempt: Attempt) -> Attempt:
        """The same target once more."""
        self.here += 1
        return self._made(attempt.lane, attempt.candidate)

    def next(self, accepts: Callable[[Lane], bool] | None = None) -> Attempt | None:
        """The next candidate that should serve now. What is passed over is written down, with the reason.

        accepts leaves out targets that cannot do what is wanted (go on with a begun answer). Where nobody is left, nothing
        has been passed over: another way may want them.
        """
        plan = self._plan
        request = plan.request
        ranked = plan.verdict.ranked
        place, passed = self._place, list[AttemptRecord]()
        while self.left > 0 and place + 1 < len(ranked):
            place += 1
            row = ranked[place]
            lane = request.route.lanes[row.candidate]
            now_us = self._clock.now_us()
            unable = accepts is not None and not accepts(lane)
            skipped = Drop.PREFILL if unable else self._should_not(lane, row.candidate, now_us)
            if not skipped:
                plan.attempts.extend(passed)
                self._place = place
                self.here = 1
                return self._made(lane, row.candidate)
            since_us = now_us - request.arrived_us
            passed.append(AttemptRecord(lane.target.id, since_us, skipped=skipped, took_us=0))
        if accepts is None:
            plan.attempts.extend(passed)
            self._place = place
        return None

    def _made(self, lane: Lane, candidate: int) -> Attempt:
        now_us = self._clock.now_us()
        left = self.left
        self.tries += 1
        self.number += 1
        return Attempt(
            self._plan,
            lane,
            candidate,
            self.number,
            started_us=now_us,
            elsewhere=self.elsewhere,
            left=left,
        )

    def _should_not(self, lane: Lane, index: int, now_us: int) -> str:
        """Later attempts follow the ranking but look again at what may have changed since."""
        plan = self._plan
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
        # Nobody pays for trying a target that nothing is held against. One in trouble gets its share of the traffic.
        if reading.evidence_e6 and not lane.budget.spend(now_us):
            return Drop.RETRY_BUDGET
        return ""
