"""The shapes that the request path is made of.

A service takes what it works on and a sink, and returns when the exchange is over: a ``finally`` in it settles at the
end of the answer, not at its head. What a stage learns becomes a new type - Request, Plan, Attempt, Dispatch - so a
strict type checker refuses a stack in the wrong order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Protocol, TypeVar

import msgspec

from poise.decision import AttemptRecord, Inputs, Usage, Verdict
from poise.path.fleet import Lane, Route
from poise.request import Facts
from poise.wire.call import Call, Dialect


class Flow(Protocol):
    """The source of a sink's bytes, told to wait while the client is slow."""

    def pause(self) -> None:
        """Send no more for now."""

    def resume(self) -> None:
        """Go on."""


class Sink(Protocol):
    """Where an answer goes. Nothing here waits; a slow client pauses the attached flow."""

    started: bool  # a status line went out (perhaps only with keep-alive comments)
    cut: bool  # the server's own drain ends it, not the client
    sent: int  # bytes of the answer handed on so far
    paused: bool  # the client is not reading as fast as the answer comes

    def start(self, status: int, headers: bytes) -> None:
        """The head of a streamed answer. headers are complete lines. Harmless where keep-alive comments began it."""

    def write(self, data: bytes) -> None:
        """Part of a streamed answer."""

    def finish(self) -> None:
        """The streamed answer is complete."""

    def whole(self, status: int, headers: bytes, body: bytes) -> None:
        """A whole answer at once."""

    def comment(self) -> None:
        """A keep-alive comment; opens the stream where nothing went out yet."""

    def attach(self, flow: Flow | None) -> None:
        """Name the flow to pause and resume from now on."""

    def flushed(self) -> Awaitable[None] | None:
        """None where every byte has reached the kernel, else something to wait for."""


class Request(msgspec.Struct):
    """An accepted call: who asks, for what, by which route, until when (wall time, microseconds).

    forward holds the caller's header lines that go upstream.
    """

    id: int
    call: Call
    facts: Facts
    route: Route
    dialect: Dialect
    arrived_us: int
    deadline_us: int
    forward: bytes = b""


class Plan(msgspec.Struct):
    """A request and its one Decision. attempts grows as recover works through the ranking."""

    request: Request
    inputs: Inputs
    verdict: Verdict
    attempts: list[AttemptRecord]


class Attempt(msgspec.Struct):
    """One try, ``number`` from 1, at one candidate (its index in the policy). elsewhere: another could still be tried.

    The rest is filled where the answer did not complete: what had come of it until then.
    """

    plan: Plan
    lane: Lane
    candidate: int
    number: int
    started_us: int
    elsewhere: bool
    status: int = 0
    first_token_us: int = -1
    bytes: int = 0
    usage: Usage | None = None
    model: str = ""


class Dispatch(msgspec.Struct):
    """An attempt bound to one address and the bytes that will be sent there."""

    attempt: Attempt
    lane: Lane
    data: bytes


class Answered(msgspec.Struct):
    """A complete answer that was passed on: durations in microseconds since the attempt's start, -1 for none."""

    status: int
    model: str
    usage: Usage | None
    first_token_us: int
    took_us: int
    bytes: int


class Recorder(Protocol):
    """Where decisions and outcomes are kept; ``store.journal`` provides it."""

    def opened(
        self,
        id: int,
        policy: bytes,
        workflow: str,
        conversation: str,
        key: str,
        blob: bytes,
        required: bool,
        kind: int = 1,
    ) -> bool:
        """Keep a decision before anything is sent. False: it is required in full and cannot be kept."""

    def finished(  # noqa: PLR0913 - one call for one record: a value in between would cost as much as writing it
        self,
        id: int,
        kind_code: int,
        status: int,
        target: str,
        took_us: int,
        cost_usd_e6: int,
        input_tokens: int,
        output_tokens: int,
        blob: bytes,
        first_byte_us: int = -1,
        attempts: int = 1,
    ) -> None:
        """Keep how it ended."""

    def refused(self, id: int, code: str, workflow: str, key: str, status: int, blob: bytes = b"") -> None:
        """Keep a request that was turned away before a decision."""


In = TypeVar("In", contravariant=True)
Result = TypeVar("Result", covariant=True)
Out = TypeVar("Out", contravariant=True)


class Service(Protocol[In, Out, Result]):
    """One stage with everything below it. Out is a Sink above ``recover`` and its Gate below."""

    def __call__(self, item: In, sink: Out, /) -> Coroutine[object, None, Result]:
        """Serve the item, pushing the answer into the sink; returns when the exchange is over."""
