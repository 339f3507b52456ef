"""Fake edges for the real request path: a clock, scripted upstreams, a sink and a recorder that remember."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from poise.clock import Timer
from poise.decision import Decision, Outcome, decode_decision, decode_outcome
from poise.edge.wiring import Stack, stack
from poise.errors import AttemptFailed, Failure
from poise.path.fleet import Lane, Route, Tongue
from poise.path.service import Flow, Request
from poise.path.upstream import Connection, Receiver
from poise.policy import Candidate, Choose, Policy
from poise.request import Facts
from poise.rules.prepare import prepare
from poise.target import Capabilities, Price, Target
from poise.wire.conversation.codec import Manner
from poise.wire.dialects import mender
from poise.wire.openai import OpenAI

START_US = 1_790_000_000_000_000
ANSWER = b'{"id":"x","model":"real","choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":7,"completion_tokens":3}}'
JSON = [(b"content-type", b"application/json")]
SSE = [(b"content-type", b"text/event-stream")]
ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
TOKEN = b'data: {"model":"real","choices":[{"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\n'
DONE = b"data: [DONE]\n\n"


class FakeTimer:
    """A call that waits for its time."""

    def __init__(self, due_us: int, call: Callable[[], None]) -> None:
        self.due_us = due_us
        self.call = call

    def cancel(self) -> None:
        """Never, then."""
        self.due_us = -1


class FakeClock:
    """Time stands until a test moves it."""

    def __init__(self) -> None:
        self.at_us = START_US
        self._bits = 0
        self.timers: list[FakeTimer] = []
        self.jumps = False  # time goes on by itself to whatever is waited for

    def now_us(self) -> int:
        """The time a test has set."""
        return self.at_us

    def later(self, wait_s: float, call: Callable[[], None]) -> Timer:
        """Rings when a test has moved time so far."""
        timer = FakeTimer(self.at_us + round(wait_s * 1e6), call)
        self.timers.append(timer)
        if self.jumps:
            asyncio.get_running_loop().call_later(0.001, self._jump, timer)
        return timer

    def _jump(self, timer: FakeTimer) -> None:
        self.at_us = max(self.at_us, timer.due_us)
        self.ring()

    def ring(self) -> None:
        """Make the calls that are due."""
        due = [timer for timer in self.timers if 0 <= timer.due_us <= self.at_us]
        self.timers = [timer for timer in self.timers if timer.due_us > self.at_us]
        for timer in due:
            timer.call()

    def bits64(self) -> int:
        """Another number each time, the same in every run."""
        self._bits += 0x9E3779B97F4A7C15
        return self._bits & (1 << 64) - 1


Script = Callable[["FakeConnection"], None]


class FakeConnection:
    """An exchange that does what its script says when it is sent to."""

    def __init__(self, pool: FakePool, script: Script, *, reused: bool) -> None:
        self._pool = pool
        self._script = script
        self.reused = reused
        self.sent = b""
        self.receiver: Receiver | None = None
        self.closed = False
        self.paused = False

    def send(self, data: bytes, receiver: Receiver) -> None:
        """Remember, and run the script in the next turn of the loop."""
        self.sent = data
        self.receiver = receiver
        asyncio.get_running_loop().call_soon(self._script, self)

    def answer(self, status: int, headers: list[tuple[bytes, bytes]], *parts: bytes) -> None:
        """A complete answer."""
        receiver = self.receiver
        assert receiver is not None
        steps: list[Callable[[], None]] = [partial(receiver.head, status, headers)]
        steps += [partial(receiver.body, part) for part in parts]
        steps.append(receiver.end)
        for step in steps:
            if not self.closed:
                step()

    def pause(self) -> None:
        """Told to wait."""
        self.paused = True

    def resume(self) -> None:
        """Told to go on."""
        self.paused = False

    def close(self) -> None:
        """Aborted."""
        self.closed = True


class FakePool:
    """Hands out one connection per script, in order; the last script is used again and again."""

    def __init__(self, *scripts: Script, reused: bool = False) -> None:
        self._scripts = list(scripts)
        self._reused = reused
        self.connections: list[FakeConnection] = []
        self.refuses: AttemptFailed | None = None

    def take(self) -> Connection | None:
        """An idle connection, where the test wants one that looks used."""
        if not self._reused:
            return None
        self._reused = False
        return self._next(reused=True)

    async def open(self, timeout_s: float) -> Connection:
        """A fresh one."""
        if self.refuses is not None:
            raise self.refuses
        return self._next(reused=False)

    def _next(self, *, reused: bool) -> FakeConnection:
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        connection = FakeConnection(self, script, reused=reused)
        self.connections.append(connection)
        return connection


class FakeSink:
    """Remembers what a client would have seen."""

    def __init__(self) -> None:
        self.started = self.done = self.cut = self.paused = False
        self.status = 0
        self.headers = b""
        self.body = b""
        self.comments = 0
        self.sent = 0
        self.flow: Flow | None = None

    def start(self, status: int, headers: bytes) -> None:
        """Head of a stream."""
        if not self.started:
            self.status = status
        self.headers += headers
        self.started = True

    def write(self, data: bytes) -> None:
        """Part of a stream."""
        self.body += data
        self.sent += len(data)

    def finish(self) -> None:
        """End of a stream."""
        self.done = True

    def whole(self, status: int, headers: bytes, body: bytes) -> None:
        """All at once."""
        self.started = self.done = True
        self.status, self.headers, self.body = status, headers, body

    def through(self, status: int, headers: bytes, size: int) -> None:
        """The head of what is passed on."""
        self.started = True
        self.status, self.headers = status, headers

    def comment(self) -> None:
        """Keep-alive."""
        self.started = True
        self.comments += 1

    def attach(self, flow: Flow | None) -> None:
        """What to pause."""
        self.flow = flow

    def flushed(self) -> Awaitable[None] | None:
        """Everything is."""
        return None


class FakeRecorder:
    """Keeps decisions and outcomes by id, and every call in order."""

    def __init__(self) -> None:
        self.decisions: dict[int, Decision] = {}
        self.outcomes: dict[int, list[Outcome]] = {}
        self.full = False

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
        """Kept unless the test says the journal is full."""
        if self.full and required:
            return False
        self.decisions[id] = decode_decision(blob)
        return True

    def finished(  # noqa: PLR0913 - the protocol's
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
        """One more outcome of a request."""
        self.outcomes.setdefault(id, []).append(decode_outcome(blob))

    def refused(self, id: int, code: str, workflow: str, key: str, status: int, blob: bytes = b"") -> None:
        """Not on the path."""


def whole(status: int = 200, body: bytes = ANSWER) -> Script:
    """Answer with one whole body."""
    return lambda connection: connection.answer(status, JSON, body)


def stream(*parts: bytes) -> Script:
    """Answer with a stream and end it cleanly."""
    return lambda connection: connection.answer(200, SSE, *parts)


def silent(connection: FakeConnection) -> None:
    """Say nothing at all."""


def begins(*parts: bytes) -> Script:
    """Begin a stream, and then be silent."""

    def script(connection: FakeConnection) -> None:
        assert connection.receiver is not None
        connection.receiver.head(200, SSE)
        for part in parts:
            connection.receiver.body(part)

    return script


def breaks(*parts: bytes, failure: Failure = Failure.CUT) -> Script:
    """Begin a stream and lose the connection."""

    def script(connection: FakeConnection) -> None:
        assert connection.receiver is not None
        if parts:
            connection.receiver.head(200, SSE)
        for part in parts:
            connection.receiver.body(part)
        connection.receiver.failed(AttemptFailed(failure, "gone"))

    return script


class World:
    """Targets a, b, c in that order, each with a scripted pool, behind the real stack."""

    def __init__(self, *pools: FakePool, policy: Policy | None = None, prefill: str = "") -> None:
        self.clock = FakeClock()
        self.recorder = FakeRecorder()
        self.pools = pools
        targets = [
            Target(
                f"{n}@p",
                n,
                "p",
                "openai",
                "us",
                f"model-{n}",
                can=Capabilities(prefill=n in prefill),
                price=Price(1.0, 2.0),
            )
            for n in "abcdef"[: len(pools)]
        ]
        candidates = tuple(Candidate(target, place) for place, target in enumerate(targets))
        base = policy or Policy("w", candidates, choose=Choose(mode="order"))
        self.policy = Policy(
            "w",
            candidates,
            objective=base.objective,
            choose=base.choose,
            timers=base.timers,
            recover=base.recover,
            record_required=base.record_required,
            hold=base.hold,
        )
        heads = {("chat", streams): b"POST /v1/chat/completions HTTP/1.1\r\n" for streams in (False, True)}
        tongues = {"openai": Tongue(OpenAI(), heads, mender=mender("openai", "openai", Manner()))}
        self.lanes = tuple(
            Lane(t, pool, dict(tongues), "sk-secret", self.clock) for t, pool in zip(targets, pools, strict=True)
        )
        self.route = Route(prepare(self.policy), self.lanes)
        self.stack: Stack = stack(self.recorder, self.clock)
        self._id = 0

    def request(self, *, streams: bool = False, body: bytes = b"") -> Request:
        """A parsed call that arrives now."""
        self._id += 1
        dialect = OpenAI()
        said = body or b'{"model":"w","messages":[],"stream":%s}' % (b"true" if streams else b"false")
        call = dialect.read_call("chat", said)
        facts = Facts("w", tokens=10, max_output=call.max_output, stream=call.stream)
        deadline_us = self.clock.at_us + self.policy.objective.deadline_us
        return Request(self._id, call, facts, self.route, dialect, self.clock.at_us, deadline_us)

    def upstream_closed(self, pool: int = 0) -> bool:
        """Whether the first connection of a pool was aborted."""
        return self.pools[pool].connections[0].closed

    async def ask(self, sink: FakeSink, *, streams: bool = False) -> Outcome:
        """Send a request through the stack; waits pass by themselves."""
        self.clock.jumps = True
        return await self.stack.admit(self.request(streams=streams), sink)

    async def ask_for(self, request: Request, sink: FakeSink) -> Outcome:
        """Send a request of the test's own through the stack; waits pass by themselves."""
        self.clock.jumps = True
        return await self.stack.admit(request, sink)

    def pass_time(self, seconds: float) -> None:
        """Move the clock and let the ticker look at what is live."""
        self.clock.at_us += int(seconds * 1e6)
        self.clock.ring()
        for exchange in list(self.stack.call.live):
            exchange.tick(self.clock.at_us)
        self.stack.call.linger(self.clock.at_us)

    def outcome(self, number: int = 1) -> Outcome:
        """The one outcome of a request; fails where there is none or more than one."""
        outcomes = self.recorder.outcomes[number]
        assert 1 == len(outcomes)
        return outcomes[0]


async def turns(count: int = 5) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)
