"""A client that sends raw bytes and reads raw bytes, and a strict reader of answers."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any, NamedTuple

KEY = "sk-canary-key-7f3a9c51d2"
PROMPT = "prompt-canary-42d1e0"
HOST = b"host: poise.test\r\n"
AUTH = b"authorization: Bearer " + KEY.encode() + b"\r\n"


class Answer(NamedTuple):
    """One answer: status (interim ones too), lower-case header fields, the body without its framing."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    complete: bool = True

    @property
    def error(self) -> dict[str, Any]:
        """The error in an OpenAI-shaped body."""
        found = json.loads(self.body)["error"]
        assert isinstance(found, dict)
        return found

    @property
    def code(self) -> str:
        """The error's stable code."""
        return str(self.error["code"])

    @property
    def text(self) -> str:
        """What the assistant says."""
        return str(json.loads(self.body)["choices"][0]["message"]["content"])

    @property
    def events(self) -> list[bytes]:
        """The data of each event of a streamed answer, as a client's parser splits them."""
        parts = self.body.split(b"\n\n")
        return [part[6:] for part in parts if part.startswith(b"data: ")]


def chat(prompt: str = PROMPT, *, stream: bool = False, **more: object) -> bytes:
    """The body of a good call."""
    fields = {"model": "support", "messages": [{"role": "user", "content": prompt}], "stream": stream} | more
    return json.dumps(fields).encode()


def post(body: bytes, head: bytes = b"", *, path: bytes = b"/v1/chat/completions", auth: bytes = AUTH) -> bytes:
    """A good request around a body; head is further header lines."""
    lines = HOST + auth + head + b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
    return b"POST %b HTTP/1.1\r\n%b\r\n%b" % (path, lines, body)


def get(path: bytes = b"/v1/models", head: bytes = b"", *, auth: bytes = AUTH) -> bytes:
    """A good request without a body."""
    return b"GET %b HTTP/1.1\r\n%b%b%b\r\n" % (path, HOST, auth, head)


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Pieces in the chunked transfer coding."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


class Wire:
    """One TCP connection to the data port."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._scanned = 0
        self.ended = False
        self.reset_by_peer = False

    @classmethod
    async def open(cls, port: int, *, receive_bytes: int = 0) -> Wire:
        """Connect to 127.0.0.1; a small receive_bytes makes a client that does not read felt soon."""
        sock = socket.socket()
        sock.setblocking(False)
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        return cls(sock)

    async def send(self, data: bytes) -> None:
        """Send it all; harmless where the peer has closed."""
        try:
            await self._loop.sock_sendall(self._sock, data)
        except (BrokenPipeError, ConnectionResetError):
            self.reset_by_peer = True

    async def trickle(self, data: bytes) -> None:
        """Send byte by byte, each in a packet of its own."""
        for at in range(len(data)):
            await self.send(data[at : at + 1])
            await asyncio.sleep(0)  # one turn of the loop, in which the server reads it

    def send_now(self, data: bytes) -> None:
        """Send without giving the loop a turn; data must fit the kernel's buffer."""
        assert len(data) == self._sock.send(data)

    async def read(self, size: int = 65_536) -> bytes:
        """Some bytes, b'' at the end."""
        try:
            data = await self._loop.sock_recv(self._sock, size)
        except ConnectionResetError:
            self.reset_by_peer = True
            data = b""
        self.ended = not data
        return data

    async def answer(self, within_s: float = 5.0) -> Answer:
        """The next answer. Raises EOFError where the connection ends before it is complete."""
        async with asyncio.timeout(within_s):
            while True:
                taken = take_answer(self._buffer, ended=self.ended) if self._may_be_whole() else None
                if taken is not None:
                    found, self._buffer = taken
                    return found
                if self.ended:
                    raise EOFError(f"the connection ended within {self._buffer[:200]!r}")
                self._buffer += await self.read()

    def _may_be_whole(self) -> bool:
        """A chunked answer is parsed once its end has come, not at every piece: that would cost the square of its size."""
        if self.ended or b"transfer-encoding: chunked\r\n" not in self._buffer[:2000]:
            return True
        found = self._buffer.find(b"\r\n0\r\n\r\n", self._scanned)
        self._scanned = max(0, len(self._buffer) - 8) if found < 0 else 0
        return found >= 0

    async def until(self, mark: bytes, within_s: float = 5.0) -> bytes:
        """Read until mark has come; what was read stays to be read as an answer."""
        async with asyncio.timeout(within_s):
            while mark not in self._buffer:
                data = await self.read()
                if not data:
                    raise EOFError(f"ended before {mark!r} in {self._buffer[-200:]!r}")
                self._buffer += data
        return self._buffer

    async def rest(self, within_s: float = 5.0) -> list[Answer]:
        """Everything until the peer closes, as answers; an incomplete one has ``complete`` unset."""
        async with asyncio.timeout(within_s):
            while not self.ended:
                self._buffer += await self.read()
        return split_answers(self._buffer)

    def finish(self) -> None:
        """Say that nothing more will be sent (FIN)."""
        self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close (FIN, or RST where something was left unread)."""
        self._sock.close()

    def reset(self) -> None:
        """Close with a RST."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()


def split_answers(data: bytes) -> list[Answer]:
    """All answers in data, which is everything that came until the end."""
    found = []
    while data:
        taken = take_answer(data, ended=True)
        if taken is None:
            found.append(Answer(0, {}, data, complete=False))
            break
        answer, data = taken
        found.append(answer)
    return found


def take_answer(data: bytes, *, ended: bool) -> tuple[Answer, bytes] | None:
    """The first answer in data and what follows it; None where it is not complete."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None
    line, *lines = head.split(b"\r\n")
    assert line.startswith(b"HTTP/1.1 "), f"not an answer: {line[:200]!r}"
    status = int(line[9:12])
    fields = [(name.lower(), value.strip()) for name, _, value in (item.partition(b":") for item in lines)]
    headers = dict(fields)
    assert len(headers) == len(fields), f"a header twice: {fields}"
    if 100 <= status < 200 or status in (204, 304):
        return Answer(status, headers, b""), rest
    if headers.get(b"transfer-encoding") == b"chunked":
        return _take_chunks(status, headers, rest)
    if b"content-length" in headers:
        size = int(headers[b"content-length"])
        return (Answer(status, headers, rest[:size]), rest[size:]) if len(rest) >= size else None
    return (Answer(status, headers, rest), b"") if ended else None


def _take_chunks(status: int, headers: dict[bytes, bytes], rest: bytes) -> tuple[Answer, bytes] | None:
    pieces: list[bytes] = []
    while True:
        size_line, found, rest = rest.partition(b"\r\n")
        if not found:
            return None
        size = int(size_line, 16)
        if len(rest) < size + 2:
            return None
        assert rest[size : size + 2] == b"\r\n", f"chunk framing is broken near {rest[size : size + 20]!r}"
        if not size:
            return Answer(status, headers, b"".join(pieces)), rest[2:]
        pieces.append(rest[:size])
        rest = rest[size + 2 :]
