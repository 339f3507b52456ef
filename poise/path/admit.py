"""First stage. Above everything, because refusing must cost nothing: no decision, no record of candidates, no socket."""

from __future__ import annotations

from collections.abc import Coroutine

from poise.clock import Clock
from poise.decision import Outcome
from poise.errors import Error
from poise.path.service import Request, Service, Sink


class Admit:
    """Lets a request in or refuses it: drain, time already gone."""

    def __init__(self, below: Service[Request, Sink, Outcome], clock: Clock) -> None:
        self._below = below.__call__  # bound once: calling an object looks its method up each time
        self._clock = clock
        self.draining = False

    def __call__(self, request: Request, sink: Sink, /) -> Coroutine[object, None, Outcome]:
        """Raises Error draining, deadline_exceeded."""
        # Not a coroutine of its own: a frame less for each request, and what is refused never becomes one.
        if self.draining:
            raise Error("draining", "this server is shutting down", hint="try again", retry_after_s=1)
        if request.deadline_us <= self._clock.now_us():
            raise Error("deadline_exceeded", "the deadline had passed on arrival", hint="allow more time")
        return self._below(request, sink)
