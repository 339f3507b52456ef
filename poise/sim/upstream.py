"""A scripted OpenAI-compatible upstream: it answers, fails exactly as told, and keeps a log of all it saw.

Runs on any event loop, the virtual one included. Its log is the witness in tests: what arrived byte for byte, when
an answer began and ended, and who ended it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec

from poise.clock import Clock, Timer
from poise.sim.connection import UpstreamConnection
from poise.sim.script import Script, Step

Ended = Literal["", "complete", "closed", "reset", "client_gone", "lost"]
RELISTEN_S = 0.05
MAX_LOG = 20_000  # newest requests kept; older ones are only counted


class Received(msgspec.Struct):
    """One request as it arrived and how it ended; times are wall time in microseconds, 0 where it did not happen.

    head is everything before the body as it came, body the body. tokens counts the events sent that carry a token (a
    whole answer is one). ended: ``complete``; ``closed`` or ``reset`` by this upstream's script; ``client_gone``: the
    caller closed first; ``lost``: this upstream was stopped. '' while it is under way.
    """

    number: int
    connection: int
    at_us: int
    head: bytes
    body: bytes
    method: str
    path: str
    model: str = ""
    step: Step = Step()
    first_us: int = 0
    ended_us: int = 0
    tokens: int = 0
    ended: Ended = ""

    @property
    def headers(self) -> dict[str, str]:
        """Header lines by lower-case name, the last of equal names."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}

    @property
    def json(self) -> dict[str, Any]:
        """The body decoded."""
        decoded = msgspec.json.decode(self.body)
        assert isinstance(decoded, dict)
        return decoded


class Upstream:
    """One simulated region: script, log, and the connections that are open to it."""

    def __init__(
        self, name: str, clock: Clock, *, seed: int = 0, standing: Step | None = None, models: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.clock = clock
        self.seed = seed
        self.models = models or ("sim-chat", "sim-embed")
        self.script = Script(standing)
        self.log: deque[Received] = deque(maxlen=MAX_LOG)
        self.counts: Counter[str] = Counter()
        self.connections = 0
        self.port = 0
        self._host = ""
        self._open: dict[int, asyncio.Transport] = {}
        self._waiters: dict[int, list[asyncio.Future[Received]]] = {}
        self._server: asyncio.Server | None = None
        self._reopening: Timer | None = None
        self._reopened: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The base address a client is given."""
        return f"http://{self._host}:{self.port}/v1"

    # -- the door -----------------------------------------------------------------------------------------------------

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Accept connections; port 0 takes a free one. Returns the port, which ``refuse`` and a new ``listen`` keep."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: UpstreamConnection(self), host, port or self.port, reuse_address=True
        )
        self._host = host
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    def refuse(self, for_s: float = 0.0) -> None:
        """Close the port and every connection, as a process that died; for_s > 0 opens the port again after that."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for transport in list(self._open.values()):
            transport.abort()
        if for_s > 0:
            self._reopening = self.clock.later(for_s, self._reopen)

    async def close(self) -> None:
        """Stop for good."""
        self.refuse()
        if self._reopening is not None:
            self._reopening.cancel()
        if self._reopened is not None:
            await self._reopened
            self.refuse()

    def _reopen(self) -> None:
        self._reopened = asyncio.get_running_loop().create_task(self._listen_again())

    async def _listen_again(self) -> None:
        try:
            await self.listen(self._host)
        except OSError:
            # A caller's own socket may sit on the port: connecting to a free port of the loopback can meet itself.
            self._reopening = self.clock.later(RELISTEN_S, self._reopen)

    # -- called by connections ----------------------------------------------------------------------------------------

    def joined(self, transport: asyncio.Transport) -> int:
        """A connection was accepted; returns its number."""
        self.connections += 1
        self._open[self.connections] = transport
        return self.connections

    def left(self, connection: int) -> None:
        """A connection is gone."""
        self._open.pop(connection, None)

    def received(self, connection: int, head: bytes, body: bytes) -> Received:
        """Log a request that is complete."""
        method, path = head.split(b" ", 2)[:2]
        number = self.counts["requests"] = self.counts["requests"] + 1
        one = Received(
            number, connection, self.clock.now_us(), head, body, method.decode("latin-1"), path.decode("latin-1")
        )
        self.log.append(one)
        return one

    def ended(self, one: Received, how: Ended) -> None:
        """Log the end of a request; only the first report counts."""
        if one.ended:
            return
        one.ended, one.ended_us = how, self.clock.now_us()
        self.counts[how] += 1
        for waiter in self._waiters.pop(one.number, ()):
            if not waiter.done():
                waiter.set_result(one)

    # -- for those who look -------------------------------------------------------------------------------------------

    async def end_of(self, number: int) -> Received:
        """Wait until the request has ended. Raises KeyError where there was none, or it is too old to be kept."""
        one = next((one for one in self.log if one.number == number), None)
        if one is None:
            raise KeyError(number)
        if one.ended:
            return one
        waiter: asyncio.Future[Received] = asyncio.get_running_loop().create_future()
        self._waiters.setdefault(number, []).append(waiter)
        return await waiter

    @property
    def listening(self) -> bool:
        """Whether its port accepts."""
        return self._server is not None

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return len(self._open)


@asynccontextmanager
async def serving(upstream: Upstream, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Upstream]:
    """The upstream while it listens."""
    await upstream.listen(host, port)
    try:
        yield upstream
    finally:
        await upstream.close()
