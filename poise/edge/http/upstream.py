"""One connection to an upstream: a request's bytes out, one answer pushed into a receiver, then the next.

llhttp parses; what it lets through and we do not want - codings other than a plain ``chunked``, upgrades, heads and
trailers without bound, bytes that nobody asked for - ends the connection here.

Cost: 4.0 us of CPU for a small keep-alive exchange on uvloop, write and read system calls not counted (docs of the
pool: ``tests/http_client/cost.py`` measures it). What made the difference: no task and no future; a receiver that
ignores everything in place of ``is None`` checks; header lines watched by a set, not by comparing one name after
another; one counter of barren bytes bounds heads, trailers and chunk extensions alike.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, Protocol, cast

import httptools

from poise.errors import AttemptFailed, Failure
from poise.path.upstream import Receiver

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 200
MAX_INTERIM: Final = 8  # 1xx answers before the real one; vendors send none or one
MAX_SHOWN_BYTES: Final = 160  # of a parser's complaint

# Only these need a look while the head is read: llhttp itself refuses two lengths, and a length beside a coding.
_ELEVEN: Final = b"HTTP/1.1 "
_WATCHED: Final = frozenset({b"transfer-encoding", b"connection"})


class Home(Protocol):
    """Where a connection goes when it is free, and what is told when it is gone (``edge.http.pool``)."""

    def release(self, connection: UpstreamConnection) -> None:
        """The exchange ended cleanly and another may follow."""

    def dropped(self, connection: UpstreamConnection) -> None:
        """The connection is closed, whoever closed it. Called once."""


class _Malformed(Exception):
    """What arrived cannot be trusted as an HTTP/1.1 answer."""


class _Nobody:
    """Receives what no one waits for."""

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        pass

    def body(self, data: bytes) -> None:
        pass

    def end(self) -> None:
        pass

    def failed(self, failure: AttemptFailed) -> None:
        pass


_NOBODY: Final = _Nobody()


class UpstreamConnection:
    """Client side of one socket (``path.upstream.Connection``).

    held    somebody took it and may send, pause or close; a free connection ignores what its last holder still says
    wire    the transport on the socket itself; under TLS it lies below ``_transport``
    """

    __slots__ = (
        "_barren",
        "_close_after",
        "_coding",
        "_complete",
        "_eleven",
        "_endless",
        "_feed",
        "_headers",
        "_home",
        "_interim",
        "_parser",
        "_paused",
        "_receiver",
        "_secure",
        "_status",
        "_transport",
        "held",
        "joined",
        "reused",
        "since_us",
        "wire",
    )

    def __init__(self, home: Home) -> None:
        self._home = home
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._feed: Callable[[bytes], None] = self._parser.feed_data
        self._transport: asyncio.Transport | None = None
        self.wire: asyncio.Transport | None = None
        self._secure = False
        self._receiver: Receiver = _NOBODY
        self._headers: list[tuple[bytes, bytes]] = []
        self._status = 0
        self._barren = 0  # bytes since the request, or since the last that brought a head or a piece of body
        self._interim = 0
        self._coding = False
        self._close_after = False
        self._complete = False
        self._eleven = False  # the head under way began with its version in plain sight
        self._endless = False  # the end of the connection is the only end the answer announced
        self._paused = False
        self.held = False
        self.joined = False  # counted by its pool
        self.reused = False
        self.since_us = 0  # when it became idle

    def __repr__(self) -> str:
        state = "closed" if self._transport is None else "idle" if not self.held else "held"
        return f"<UpstreamConnection {state}{', reused' if self.reused else ''}, status {self._status}>"

    # -- from the path ------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Nothing can be sent on it any more."""
        return self._transport is None

    def send(self, data: bytes, receiver: Receiver) -> None:
        """Start an exchange; one write."""
        transport = self._transport
        if transport is None:
            receiver.failed(AttemptFailed(Failure.CONNECT, "the connection was closed before the request was sent"))
            return
        self._status = self._barren = self._interim = 0
        self._complete = self._close_after = self._coding = self._endless = False
        self._receiver = receiver
        transport.write(data)

    def pause(self) -> None:
        """Stop reading, at the socket: uvloop's TLS throws away what it holds back when the peer then closes."""
        if self.held and not self._paused and self.wire is not None and not self.wire.is_closing():
            self._paused = True
            self.wire.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._paused:
            self._paused = False
            if self.wire is not None and not self.wire.is_closing():
                self.wire.resume_reading()

    def close(self) -> None:
        """Abort, if it is still the caller's to close."""
        if self.held:
            self.abort()

    # -- from the pool ------------------------------------------------------------------------------------------------

    def abort(self) -> None:
        """Close the socket at once; nobody hears of it but the pool. Harmless when repeated."""
        transport = self._transport
        if transport is None:
            return
        self._gone()
        transport.abort()

    def retire(self) -> None:
        """Close an idle connection as the protocol would have it: TLS says goodbye first."""
        transport = self._transport
        if transport is None:
            return
        self._gone()
        transport.close()

    # -- from the transport -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._secure = transport.get_extra_info("ssl_object") is not None
        if self.wire is None:
            self.wire = self._transport

    def data_received(self, data: bytes) -> None:
        if self._receiver is _NOBODY:
            self.abort()  # unsolicited: whatever it is, the next request must not find it
            return
        if not (self._barren or self._status):
            self._eleven = data.startswith(_ELEVEN)  # asking the parser makes a string: 0.3 us
        self._barren += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if not self._complete:
                self._malformed(error)
                return
            self._close_after = True  # the answer was whole; what follows it is not ours
        if self._complete:
            self._finish()
        elif self._barren > MAX_HEAD_BYTES:
            what = "trailers" if self._status else "head"
            self._malformed(_Malformed(f"the {what} of the answer passed {MAX_HEAD_BYTES} bytes"))

    def eof_received(self) -> bool:
        """The end of the peer's bytes; for TLS this is its close_notify."""
        self._lost(None, said_goodbye=True)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(exc, said_goodbye=False)
        self._parser = None  # parser and connection hold each other
        self._feed = _deaf
        self.wire = None

    def pause_writing(self) -> None:
        """A request that does not fit the kernel's buffer waits in the transport's."""

    def resume_writing(self) -> None:
        """It is out."""

    # -- from the parser ----------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._complete:
            raise _Malformed("bytes after the end of the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in _WATCHED:
            self._watch(name, value)
        headers = self._headers
        headers.append((name, value))
        if len(headers) > MAX_HEADERS:
            raise _Malformed(f"the answer has more than {MAX_HEADERS} header lines")

    def on_headers_complete(self) -> None:
        parser = self._parser
        assert parser is not None
        status = parser.get_status_code()
        headers = self._headers
        self._headers = []  # trailers gather here, bounded alike, and are thrown away
        if not 200 <= status <= 599:
            self._check_interim(status)
            return
        if self._barren > MAX_HEAD_BYTES and _size(headers) > MAX_HEAD_BYTES:
            raise _Malformed(f"the head of the answer passed {MAX_HEAD_BYTES} bytes")
        if not parser.should_keep_alive():
            self._close_after = True
            self._endless = not self._coding and all(name != b"content-length" for name, _ in headers)
            version = parser.get_http_version()
            if version not in ("1.0", "1.1"):
                raise _Malformed(f"the answer is HTTP/{version}, not HTTP/1.1")
        self._barren = 0
        self._status = status
        self._receiver.head(status, headers)

    def on_body(self, data: bytes) -> None:
        self._barren = 0
        self._receiver.body(data)

    def on_message_complete(self) -> None:
        if self._status:
            self._complete = True

    # -- endings ------------------------------------------------------------------------------------------------------

    def _watch(self, name: bytes, value: bytes) -> None:
        if name == b"connection":
            parser = self._parser
            assert parser is not None
            if not self._eleven and parser.get_http_version() == "1.0":
                self._close_after = True  # keep-alive was grafted on 1.0; not worth the doubt
            return
        if self._status:
            raise _Malformed("a transfer-encoding among the trailers")
        if self._coding or value.lower() != b"chunked":
            raise _Malformed(f"transfer-encoding {value[:MAX_SHOWN_BYTES]!r} is not a plain 'chunked'")
        self._coding = True

    def _check_interim(self, status: int) -> None:
        self._interim += 1
        self._eleven = False  # what was seen was another head's
        if status == 101:
            raise _Malformed("status 101: an upgrade that nobody asked for")
        if not 100 <= status < 200:
            raise _Malformed(f"status {status} is not in 100..599")
        if self._interim > MAX_INTERIM:
            raise _Malformed(f"more than {MAX_INTERIM} interim (1xx) answers")

    def _finish(self) -> None:
        """A clean end by HTTP. The connection is free once its receiver has heard of it, and has not closed it: what was
        framed well may have been no answer all the same.
        """
        receiver = self._receiver
        self._receiver = _NOBODY
        transport = self._transport
        if transport is None:
            return  # the receiver closed it during the last piece of body
        if self._close_after or transport.get_write_buffer_size():  # answered before the request was all sent
            self.abort()
            receiver.end()
            return
        receiver.end()
        if self._transport is None:
            return
        self._headers = []
        self.resume()
        self.held = False
        self.reused = True
        self._home.release(self)

    def _malformed(self, error: Exception) -> None:
        if isinstance(error, httptools.HttpParserCallbackError):
            cause = error.__context__
            if not isinstance(cause, _Malformed):
                raise error
            error = cause
        what = str(error) if isinstance(error, _Malformed) else f"this is not HTTP/1.1: {error}"
        self._fail(AttemptFailed(Failure.MALFORMED, what[:MAX_SHOWN_BYTES], status=self._status))

    def _lost(self, exc: Exception | None, *, said_goodbye: bool) -> None:
        if self._transport is None:
            return
        receiver = self._receiver
        cut_tls = self._secure and not said_goodbye
        if self._endless and exc is None and not cut_tls:
            self.abort()
            receiver.end()
            return
        self._fail(_loss(exc, cut_tls=cut_tls, status=self._status, begun=bool(self._barren or self._status)))

    def _fail(self, failure: AttemptFailed) -> None:
        receiver = self._receiver
        self.abort()
        receiver.failed(failure)

    def _gone(self) -> None:
        self._receiver = _NOBODY
        self._transport = None
        self.held = False
        if self.joined:
            self.joined = False
            self._home.dropped(self)


def _deaf(data: bytes) -> None:
    """What feeds a parser that is no more."""


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _loss(exc: Exception | None, *, cut_tls: bool, status: int, begun: bool) -> AttemptFailed:
    where = "in the body of the answer" if status else "in the head of the answer" if begun else "without an answer"
    if isinstance(exc, ssl.SSLError):
        how = f"TLS broke ({exc.reason or exc})"
    elif isinstance(exc, ConnectionResetError | BrokenPipeError):
        how = "the upstream reset the connection (RST)"
    elif exc is not None:
        how = f"the connection was lost ({exc})"
    elif cut_tls:
        how = "the upstream closed without ending TLS (no close_notify)"
    else:
        how = "the upstream closed the connection (FIN)"
    if begun:
        return AttemptFailed(Failure.CUT, f"{how} {where}", status=status)
    if isinstance(exc, ssl.SSLError):
        return AttemptFailed(Failure.TLS, f"{how} {where}")
    return AttemptFailed(Failure.CONNECT, f"{how} {where}")
