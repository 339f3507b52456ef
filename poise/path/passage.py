"""One call passed through to one provider: bytes there, bytes back, nothing translated. It stands where recover does.

There is one candidate and one attempt. A failure before the answer's head is an error of ours; after it the connection
to the client is broken off, for nobody can say in an answer of unknown form that it is not whole.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable
from typing import Final

from poise.clock import Clock
from poise.decision import AttemptRecord, Outcome, OutcomeKind, Usage
from poise.errors import FAILURES, AttemptFailed, Blame, Error, Failure
from poise.path.crossing import Crossing
from poise.path.fleet import Lane
from poise.path.ledger import cost_usd_e6
from poise.path.service import Plan, Sink
from poise.rules.prepare import Option
from poise.target import Price

MAX_TEXT_CHARS: Final = 200
UNCOUNTED: Final = "uncounted"  # nobody said how many tokens it was; bytes are all that is known
NO_PRICE: Final = Price()


class Passage:
    """Plan to Outcome. prices are by provider and model, under either name of it; learn is told the kind and id of what a
    provider says it has, so that requests which name it go there.
    """

    def __init__(self, clock: Clock, future: Callable[[], Future[None]] | None = None) -> None:
        self._clock = clock
        self._future = future or (lambda: asyncio.get_running_loop().create_future())
        self.live: set[Crossing] = set()
        self.prices: dict[tuple[str, str], Price] = {}
        self.learn: Callable[[str, str, Lane], None] | None = None

    async def __call__(self, plan: Plan, sink: Sink, /) -> Outcome:
        """Raises Error: upstream_failed, upstream_timeout, deadline_exceeded, stream_broken. Cancelled: the upstream is
        closed at once.
        """
        request = plan.request
        lane = request.route.lanes[plan.verdict.choice]
        crossing = Crossing(plan, lane, sink, self._clock, self.learn)
        lane.in_flight += 1
        try:
            await self._cross(crossing)
        except AttemptFailed as failure:
            now_us = self._clock.now_us()
            plan.attempts.append(self._record(crossing, failure, now_us))
            if request.deadline_us > now_us or failure.failure is not Failure.TIMEOUT:
                lane.failed(failure, now_us)
            raise self._told(crossing, failure, now_us) from failure
        except asyncio.CancelledError:
            plan.attempts.append(self._record(crossing, None, self._clock.now_us()))
            raise
        finally:
            lane.in_flight -= 1
        return self._completed(crossing)

    async def _cross(self, crossing: Crossing) -> None:
        connection = crossing.lane.pool.take()
        while True:
            if connection is None:
                connection = await crossing.lane.pool.open(self._connect_s(crossing))
            crossing.begin(connection, self._future())
            self.live.add(crossing)
            try:
                connection.send(crossing.plan.request.forward, crossing)
                await crossing.done
            except AttemptFailed as failure:
                # A pooled connection may have died of age just then: once, on a fresh one, if no byte had come back.
                if failure.failure is not Failure.CONNECT or crossing.status or not connection.reused:
                    raise
                connection = None
            else:
                return
            finally:
                self.live.discard(crossing)
                crossing.abandon()

    def _connect_s(self, crossing: Crossing) -> float:
        request = crossing.plan.request
        left_us = request.deadline_us - self._clock.now_us()
        connect_us = min(request.route.policy.timers.connect_us, left_us)
        if connect_us <= 0:
            raise AttemptFailed(Failure.TIMEOUT, "no time left to connect")
        return connect_us / 1e6

    def _completed(self, crossing: Crossing) -> Outcome:
        now_us = self._clock.now_us()
        plan, lane = crossing.plan, crossing.lane
        failure = crossing.refusal()
        if failure is None:
            lane.succeeded(-1, now_us - crossing.begun_us, now_us)
        else:
            lane.failed(failure, now_us)
        record = self._record(crossing, failure, now_us, whole=True)
        plan.attempts.append(record)
        arrived_us = plan.request.arrived_us
        return Outcome(
            OutcomeKind.COMPLETED if failure is None else OutcomeKind.FAILED,
            crossing.status,
            lane.target.id,
            _code(failure),
            now_us - arrived_us,
            crossing.head_us - arrived_us,
            crossing.size,
            "all",
            tuple(plan.attempts),
        )

    def _record(
        self, crossing: Crossing, failure: AttemptFailed | None, now_us: int, *, whole: bool = False
    ) -> AttemptRecord:
        plan, lane = crossing.plan, crossing.lane
        usage = crossing.meter.usage if crossing.meter is not None else None
        heard = crossing.meter.model if crossing.meter is not None else ""
        counted = usage or Usage()
        name, detail = ("", "") if whole else ("cancelled", "the client went, or the server stopped")
        if failure is not None:
            name, detail = str(failure.failure), crossing.clean(failure.text)[:MAX_TEXT_CHARS]
        return AttemptRecord(
            lane.target.id,
            crossing.begun_us - plan.request.arrived_us,
            crossing.head_us - crossing.begun_us if crossing.head_us >= 0 else -1,
            now_us - crossing.begun_us,
            crossing.status,
            name,
            detail,
            "",
            counted.input_tokens,
            counted.output_tokens,
            self._cost(plan.request.route.option(plan.verdict.choice), lane, counted, plan.request.call.model, heard),
            UNCOUNTED if usage is None else "exact" if usage.sure else "estimated",
            heard,
        )

    def _cost(self, option: Option, lane: Lane, usage: Usage, *models: str) -> int:
        """By the price of the model that was named, or of the one that says it answered."""
        provider = lane.target.provider
        known = [self.prices[(provider, model)] for model in models if (provider, model) in self.prices]
        return cost_usd_e6(option, known[0] if known else NO_PRICE, usage)

    def _told(self, crossing: Crossing, failure: AttemptFailed, now_us: int) -> Error:
        text = crossing.clean(failure.text)[:MAX_TEXT_CHARS]
        where = crossing.lane.target.provider
        if crossing.sink.started:
            return Error("stream_broken", f"the answer of {where} broke off: {text}")
        if now_us >= crossing.plan.request.deadline_us:
            return Error("deadline_exceeded", "no answer within the deadline", hint="allow more time")
        if FAILURES[failure.failure].status == 504:
            return Error("upstream_timeout", f"{where} did not answer: {text}", hint="try again, or allow more time")
        return Error("upstream_failed", f"{where} could not be asked: {text}", hint="try again")


def _code(failure: AttemptFailed | None) -> str:
    """What an error of the provider's own, which was passed on, is called on the record."""
    if failure is None:
        return ""
    if failure.failure is Failure.RATE:
        return "upstream_rate_limited"
    return "upstream_rejected" if FAILURES[failure.failure].blame is Blame.CALLER else "upstream_failed"
