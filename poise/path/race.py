"""Hedging: a second attempt beside a first that is slow to begin. The first past the gate owns the client.

Only before the first token, so nothing is ever spliced; the losers are called off, and what they cost is written down.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from poise.clock import Clock
from poise.errors import AttemptFailed
from poise.path.course import Course
from poise.path.gate import Gate
from poise.path.service import Answered, Attempt, Service
from poise.policy import Hedge
from poise.rules.budget import Budget

MOST_LAG_US: Final = 50_000  # of this worker: one that is late itself makes no more work


def hedge_after_us(hedge: Hedge, attempt: Attempt, lag_us: int) -> int:
    """How long a first attempt may be silent before a second is made beside it, microseconds; -1: none is made.

    None for a request that brings tools, unless the policy says so: two models may call them. None where the target's
    speed is not known yet, where nobody else can serve, or where this worker is late itself.
    """
    facts = attempt.plan.request.facts
    if not attempt.elsewhere or (facts.tools and not hedge.tools) or lag_us > MOST_LAG_US:
        return -1
    if hedge.after_us:
        return hedge.after_us
    quantiles = attempt.lane.quantiles
    return -1 if quantiles is None else quantiles.at(hedge.share_e2)


class Race:
    """The attempts of one request that run beside each other. ended holds the losers, with why (None: called off)."""

    def __init__(
        self, below: Service[Attempt, Gate, Answered], clock: Clock, gate: Gate, course: Course, budget: Budget
    ) -> None:
        self._below = below
        self._clock = clock
        self._gate = gate
        self._course = course
        self._budget = budget
        self._running: dict[asyncio.Task[Answered], Attempt] = {}
        self._changed = asyncio.Event()
        self._due = False
        self.ended: list[tuple[Attempt, AttemptFailed | None]] = []

    async def run(self, attempt: Attempt, wait_us: int) -> tuple[Attempt, Answered]:
        """The winner. Raises AttemptFailed, the last one's, where all failed; ended is filled in any case."""
        self._gate.won = self._changed.set
        self._start(attempt)
        timer = self._clock.later(wait_us / 1e6, self._ring)
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                winner = self._settle()
                if winner is not None:
                    await self._call_off("another attempt was faster")
                    return winner
                if self._gate.owner is not None:
                    await self._call_off("another attempt was faster", but=self._gate.owner)
                elif self._due:
                    self._due = False
                    self._hedge()
                if not self._running:
                    failure = self.ended[-1][1]
                    assert failure is not None  # who is called off leaves a winner
                    raise failure
        except asyncio.CancelledError:
            await self._call_off("")
            raise
        finally:
            timer.cancel()
            self._gate.won = None

    def _ring(self) -> None:
        self._due = True
        self._changed.set()

    def _start(self, attempt: Attempt) -> None:
        task = asyncio.get_running_loop().create_task(self._below(attempt, self._gate))
        self._running[task] = attempt
        task.add_done_callback(lambda _: self._changed.set())

    def _hedge(self) -> None:
        """A second attempt, where somebody healthy is left to ask and the budget of hedges has room."""
        now_us = self._clock.now_us()
        if self._course.elsewhere and self._budget.spend(now_us):
            spare = self._course.next(lambda lane: not lane.reading(now_us).evidence_e6)
            if spare is not None:
                spare.elsewhere = (
                    False  # it waits for its first token as long as it takes: it is the one to fall back on
                )
                self._start(spare)

    def _settle(self) -> tuple[Attempt, Answered] | None:
        """Take those that are over out of the race; the one that answered is returned."""
        for task in [task for task in self._running if task.done()]:
            attempt = self._running.pop(task)
            if task.cancelled():
                self.ended.append((attempt, None))
                continue
            error = task.exception()
            if error is None:
                return attempt, task.result()
            if not isinstance(error, AttemptFailed):
                raise error
            self.ended.append((attempt, error))
        return None

    async def _call_off(self, why: str, but: Attempt | None = None) -> None:
        losers = {task: attempt for task, attempt in self._running.items() if attempt is not but}
        for task, attempt in losers.items():
            attempt.called_off = why
            task.cancel()
        for task, attempt in losers.items():
            with suppress(asyncio.CancelledError, AttemptFailed):
                await task
            del self._running[task]
            self.ended.append((attempt, None))
