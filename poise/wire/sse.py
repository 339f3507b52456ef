"""Server-sent events as bytes: whole events out, the unfinished tail kept."""

from __future__ import annotations

MAX_EVENT_BYTES = 1024 * 1024  # no vendor sends more in one event; a line without end must not fill the memory


class TooLong(ValueError):
    """An event grew past MAX_EVENT_BYTES."""


class Splitter:
    """Cuts a stream of bytes after its last complete event.

    Events end with an empty line; lines end with LF, CRLF or CR (WHATWG HTML, 9.2.5).
    """

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = b""

    @property
    def tail(self) -> bytes:
        """What has come of an event that is not complete yet."""
        return self._tail

    def feed(self, data: bytes) -> bytes:
        """The complete events so far, b'' if none. Raises TooLong."""
        if not self._tail and data.endswith(b"\n\n"):  # what every vendor sends, nearly always
            return data
        if self._tail:
            data = self._tail + data
        end = last_boundary(data)
        if len(data) - end > MAX_EVENT_BYTES:
            raise TooLong(f"an event of more than {MAX_EVENT_BYTES} bytes")
        self._tail = data[end:]
        return data[:end]


def last_boundary(data: bytes) -> int:
    """The offset just behind the last empty line, 0 where there is none."""
    end = 0
    for mark in (b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n"):
        at = data.rfind(mark)
        if at >= 0:
            end = max(end, at + len(mark))
    return end


def events_of(data: bytes) -> list[bytes]:
    """Complete events, each with its closing empty line, so that joining them gives the bytes back."""
    if b"\r" not in data:
        parts = data.split(b"\n\n")
        return [part + b"\n\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
    found: list[bytes] = []
    start = 0
    at = 0
    while at < len(data):
        size = _empty_line(data, at)
        if size:
            found.append(data[start : at + size])
            start = at = at + size
        else:
            at += 1
    if start < len(data):
        found.append(data[start:])
    return found


def data_of(event: bytes) -> bytes:
    """The event's ``data`` field, lines joined by LF; b'' for comments and other fields."""
    if event.startswith(b"data: ") and event.find(b"\n", 0, -2) < 0 and b"\r" not in event:
        return event[6:-2]
    lines = [
        line for line in event.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n") if line.startswith(b"data:")
    ]
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines)


def _empty_line(data: bytes, at: int) -> int:
    for mark in (b"\r\n\r\n", b"\n\n", b"\r\r", b"\n\r\n"):
        if data.startswith(mark, at):
            return len(mark)
    return 0
