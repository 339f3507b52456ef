"""One connection, one request after another, on a blocking socket: the smallest client latency can be taken with."""

from __future__ import annotations

import socket
from array import array
from types import TracebackType
from typing import Self

from poise.errors import Error
from poise.sim.bench import stopwatch
from poise.sim.bench.wording import chat_body, post


class Exchange:
    """A keep-alive connection that asks the chat question and times each whole answer."""

    def __init__(self, port: int, *, timeout_s: float = 5.0) -> None:
        self._port = port
        self._timeout_s = timeout_s
        self._request = post(chat_body())
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        self._socket = socket.create_connection(("127.0.0.1", self._port), self._timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._socket:
            self._socket.close()

    def took_ns(self) -> int:
        """Time from the first byte sent to the last one received. Raises Error for another answer than a whole 200."""
        assert self._socket is not None
        begun_ns = stopwatch.now_ns()
        self._socket.sendall(self._request)
        data = self._socket.recv(65536)
        took_ns = stopwatch.now_ns() - begun_ns
        while not whole_answer(data):
            more = self._socket.recv(65536)
            took_ns = stopwatch.now_ns() - begun_ns
            if not more:
                raise Error("upstream_failed", f"the connection to port {self._port} closed after {data[:200]!r}")
            data += more
        return took_ns

    def take(self, count: int) -> array[int]:
        """That many times in nanoseconds, one request after another."""
        return array("q", (self.took_ns() for _ in range(count)))


def whole_answer(data: bytes) -> bool:
    """True when data is a complete 200 with a length or chunks. Raises Error for another status."""
    if data and not data.startswith(b"HTTP/1.1 200"):
        raise Error("upstream_failed", f"the answer is {data[:300]!r}", hint="see the log of the peer")
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = data[:end].lower()
    at = head.find(b"content-length:")
    if at < 0:
        return data.endswith(b"0\r\n\r\n")
    return len(data) >= end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])


def get(port: int, path: str, *, timeout_s: float = 5.0) -> bytes:
    """The body of a GET that answers with a content-length. Raises OSError and Error."""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        data = b""
        while not whole_answer(data):
            more = connection.recv(65536)
            if not more:
                raise Error("upstream_failed", f"the connection to port {port} closed after {data[:200]!r}")
            data += more
    return data[data.find(b"\r\n\r\n") + 4 :]


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
