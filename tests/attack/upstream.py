"""A scripted upstream on a real socket. It keeps every byte that reached it and knows how much it could not send."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple, cast

from tests.attack.clock import Bell

HOLD_BYTES = 32 * 1024  # how much an upstream keeps ready of an endless stream


class Seen(NamedTuple):
    """One request as it arrived: the lines of its head, lower-case header fields, and the body."""

    line: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def prompt(self) -> str:
        """The last message's content."""
        return str(json.loads(self.body, parse_int=str)["messages"][-1]["content"])


Script = Callable[["UpstreamSocket", Seen], None]


class UpstreamSocket(asyncio.Protocol):
    """One connection of the gateway. Reads strictly: what is not one well-formed request is kept as ``broken``."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._buffer = b""
        self._events: Iterable[bytes] | None = None
        self._full = False
        self.raw = b""
        self.broken = ""
        self.lost = False
        self.sent = 0
        self._transport: asyncio.Transport | None = None

    @property
    def blocked(self) -> bool:
        """The kernel takes no more: the gateway does not read."""
        return self._full

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HOLD_BYTES)
        if self._upstream.deaf:
            self._transport.pause_reading()
        self._upstream.sockets.append(self)
        self._upstream.bell.ring()

    def data_received(self, data: bytes) -> None:
        self.raw += data
        self._buffer += data
        while (seen := self._take()) is not None:
            self._upstream.seen.append(seen)
            self._upstream.bell.ring()
            self._upstream.script(self, seen)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._upstream.bell.ring()

    def pause_writing(self) -> None:
        self._full = True
        self._upstream.bell.ring()

    def resume_writing(self) -> None:
        self._full = False
        self._pump()
        self._upstream.bell.ring()

    # -- what scripts do --------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Bytes to the gateway, unless it has gone."""
        if self._transport is not None and not self._transport.is_closing():
            self.sent += len(data)
            self._transport.write(data)

    def pour(self, events: Iterable[bytes]) -> None:
        """Send events as fast as the gateway takes them."""
        self._events = iter(events)
        self._pump()

    def close(self) -> None:
        """Close after what was written has been sent."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Close with a RST, as a process that dies does."""
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def _pump(self) -> None:
        for event in self._events or ():
            if self._transport is None or self._transport.is_closing():
                return
            self.write(event)
            if self._full:
                return

    def _take(self) -> Seen | None:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        line, *lines = head.split(b"\r\n")
        headers = tuple((name.lower(), value.strip()) for name, _, value in (item.partition(b":") for item in lines))
        lengths = [value for name, value in headers if name == b"content-length"]
        if line.startswith((b"GET ", b"HEAD ", b"DELETE ")) and not lengths:
            lengths = [b"0"]
        if len(lengths) != 1 or any(name == b"transfer-encoding" for name, _ in headers):
            self.broken = f"not framed by one content-length: {head!r}"
            return None
        size = int(lengths[0])
        if len(rest) < size:
            return None
        self._buffer = rest[size:]
        return Seen(line, headers, rest[:size])


class Upstream:
    """Every connection and every request, in order of arrival. ``script`` answers; a test may replace it."""

    def __init__(self, bell: Bell) -> None:
        self.bell = bell
        self.seen: list[Seen] = []
        self.sockets: list[UpstreamSocket] = []
        self.script: Script = echo
        self.deaf = False  # new connections are not read from
        self._server: asyncio.Server | None = None

    @property
    def raw(self) -> bytes:
        """Everything that ever arrived."""
        return b"".join(sock.raw for sock in self.sockets)

    @property
    def open(self) -> int:
        """Connections that stand."""
        return sum(not sock.lost for sock in self.sockets)

    async def start(self) -> int:
        """Listen on a free port of 127.0.0.1 and return it."""
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HOLD_BYTES)
        sock.bind(("127.0.0.1", 0))
        self._server = await loop.create_server(lambda: UpstreamSocket(self), sock=sock, backlog=1024)
        return int(sock.getsockname()[1])

    async def stop(self) -> None:
        """Close the listener and all connections."""
        if self._server is not None:
            self._server.close()
        for sock in self.sockets:
            sock.close()
        await self.bell.until(lambda: not self.open)


# -- answers ----------------------------------------------------------------------------------------------------------


def whole(body: bytes, status: int = 200) -> bytes:
    """A complete answer."""
    head = b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
    return head + body


def completion(text: str) -> bytes:
    """A chat completion that says text."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    return json.dumps({"id": "c", "model": "m-1", "choices": [choice], "usage": usage}).encode()


def event(delta: dict[str, object], finish: str | None = None) -> bytes:
    """One chunk of a streamed answer."""
    chunk = {"id": "c", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"data: [DONE]\n\n"


def chunk(data: bytes) -> bytes:
    """One chunk of the chunked transfer coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def streamed(text: str) -> bytes:
    """A complete streamed answer that says text."""
    events = event({"content": text}) + event({}, "stop") + STREAM_END
    return STREAM_HEAD + chunk(events) + b"0\r\n\r\n"


# -- scripts ----------------------------------------------------------------------------------------------------------


def echo(sock: UpstreamSocket, seen: Seen) -> None:
    """Answer with the prompt: whole, or streamed where a stream was asked for."""
    text = f"echo {seen.prompt}"
    if b'"stream":true' not in seen.body.replace(b" ", b""):
        sock.write(whole(completion(text)))
        return
    sock.write(streamed(text))


def hang(sock: UpstreamSocket, seen: Seen) -> None:
    """Take the request and say nothing."""


def drip(sock: UpstreamSocket, seen: Seen) -> None:
    """Begin a stream with one event and then say nothing."""
    sock.write(STREAM_HEAD + chunk(event({"content": "first"})))


def endless(sock: UpstreamSocket, seen: Seen) -> None:
    """Stream 1 KiB events as fast as they are taken, for ever."""
    sock.write(STREAM_HEAD)
    piece = chunk(event({"content": "x" * 900}))

    def forever() -> Iterable[bytes]:
        while True:
            yield piece

    sock.pour(forever())
