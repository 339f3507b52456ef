"""The way back to one client: status line, headers, body framing, keep-alive comments, flow control."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from poise.path.service import NO_BODY, Flow

if TYPE_CHECKING:
    from poise.edge.http.connection import Connection

_STATUS: Final = {status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus}
_STREAM_HEADERS: Final = (
    b"cache-control: no-cache\r\nx-accel-buffering: no\r\n"  # nginx in front must not hold events back
)
COMMENT: Final = b": keep-alive\n\n"
BLANK: Final = b"\n"  # an empty line: Google's client takes a comment for JSON, and breaks


class Reply:
    """One answer on one connection (``path.service.Sink``). Every method is harmless once the client is gone."""

    __slots__ = (
        "_chunked",
        "_connection",
        "_flow",
        "_waiter",
        "cut",
        "decision",
        "done",
        "keep_alive",
        "paused",
        "raw",
        "sent",
        "sign",
        "started",
        "task",
    )

    def __init__(self, connection: Connection, *, keep_alive: bool, chunked: bool, decision: int) -> None:
        self._connection = connection
        self._chunked = chunked
        self._flow: Flow | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.decision = decision
        self.keep_alive = keep_alive
        self.started = False
        self.done = False
        self.raw = False  # passed on as it is: an error cannot be told in it
        self.sign = COMMENT  # of life; b'' where the answer's form has no place for one
        self.cut = False  # ended by the server's own drain, not by the client
        self.paused = connection.paused
        self.sent = 0
        self.task: asyncio.Task[None] | None = None

    # -- the sink -------------------------------------------------------------------------------------------------

    def start(self, status: int, headers: bytes) -> None:
        """The head of a streamed answer; nothing where keep-alive comments have begun it."""
        if self.started:
            return
        self.started = True
        if b"content-type:" not in headers:
            headers = b"content-type: text/event-stream\r\n" + headers
        if self._chunked:
            headers += b"transfer-encoding: chunked\r\n"
        else:
            self.keep_alive = False  # HTTP/1.0: the end of the connection is the end of the answer
        self._connection.write(self._head(status) + _STREAM_HEADERS + headers + self._close_line() + b"\r\n")

    def write(self, data: bytes) -> None:
        """Part of a streamed answer."""
        self.sent += len(data)
        if self._chunked:
            self._connection.write(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            self._connection.write(data)

    def finish(self) -> None:
        """The streamed answer is complete."""
        if self._chunked:
            self._connection.write(b"0\r\n\r\n")
        self._over()

    def whole(self, status: int, headers: bytes, body: bytes) -> None:
        """A whole answer at once."""
        if self.started:  # only comments went out: the stream's head stands, so this goes in-band
            self.write(body)
            self.finish()
            return
        self.started = True
        self.sent += len(body)
        self._connection.write(
            b"%bcontent-length: %d\r\n%b%b\r\n%b" % (self._head(status), len(body), headers, self._close_line(), body)
        )
        self._over()

    def through(self, status: int, headers: bytes, size: int) -> None:
        """The head of an answer that is passed on as it is: its body keeps its length, or is chunked where it has none."""
        self.started = self.raw = True
        if size >= 0:
            headers += b"content-length: %d\r\n" % size
        elif size != NO_BODY and self._chunked:
            headers += b"transfer-encoding: chunked\r\n"
        elif size != NO_BODY:
            self.keep_alive = False
        self._chunked = self._chunked and size < 0 and size != NO_BODY
        self._connection.write(self._head(status) + headers + self._close_line() + b"\r\n")

    def break_off(self) -> None:
        """End an answer that cannot be completed: a reset, which no framing takes for an end."""
        self.done = True
        self._connection.harden()
        self._connection.abort()

    def comment(self) -> None:
        """A keep-alive comment; opens the stream where nothing went out yet."""
        if self.sign:
            self.start(200, b"")
            self.write(self.sign)

    def attach(self, flow: Flow | None) -> None:
        """Name the flow to pause and resume from now on."""
        self._flow = flow
        if flow is not None and self.paused:
            flow.pause()

    def flushed(self) -> asyncio.Future[None] | None:
        """None where every byte has reached the kernel."""
        if not self._connection.unsent():
            return None
        self._waiter = self._connection.server.loop.create_future()
        self._connection.server.flushing.add(self)
        return self._waiter

    @property
    def unflushed(self) -> bool:
        """Complete, and its last bytes are still waited for."""
        return self._waiter is not None and not self._waiter.done()

    # -- from the connection ----------------------------------------------------------------------------------------

    def pause(self) -> None:
        """The client reads too slowly."""
        self.paused = True
        if self._flow is not None:
            self._flow.pause()

    def resume(self) -> None:
        """It caught up."""
        self.paused = False
        if self._flow is not None:
            self._flow.resume()

    def drained(self) -> bool:
        """Wake who waits for the last byte to reach the kernel. Asked on every tick: transports tell only of high water."""
        if self._connection.unsent():
            return False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        return True

    # -- framing ------------------------------------------------------------------------------------------------------

    def _head(self, status: int) -> bytes:
        line = _STATUS.get(status) or b"HTTP/1.1 %d Status\r\n" % status
        date = self._connection.server.date_line
        if not self.decision:
            return line + date
        return b"%b%bx-poise-decision: d-%016x\r\nx-poise-posture: steady\r\n" % (line, date, self.decision)

    def _close_line(self) -> bytes:
        if self.keep_alive and not self._connection.server.draining:
            return b""
        self.keep_alive = False
        return b"connection: close\r\n"

    def _over(self) -> None:
        self.done = True
        self._connection.answered(self)
