"""The elements of one JSON array that comes in pieces: how a stream is sent where ``alt=sse`` was not asked for."""

from __future__ import annotations

import re
from typing import Final

from poise.wire.sse import MAX_EVENT_BYTES, TooLong

_MARK: Final = re.compile(rb'["\[\]{}]')
_QUOTE: Final = re.compile(rb'["\\]')


class Elements:
    """Cuts an array into its objects, however the bytes were cut."""

    __slots__ = ("_depth", "_escaped", "_pieces", "_quoted", "_size", "closed")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._depth = 0
        self._quoted = False
        self._escaped = False
        self.closed = False  # the array's own end has come

    def feed(self, data: bytes) -> list[bytes]:
        """The elements that are whole now. Raises TooLong."""
        found: list[bytes] = []
        start = 0 if self._depth > 1 else -1
        at = 1 if self._escaped else 0
        self._escaped = False
        while at < len(data):
            mark = (_QUOTE if self._quoted else _MARK).search(data, at)
            if mark is None:
                break
            at = mark.end()
            byte = data[at - 1]
            if byte == 0x5C:  # the byte behind a backslash ends no string
                self._escaped = at == len(data)
                at += 1
            elif byte == 0x22:
                self._quoted = not self._quoted
            elif byte in b"[{":
                self._depth += 1
                if self._depth == 2:
                    start = at - 1
            else:
                self._depth -= 1
                if self._depth == 1:
                    self._keep(data[start:at])
                    found.append(b"".join(self._pieces))
                    self._pieces = []
                    self._size = 0
                    start = -1
                elif self._depth <= 0:
                    self.closed = True
        if start >= 0:
            self._keep(data[start:])
        return found

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > MAX_EVENT_BYTES:
            raise TooLong(f"an element of more than {MAX_EVENT_BYTES} bytes")
        self._pieces.append(piece)
