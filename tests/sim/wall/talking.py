"""Raw clients of the wall: on virtual time over a pipe, and on real sockets. They keep every byte and how it ended."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar, cast

from poise.sim.clock import EPOCH_US, VirtualClock, run
from poise.sim.pipe import connect_pair
from poise.sim.wall.wall import Wall

T = TypeVar("T")
PATHS = {"openai": "/v1/chat/completions", "responses": "/v1/responses", "anthropic": "/v1/messages"}
WAIT_S = 20.0  # a bound on a test that hangs, never waited for otherwise


def ask(
    model: str,
    prompt: str = "what is it",
    *,
    dialect: str = "openai",
    stream: bool = True,
    id: str = "a-1",
    **more: object,
) -> bytes:
    """The bytes of one request."""
    said = [{"role": "user", "content": prompt}]
    body: dict[str, Any] = {"model": model, "messages": said, "stream": stream}
    if dialect == "openai" and stream:
        body["stream_options"] = {"include_usage": True}
    if dialect == "responses":
        body = {"model": model, "input": prompt, "stream": stream}
    path = PATHS.get(
        dialect, f"/v1beta/models/{model}:{'streamGenerateContent?alt=sse' if stream else 'generateContent'}"
    )
    if dialect == "gemini":
        body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}
    raw = json.dumps(body | more).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: wall\r\nauthorization: Bearer sk-secret\r\nx-client-request-id: {id}\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n%b" % (len(raw), raw)


class Ear(asyncio.Protocol):
    """A client on virtual time: pieces with the second at which they came, and how it ended."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.transport: asyncio.Transport | None = None
        self.pieces: list[tuple[float, bytes]] = []
        self.ended = ""
        self.ended_s = -1.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.pieces.append((self._now_s, data))

    def eof_received(self) -> bool:
        self._end("fin")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("rst" if exc is not None else "closed")

    def send(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def leave(self) -> None:
        assert self.transport is not None
        self.transport.abort()

    @property
    def data(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)

    @property
    def body(self) -> bytes:
        """What came behind the head, without the chunks' framing where it is sound."""
        return body_of(self.data)

    @property
    def _now_s(self) -> float:
        return (self._clock.now_us() - EPOCH_US) / 1e6

    def _end(self, how: str) -> None:
        if not self.ended:
            self.ended, self.ended_s = how, self._now_s


def connect(wall: Wall, clock: VirtualClock) -> Ear:
    """A client joined to the wall by a pipe without latency."""
    ear = Ear(clock)
    connect_pair(clock, ear, wall.accept())
    return ear


def virtual(scene: Callable[[VirtualClock], Awaitable[T]], seed: int = 0) -> T:
    """Play a scene on virtual time."""

    async def main(clock: VirtualClock) -> T:
        return await scene(clock)

    return run(main, seed)


def heard(request: bytes, *, for_s: float = 1000.0, seed: int = 0) -> tuple[Ear, Wall]:
    """One request to a new wall, and what was heard within for_s virtual seconds."""

    async def scene(clock: VirtualClock) -> tuple[Ear, Wall]:
        wall = Wall("wall", clock, seed=seed)
        ear = connect(wall, clock)
        ear.send(request)
        await clock.sleep(for_s)
        return ear, wall

    return virtual(scene)


def body_of(data: bytes) -> bytes:
    """The body of an answer; a chunked one is put together as far as its chunks are sound."""
    head, _, rest = data.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return rest
    whole = b""
    while True:
        line, found, rest = rest.partition(b"\r\n")
        try:
            size = int(line, 16)
        except ValueError:
            return whole
        if not found or not size or len(rest) < size:
            return whole + (rest if found and size else b"")
        whole, rest = whole + rest[:size], rest[size + 2 :]


def text_of(body: bytes) -> str:
    """What a streamed chat completion says."""
    found = [json.loads(line[6:]) for line in body.split(b"\n") if line.startswith(b"data: {")]
    return "".join(choice["delta"].get("content") or "" for one in found for choice in one.get("choices", ()))


class Got(NamedTuple):
    """What came on a real socket, and how it ended: ``fin``, ``rst``, or ``open`` where it was still open."""

    data: bytes
    ended: str


async def dial(port: int) -> socket.socket:
    """A real socket."""
    sock = socket.socket()
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    return sock


async def exchange(port: int, request: bytes, *, most: int = 1 << 30) -> Got:
    """Send, and read until the end, or until more than ``most`` bytes have come."""
    loop = asyncio.get_running_loop()
    sock = await dial(port)
    pieces: list[bytes] = []
    try:
        async with asyncio.timeout(WAIT_S):
            await loop.sock_sendall(sock, request)
            while sum(map(len, pieces)) <= most:
                data = await loop.sock_recv(sock, 65_536)
                if not data:
                    return Got(b"".join(pieces), "fin")
                pieces.append(data)
    except ConnectionResetError:
        return Got(b"".join(pieces), "rst")
    finally:
        sock.close()
    return Got(b"".join(pieces), "open")


async def until(fact: Callable[[], object]) -> None:
    """Let the loop turn until something holds."""
    async with asyncio.timeout(WAIT_S):
        while not fact():  # noqa: ASYNC110 - facts about the code under test, which sets no events for tests
            await asyncio.sleep(0)
