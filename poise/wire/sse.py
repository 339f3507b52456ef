"""Server-sent events as bytes: whole events out, the unfinished tail kept."""

from __future__ import annotations

import re
from typing import Final

MAX_EVENT_BYTES: Final = 1024 * 1024  # no vendor sends more in one event; a line without end must not fill the memory


_EMPTY_LINE: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")


class Unframed(ValueError):
    """Bytes that cannot be cut into events."""


class TooLong(Unframed):
    """An event grew past its bound."""


class Splitter:
    """Cuts a stream of bytes after its last complete event.

    Events end with an empty line; lines end with LF, CRLF or CR (WHATWG HTML, 9.2.5). bound is the most bytes of one. Other
    framings are subclasses: a compiled call of theirs costs what one of this class does.
    """

    __slots__ = ("_bound", "_end", "_pieces", "_size")

    def __init__(self, bound: int = MAX_EVENT_BYTES) -> None:
        self._bound = bound
        self._pieces: list[bytes] = []
        self._size = 0
        self._end = b""  # the last three bytes of the pieces: an empty line may lie across a seam

    @property
    def tail(self) -> bytes:
        """What has come of an event that is not complete yet."""
        return b"".join(self._pieces)

    def feed(self, data: bytes) -> bytes:
        """The complete events so far, b'' if none. Raises TooLong; Unframed in framings that can be broken otherwise.

        Only the new bytes are searched: an event in many small pieces must not cost the square of its length.
        """
        if not self._pieces:
            if data.endswith(b"\n\n"):  # what every vendor sends, nearly always
                return data
            end = last_boundary(data)
            self._keep(data[end:])
            return data[:end]
        seam = len(self._end)
        end = last_boundary(self._end + data) - seam
        if end <= -seam:
            self._keep(data)
            return b""
        whole = b"".join(self._pieces) + data
        cut = self._size + end
        self._pieces.clear()
        self._size = 0
        self._end = b""
        self._keep(whole[cut:])
        return whole[:cut]

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        self._size += len(data)
        if self._size > self._bound:
            raise TooLong(f"an event of more than {self._bound} bytes")
        self._pieces.append(data)
        self._end = (self._end + data)[-3:]


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
    for mark in _EMPTY_LINE.finditer(data):
        found.append(data[start : mark.end()])
        start = mark.end()
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
