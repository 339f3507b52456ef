"""A request as it came and an answer as it goes, before and behind HTTP's framing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, unquote

import msgspec

from poise.sim import play
from poise.sim.play import Move

JSON: Final = "application/json"
SSE: Final = "text/event-stream"
SECRETS: Final = frozenset(
    {"authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization", "x-amz-security-token"}
)
HIDDEN: Final = "***"
_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


class Request(msgspec.Struct, frozen=True):
    """What came in; path without its query, decoded, with one slash in front; header names in lower case.

    target is path and query as they were sent.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    target: str = ""

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """The body decoded. Raises msgspec.DecodeError or UnicodeDecodeError."""
        return _decode(self.body)


class Seen(msgspec.Struct):
    """A line of the log: the request without its secrets, and what came of it. body is decoded JSON, text where it is none."""

    number: int
    vendor: str
    surface: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    status: int = 0
    scenario: str = ""


class Whole(msgspec.Struct, kw_only=True):
    """An answer in one piece; cut: half of its body, and the connection is closed."""

    status: int = 200
    body: bytes = b""
    type: str = JSON
    headers: dict[str, str] = {}
    cut: bool = False


class Streamed(msgspec.Struct, kw_only=True):
    """An answer in frames, with status 200. end: ``done`` in good order, ``close`` in the middle."""

    frames: list[bytes]
    type: str = SSE
    headers: dict[str, str] = {}
    end: Literal["done", "close"] = "done"


class Silent(msgspec.Struct):
    """No answer, until the caller gives up."""


Answered = Whole | Streamed | Silent


def read_request(head: bytes, body: bytes) -> Request:
    """A request from its head and body."""
    lines = head.decode("latin-1").split("\r\n")
    method, target = lines[0].split(" ", 2)[:2]
    path, _, query = target.partition("?")
    path = unquote("/" + path.lstrip("/"))
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    return Request(method, path, dict(parse_qsl(query, keep_blank_values=True)), headers, body, target)


def line_of(number: int, vendor: str, request: Request) -> Seen:
    """The log's line of a request."""
    try:
        body = request.json if request.body else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = request.body.decode(errors="replace")
    headers = {name: HIDDEN if name in SECRETS else value for name, value in request.headers.items()}
    query = {name: HIDDEN if name == "key" else value for name, value in request.query.items()}
    return Seen(number, vendor, "", request.method, request.path, query, headers, body)


def whole(body: object, status: int = 200, headers: dict[str, str] | None = None, type: str = JSON) -> Whole:
    """A JSON answer."""
    return Whole(status=status, body=_encode(body), headers=headers or {}, type=type)


def moves(answer: Answered, gap_s: float = 0.0) -> Iterator[Move]:
    """The moves that a connection plays; gap_s passes before each frame."""
    if isinstance(answer, Silent):
        yield Move(end="never")
        return
    lines = {"content-type": answer.type, **answer.headers}
    head = b"".join(b"%b: %b\r\n" % (name.encode(), value.encode()) for name, value in lines.items())
    if isinstance(answer, Whole):
        data = play.whole(answer.status, answer.body, head)
        if answer.cut:
            yield Move(data=data[: len(data) - len(answer.body) // 2 - 1])
            yield Move(end="close")
        else:
            yield Move(data=data, token=True, end="done")
        return
    yield Move(data=b"HTTP/1.1 200 OK\r\n%btransfer-encoding: chunked\r\n\r\n" % head)
    for frame in answer.frames:
        yield Move(gap_s, b"%x\r\n%b\r\n" % (len(frame), frame), token=True)
    yield Move(data=b"0\r\n\r\n" if answer.end == "done" else b"", end=answer.end)


def event(data: bytes, name: str = "", line_end: bytes = b"\n") -> bytes:
    """A server-sent event."""
    named = b"event: %b%b" % (name.encode(), line_end) if name else b""
    return b"%bdata: %b%b%b" % (named, data, line_end, line_end)


def encoded(value: object) -> bytes:
    """JSON without spaces."""
    return _encode(value)
