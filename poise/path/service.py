"""The shapes that the request path is made of.

A service takes what it works on and a sink, and returns when the exchange is over: a ``finally`` in it settles at the
end of the answer, not at its head. What a stage learns becomes a new type - Request, Plan, Attempt, Dispatch - so a
strict type checker refuses a stack in the wrong order.

They are plain classes, not Structs: they never leave the process, and compiled code reads their fields as C does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Final, Protocol, TypeVar

from poise.decision import AttemptRecord, Inputs, Pin, Usage, Verdict
from poise.path.fleet import Lane, Route, Tongue
from poise.request import Facts
from poise.wire.call import Call, Dialect, StreamReader
from poise.wire.mend.delivered import Delivered
from poise.wire.mend.mender import Mender

UNKNOWN_SIZE: Final = -1
NO_BODY: Final = -2


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

    def through(self, status: int, headers: bytes, size: int) -> None:
        """The head of an answer that is passed on as it is; size of its body in bytes, UNKNOWN_SIZE or NO_BODY."""

    def comment(self) -> None:
        """A keep-alive comment; opens the stream where nothing went out yet."""

    def attach(self, flow: Flow | None) -> None:
        """Name the flow to pause and resume from now on."""

    def flushed(self) -> Awaitable[None] | None:
        """None where every byte has reached the kernel, else something to wait for."""


class Request:
    """An accepted call: who asks, for what, by which route, until when (wall time, microseconds).

    forward holds the caller's header lines that go upstream; where a call is passed through, all that is sent there. pins
    says where what it names was made.
    """

    __slots__ = ("arrived_us", "call", "deadline_us", "dialect", "facts", "forward", "id", "pins", "route")

    def __init__(
        self,
        id: int,
        call: Call,
        facts: Facts,
        route: Route,
        dialect: Dialect,
        arrived_us: int,
        deadline_us: int,
        forward: bytes = b"",
    ) -> None:
        self.id = id
        self.call = call
        self.facts = facts
        self.route = route
        self.dialect = dialect
        self.arrived_us = arrived_us
        self.deadline_us = deadline_us
        self.forward = forward
        self.pins: tuple[Pin, ...] = ()


class Plan:
    """A request and its one Decision. attempts grows as recover works through the ranking."""

    __slots__ = ("attempts", "inputs", "request", "verdict")

    def __init__(self, request: Request, inputs: Inputs, verdict: Verdict) -> None:
        self.request = request
        self.inputs = inputs
        self.verdict = verdict
        self.attempts: list[AttemptRecord] = []


class Repair:
    """How a broken answer is mended: by the same request once more, or (resumes) by asking for the rest."""

    __slots__ = ("delivered", "mender", "resumes")

    def __init__(self, mender: Mender, delivered: Delivered, *, resumes: bool) -> None:
        self.mender = mender
        self.delivered = delivered
        self.resumes = resumes

    @property
    def told(self) -> str:
        """For the record: which way, and where the seam is."""
        return f"{'continue' if self.resumes else 'restart'} after {len(self.delivered.text)} characters"

    def reader(self, call: Call) -> StreamReader:
        """For the answer."""
        if self.resumes:
            return self.mender.resume(call, self.delivered)
        return self.mender.restart(call, self.delivered)


class Attempt:
    """One try, ``number`` from 1, at one candidate (its index in the policy). elsewhere: another could still be tried.

    left is how many tries there are, this one among them; repair is set where it mends a broken answer. The rest is
    filled as it goes: used counts what a gateway below tried, and what had come of an answer that did not complete.
    """

    used: int = 1
    called_off: str = ""  # why it was, where the client did not go
    status: int = 0
    first_token_us: int = -1
    bytes: int = 0
    model: str = ""

    def __init__(
        self,
        plan: Plan,
        lane: Lane,
        candidate: int,
        number: int,
        *,
        started_us: int,
        elsewhere: bool,
        left: int = 1,
        repair: Repair | None = None,
    ) -> None:
        self.plan = plan
        self.lane = lane
        self.candidate = candidate
        self.number = number
        self.started_us = started_us
        self.elsewhere = elsewhere
        self.left = left
        self.repair = repair
        self.usage: Usage | None = None


class Dispatch:
    """An attempt bound to one address and the bytes that will be sent there."""

    __slots__ = ("attempt", "data", "lane", "tongue")

    def __init__(self, attempt: Attempt, lane: Lane, tongue: Tongue, data: bytes) -> None:
        self.attempt = attempt
        self.lane = lane
        self.tongue = tongue
        self.data = data


class Answered:
    """A complete answer that was passed on: durations in microseconds since the attempt's start, -1 for none."""

    __slots__ = ("bytes", "first_token_us", "model", "status", "took_us", "usage")

    def __init__(
        self, status: int, model: str, usage: Usage | None, first_token_us: int, took_us: int, size: int
    ) -> None:
        self.status = status
        self.model = model
        self.usage = usage
        self.first_token_us = first_token_us
        self.took_us = took_us
        self.bytes = size


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
