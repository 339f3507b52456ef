"""The pins of all workers, bounded and in order, so that each worker can be told what it has not heard yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

MAX_KEPT: Final = 65_536  # as many as a worker keeps (``path.pins``)


class Made(NamedTuple):
    """A pin: the digest of an id, who made what it names (provider, target), and since when that is known (wall seconds)."""

    digest: bytes
    provider: str
    target: str
    at_s: int


class PinTable:
    """Rows by digest and a log of them, numbered from 0; the oldest of the log give way."""

    def __init__(self, most: int = MAX_KEPT) -> None:
        self._most = most
        self._rows: dict[bytes, tuple[int, Made]] = {}
        self._log: deque[bytes] = deque()
        self._first = 0  # the number of the oldest in the log

    @property
    def end(self) -> int:
        """The number that the next row will have."""
        return self._first + len(self._log)

    def take(self, rows: Iterable[Made]) -> list[Made]:
        """Add rows. Returns those that are news; one that says what is known already is none."""
        fresh = []
        for row in rows:
            known = self._rows.get(row.digest)
            if known is None or known[1].target != row.target or known[1].provider != row.provider:
                self._rows[row.digest] = (self.end, row)
                self._log.append(row.digest)
                fresh.append(row)
                if len(self._log) > self._most:
                    self._drop()
        return fresh

    def load(self, rows: Iterable[Made]) -> None:
        """Add what the store knows, oldest first; what a worker has said since goes before it."""
        self.take([row for row in rows if row.digest not in self._rows])

    def since(self, number: int, most: int) -> tuple[list[Made], int]:
        """At most so many rows from a number on, and the number to go on from."""
        start = max(0, number - self._first)
        found = []
        for place, digest in enumerate(islice(self._log, start, start + most), self._first + start):
            at, row = self._rows[digest]
            if at == place:  # else it was said again later
                found.append(row)
        return found, min(self.end, self._first + start + most)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"PinTable({len(self._rows)} of {self._most}, up to {self.end})"

    def _drop(self) -> None:
        digest = self._log.popleft()
        if self._rows[digest][0] == self._first:
            del self._rows[digest]
        self._first += 1
