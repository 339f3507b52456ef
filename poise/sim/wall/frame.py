"""Heads, bodies and chunks of HTTP/1.1, and the heads that HTTP does not allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from poise.sim.wall.amounts import seconds
from poise.sim.wall.fault import Fault

JSON: Final = "application/json"
SSE: Final = "text/event-stream; charset=utf-8"
LAST_CHUNK: Final = b"0\r\n\r\n"
_REASONS: Final = {200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
                   429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip
_BAD: Final = {
    "nul": b"x-bad: a\x00b\r\n",
    "cr": b"x-bad: a\rb\r\n",
    "space": b"x-bad : a\r\n",
    "fold": b"x-bad: a\r\n b\r\n",
    "empty-name": b": a\r\n",
}


def head(status: int, kind: str, lines: bytes) -> bytes:
    """A head that ends; kind is its content type, '' for none."""
    typed = b"content-type: %b\r\n" % kind.encode("latin-1", "replace") if kind else b""
    return b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (status, _REASONS.get(status, "Status").encode(), typed, lines)


def chunk(data: bytes) -> bytes:
    """One chunk of the chunked coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def length(size: int) -> bytes:
    """The line that announces a body's length."""
    return b"content-length: %d\r\n" % size


def lines_of(fault: Fault, now_s: int) -> bytes:
    """Header lines that an option asked for: retry-after in its forms, a date that is wrong."""
    lines = b""
    if fault.retry_after:
        value = fault.retry_after
        value = http_date(now_s + seconds(value[1:])) if value.startswith("@") else value
        lines += b"retry-after: %b\r\n" % value.encode("latin-1", "replace")
    if fault.retry_after_ms:
        lines += b"retry-after-ms: %b\r\n" % fault.retry_after_ms.encode("latin-1", "replace")
    if fault.date:
        lines += b"date: %b\r\n" % _date(fault.date, now_s).encode("latin-1", "replace")
    return lines


def http_date(at_s: float) -> str:
    """A moment as HTTP writes it."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=at_s)
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def _date(text: str, now_s: int) -> str:
    """``+1d`` and ``-1h`` from now; anything else is sent as it is."""
    if text[:1] not in ("+", "-"):
        return text
    away_s = seconds(text[1:])
    return http_date(now_s + (away_s if text[0] == "+" else -away_s))


def bad_line(style: str) -> bytes:
    """A header line that no reader may accept."""
    return _BAD[style]
