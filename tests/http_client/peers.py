"""Both ends of a client's test: upstreams that send exact bytes, and a receiver that keeps what it is told."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from ssl import SSLContext
from typing import Any, TypedDict, Unpack

import pytest
import uvloop

from poise.clock import SystemClock
from poise.edge.http.dial import dialer_for
from poise.edge.http.pool import UpstreamPool
from poise.edge.http.resolve import SystemResolver
from poise.edge.http.upstream import UpstreamConnection
from poise.edge.snapshot import Endpoint
from poise.errors import AttemptFailed
from poise.target import Provider

ASK = b"POST /v1/x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
WAIT_S = 10.0  # a bound on a test that hangs, never waited for otherwise

Runner = Callable[[Coroutine[Any, Any, None]], None]
on_both_loops = pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])


class Heard:
    """A receiver. ``events`` merges body pieces, so that two ways of cutting the same bytes are equal."""

    def __init__(self, pool: UpstreamPool | None = None) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.data = b""
        self.heads = 0
        self.ends: list[str] = []
        self.failure: AttemptFailed | None = None
        self.idle_at_end = -1
        self.distrusts: UpstreamConnection | None = None  # closed at the end, for what came on it
        self._pool = pool
        self._over = asyncio.Event()
        self._begun = asyncio.Event()

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.heads += 1
        self.status = status
        self.headers = headers

    def body(self, data: bytes) -> None:
        self.data += data
        self._begun.set()

    def end(self) -> None:
        self.ends.append("end")
        if self.distrusts is not None:
            self.distrusts.close()
        self._over.set()

    def failed(self, failure: AttemptFailed) -> None:
        self.ends.append(failure.failure)
        self.failure = failure
        self._over.set()

    async def over(self) -> Heard:
        """Once the exchange has ended, in whichever way."""
        async with asyncio.timeout(WAIT_S):
            await self._over.wait()
        if self._pool is not None:
            self.idle_at_end = self._pool.idle
        return self

    async def begun(self) -> None:
        """Once the first piece of body is here."""
        async with asyncio.timeout(WAIT_S):
            await self._begun.wait()

    @property
    def text(self) -> str:
        """What the failure says."""
        assert self.failure is not None
        return self.failure.text

    @property
    def events(self) -> tuple[object, ...]:
        """What was told, without how it was cut."""
        return self.status, tuple(self.headers), self.data, tuple(self.ends)


class Line:
    """The upstream's side of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def asked(self) -> bytes:
        """One request whose body is two bytes."""
        return await self.reader.readuntil(b"\r\n\r\n") + await self.reader.readexactly(2)

    async def say(self, data: bytes) -> None:
        """Exactly these bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> bytes:
        """What else comes until the client has closed."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    def reset(self) -> None:
        """Close with RST."""
        plain: socket.socket = self.writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Peer:
    """An upstream on the loopback. ``lines`` counts connections; ``live`` those not closed by both sides."""

    def __init__(self, play: Callable[[Line], Awaitable[None]]) -> None:
        self._play = play
        self.port = 0
        self.lines = 0
        self.live = 0
        self.broken: list[BaseException] = []
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Play the script, then close."""
        self.lines += 1
        self.live += 1
        self._quiet.clear()
        try:
            await self._play(Line(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left; scripts that mind say so themselves
        except AssertionError as error:
            self.broken.append(error)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            self.live -= 1
            if not self.live:
                self._quiet.set()

    async def quiet(self) -> None:
        """Once no connection is left."""
        async with asyncio.timeout(WAIT_S):
            await self._quiet.wait()


@asynccontextmanager
async def peer(play: Callable[[Line], Awaitable[None]], ssl: SSLContext | None = None) -> AsyncIterator[Peer]:
    """A listening upstream, and at the end the proof that nothing of it is left."""
    made = Peer(play)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=ssl)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.quiet()
        await server.wait_closed()
    assert [] == made.broken


class More(TypedDict, total=False):
    """What a provider may say beyond its url."""

    proxy: str
    ca: str
    client_cert: str
    client_key: str
    connections: int


def provider(url: str, **more: Unpack[More]) -> Provider:
    """A provider at an address."""
    return Provider("p", "openai", "us", url, **more)


def pool_for(declared: Provider) -> UpstreamPool:
    """A pool on real time."""
    clock = SystemClock()
    return UpstreamPool(Endpoint(declared), dialer=dialer_for(declared, SystemResolver(clock), clock), clock=clock)


def pool_to(upstream: Peer, **more: Unpack[More]) -> UpstreamPool:
    """A pool for a peer, plain TCP."""
    return pool_for(provider(f"http://127.0.0.1:{upstream.port}/v1", **more))


async def ask(pool: UpstreamPool, data: bytes = ASK) -> Heard:
    """One exchange on an idle connection, or on a fresh one."""
    connection = pool.take() or await pool.open(WAIT_S)
    heard = Heard(pool)
    connection.send(data, heard)
    return await heard.over()


async def until(fact: Callable[[], bool]) -> None:
    """Let the loop turn until something holds."""
    async with asyncio.timeout(WAIT_S):
        while not fact():  # noqa: ASYNC110 - facts about the code under test, which sets no events for tests
            await asyncio.sleep(0)


def answers(*said: bytes) -> Callable[[Line], Awaitable[None]]:
    """A script: for each request the next of these; then wait for the client to go."""

    async def play(line: Line) -> None:
        for data in said:
            await line.asked()
            await line.say(data)
        await line.gone()

    return play


def says_and_closes(data: bytes) -> Callable[[Line], Awaitable[None]]:
    """A script: one request, these bytes, FIN."""

    async def play(line: Line) -> None:
        await line.asked()
        await line.say(data)

    return play
