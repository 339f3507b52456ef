"""One worker's data plane on a real socket, between raw clients and a raw upstream, with its books kept in lists.

``rig`` ends every test with the same questions: is the next good request on a fresh connection served, is nothing left
over (tasks, exchanges, slots, body bytes), did nothing surprising happen in a callback, and did a key or a prompt
reach a log or a record?
"""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec
from unittest.mock import patch

import uvloop

from poise.decision import Outcome, decode_outcome
from poise.edge import plane as plane_module
from poise.edge.http.pool import UpstreamPool
from poise.edge.plane import Plane
from poise.edge.snapshot import Endpoint, Grant, Limits, Listener, Snapshot, hash_secret
from poise.path.fleet import Lane
from poise.policy import Candidate, Objective, Policy, Recover, Timers
from poise.target import Provider, Target
from tests.attack.clock import Bell, SkippingClock
from tests.attack.upstream import Upstream, echo
from tests.attack.wire import KEY, PROMPT, Answer, Wire, chat, post

SALT = b"attack-salt-0123"
UPSTREAM_KEY = "sk-upstream-canary-5511aa"
OTHER_KEY = "sk-other-canary-key-0042"
SECRETS = (KEY, UPSTREAM_KEY, OTHER_KEY, PROMPT)
LONGEST_S = 20.0  # a test that takes this long hangs
P = ParamSpec("P")


class Refused(NamedTuple):
    """A request that was turned away before a decision."""

    id: int
    code: str
    status: int


class Records:
    """``path.service.Recorder`` that keeps lists."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self.decisions: dict[int, bytes] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.refusals: list[Refused] = []

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
        assert id not in self.decisions, "a decision was recorded twice"
        self.decisions[id] = blob
        self._bell.ring()
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
        assert id not in self.outcomes, "an outcome was recorded twice"
        self.outcomes[id] = decode_outcome(blob)
        self._bell.ring()

    def refused(self, id: int, code: str, workflow: str, key: str, status: int, blob: bytes = b"") -> None:
        self.refusals.append(Refused(id, code, status))
        self._bell.ring()

    def close(self) -> None:
        """Nothing to close."""

    @property
    def codes(self) -> list[str]:
        """Why requests were turned away, in order."""
        return [refused.code for refused in self.refusals]

    @property
    def endings(self) -> list[str]:
        """How accepted requests ended, in order of their ending."""
        return [str(outcome.kind) for outcome in self.outcomes.values()]


class _LogList(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Rig:
    """What a test talks to."""

    def __init__(self, plane: Plane, upstream: Upstream, records: Records, clock: SkippingClock, bell: Bell) -> None:
        self.plane = plane
        self.upstream = upstream
        self.records = records
        self.clock = clock
        self.bell = bell
        self.port = 0
        self._wires: list[Wire] = []
        self.surprises: list[str] = []
        self.log: list[str] = []
        self.server = plane._server  # noqa: SLF001 - looked at, never written to
        self.call = plane._path.call  # noqa: SLF001 - looked at, never written to

    @property
    def pools(self) -> list[UpstreamPool]:
        """Connections to upstreams."""
        return list(self.plane._pools.values())  # noqa: SLF001 - looked at, never written to

    @property
    def lanes(self) -> list[Lane]:
        """Targets as this worker sees them."""
        return list(self.plane._lanes.values())  # noqa: SLF001 - looked at, never written to

    @property
    def body_bytes(self) -> int:
        """What the server counts as held for bodies."""
        return self.server._body_bytes  # noqa: SLF001 - looked at, never written to

    async def connect(self, *, receive_bytes: int = 0) -> Wire:
        """A client."""
        wire = await Wire.open(self.port, receive_bytes=receive_bytes)
        self._wires.append(wire)
        return wire

    def close(self) -> None:
        """Close every client that a test has not closed."""
        for wire in self._wires:
            wire.close()

    async def ask(self, request: bytes) -> Answer:
        """One answer to one request on a connection of its own."""
        wire = await self.connect()
        await wire.send(request)
        try:
            return await wire.answer()
        finally:
            wire.close()

    async def exchange(self, data: bytes) -> list[Answer]:
        """Everything that comes back for data, until the server closes."""
        wire = await self.connect()
        await wire.send(data)
        try:
            return await wire.rest()
        finally:
            wire.close()

    async def good(self) -> None:
        """The next good request on a fresh connection is served."""
        script, self.upstream.script = self.upstream.script, echo
        answer = await self.ask(post(chat("all is well")))
        self.upstream.script = script

        assert 200 == answer.status, answer
        assert "echo all is well" == answer.text

    def busy(self) -> list[str]:
        """What is still under way, in words; empty when all is quiet."""
        counts = {
            "replies": len(self.server.live),
            "exchanges": len(self.call.live),
            "calls in flight": sum(lane.in_flight for lane in self.lanes),
            "slots in use": sum(pool.in_use + pool.dialling + pool.waiting for pool in self.pools),
            "body bytes": self.body_bytes,
            "replies waiting for the kernel": len(self.server.flushing),
            "decisions without an outcome": len(self.records.decisions) - len(self.records.outcomes),
        }
        return [f"{count} {what}" for what, count in counts.items() if count]

    async def quiet(self, within_s: float = 5.0) -> None:
        """Wait until nothing is under way."""
        try:
            await self.bell.until(lambda: not self.busy(), within_s)
        except TimeoutError:
            raise AssertionError(f"left over: {self.busy()}") from None


def policy(target: str, *, candidates: tuple[Target, ...], timers: Timers, deadline_us: int, attempts: int) -> Policy:
    """A workflow over candidates in order of their names."""
    listed = tuple(Candidate(candidate, place) for place, candidate in enumerate(candidates))
    recover = Recover(attempts=attempts)
    return Policy(target, listed, objective=Objective(deadline_us=deadline_us), timers=timers, recover=recover)


def snapshot(url: str, *, limits: Limits, deadline_us: int, timers: Timers, attempts: int = 1) -> Snapshot:
    """One workflow, ``support``, one target, two keys; ``other`` may use nothing."""
    target = Target("m@up", "m", "up", "openai-compatible", "us", "m-1")
    support = policy("support", candidates=(target,), timers=timers, deadline_us=deadline_us, attempts=attempts)
    endpoint = Endpoint(Provider("up", "openai-compatible", "us", url), UPSTREAM_KEY)
    grants = {"app": Grant("app", {"support": 1}), "other": Grant("other", {})}
    keys = {hash_secret(KEY.encode(), SALT): "app", hash_secret(OTHER_KEY.encode(), SALT): "other"}
    return Snapshot(
        1, "d", Listener(), "127.0.0.1:0", "", {"support": support}, {"up": endpoint}, grants, keys, SALT, limits=limits
    )  # fmt: skip


@asynccontextmanager
async def rig(
    *,
    limits: Limits | None = None,
    deadline_s: float = 600.0,
    timers: Timers | None = None,
    send_bytes: int = 0,
    hold: bool = True,
    made: Callable[[Snapshot], Snapshot] = lambda served: served,
    serve: Callable[[str], Snapshot] | None = None,
) -> AsyncIterator[Rig]:
    """A running plane; what must hold after every test is asserted on the way out.

    send_bytes bounds the kernel's own buffer towards clients, so that one who does not read is felt soon. hold is unset
    only where a safeguard was switched off, so that what must hold does not. made adds to what is served; serve makes
    another snapshot for the upstream's url; its workflow ``support`` must answer a chat with that upstream.
    """
    loop = asyncio.get_running_loop()
    bell = Bell()
    upstream = Upstream(bell)
    url = f"http://127.0.0.1:{await upstream.start()}/v1"
    clock, records, log = SkippingClock(bell), Records(bell), _LogList()
    sock = socket.socket()
    if send_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
    sock.bind(("127.0.0.1", 0))
    sock.listen(1024)
    sock.setblocking(False)
    bounds = limits or Limits()
    served = made(snapshot(url, limits=bounds, deadline_us=int(deadline_s * 1e6), timers=timers or Timers()))
    if serve is not None:
        served = serve(url)
    with patch.object(plane_module, "make_recorder", lambda *_: records), tempfile.TemporaryDirectory() as folder:
        plane = Plane(served, index=0, data=Path(folder), clock=clock)
    it = Rig(plane, upstream, records, clock, bell)
    it.port = sock.getsockname()[1]
    it.log = log.lines
    loop.set_exception_handler(lambda _, context: it.surprises.append(repr(context)))
    logging.getLogger().addHandler(log)
    await plane.start()
    stop = plane.listen(sock)
    sock.close()
    try:
        yield it
        if hold:
            await _hold(it)
    finally:
        it.close()
        logging.getLogger().removeHandler(log)
        stop()
        await plane.close()
        await upstream.stop()


async def _hold(it: Rig) -> None:
    """The common expectations of every attack."""
    if not it.server.draining:
        await it.good()
    await it.quiet()
    broken = [sock.broken for sock in it.upstream.sockets if sock.broken]
    told = "\n".join([*it.log, repr(it.records.refusals), repr(it.records.decisions), repr(it.records.outcomes)])

    assert [] == it.surprises
    assert [] == broken, "the upstream was sent something that is not one request"
    assert [] == [secret for secret in SECRETS if secret in told], told[:2000]
    assert [] == [line for line in it.log if not line.isprintable()], "a control character reached the log"


def on_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test on uvloop, as workers run; a task left over is an error."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def watched() -> None:
            async with asyncio.timeout(LONGEST_S):
                await test(*args, **kwargs)
            await asyncio.sleep(0)
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            assert [] == left

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(watched())

    return run
