"""The log: one row for each request that arrived, written once, when it has ended. It is what other accounts are held to."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from poise.clock import Clock
from poise.sim.wall.fault import OK, Fault

MAX_ROWS: Final = 200_000  # newest that are kept; older ones are only counted
MAX_FILE_BYTES: Final = 1 << 30
SECRETS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization")

Ended = Literal["", "complete", "fin", "rst", "bare", "half", "client_gone", "lost"]


class Attempt(msgspec.Struct, omit_defaults=True):
    """One request as the wall saw it; times are wall time in microseconds, 0 where it did not happen.

    id is the caller's x-client-request-id; key and prompt are the first 16 hex digits of SHA-256, so that they can be
    compared and not read. total_tokens is the whole answer's length, made_tokens what was made of it, sent_tokens what
    was written to the socket. told are the counts that the caller was sent: input, output, total. ended says who ended
    it: ``complete``, this wall by ``fin``, ``rst``, ``bare`` or ``half``, the caller (``client_gone``), or the wall's
    own end (``lost``).
    """

    number: int
    connection: int
    id: str
    at_us: int
    method: str
    path: str
    dialect: str = ""
    model: str = ""
    stream: bool = False
    fault: Fault = OK
    status: int = 0
    prompt: str = ""
    key: str = ""
    headers: dict[str, str] = {}
    body_bytes: int = 0
    prompt_tokens: int = 0
    total_tokens: int = 0
    made_tokens: int = 0
    sent_tokens: int = 0
    sent_bytes: int = 0
    first_us: int = 0
    ended_us: int = 0
    hung_up_us: int = 0
    ended: Ended = ""
    told: tuple[int, int, int] | None = None
    note: str = ""


class AttemptLog:
    """Attempts in memory and, where it was opened, in a file of JSON lines."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._live: dict[int, Attempt] = {}
        self._file: BinaryIO | None = None
        self._file_bytes = 0
        self._waiters: list[asyncio.Future[None]] = []
        self.rows: deque[Attempt] = deque(maxlen=MAX_ROWS)
        self.counts: Counter[str] = Counter()

    def open(self, path: Path) -> None:
        """Write rows there too, behind what is in it."""
        self._file = path.open("ab", buffering=0)
        self._file_bytes = path.stat().st_size

    def close(self) -> None:
        """End what is under way as lost, and close the file."""
        for attempt in list(self._live.values()):
            self.end(attempt, "lost")
        if self._file is not None:
            self._file.close()
            self._file = None

    def begin(self, attempt: Attempt) -> None:
        """A request has arrived."""
        self.counts["arrived"] += 1
        self._live[attempt.number] = attempt
        self._ring()

    def end(self, attempt: Attempt, how: Ended) -> None:
        """It is over. Only the first report counts, so that each attempt stands in the log once."""
        if self._live.pop(attempt.number, None) is None:
            return
        attempt.ended, attempt.ended_us = how, self._clock.now_us()
        if how == "client_gone":
            attempt.hung_up_us = attempt.ended_us
        self.counts[how] += 1
        self.rows.append(attempt)
        self._write(attempt)
        self._ring()

    def forget(self) -> None:
        """Drop the rows that are kept in memory."""
        self.rows.clear()

    @property
    def live(self) -> list[Attempt]:
        """What is under way, oldest first."""
        return list(self._live.values())

    @property
    def all(self) -> list[Attempt]:
        """Every attempt that is known, in the order of arrival."""
        return sorted((*self.rows, *self._live.values()), key=lambda one: one.number)

    async def until(self, fact: Callable[[AttemptLog], object]) -> None:
        """Wait until fact(log) is true; looked at whenever an attempt begins or ends."""
        while not fact(self):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _write(self, attempt: Attempt) -> None:
        if self._file is None:
            return
        line = msgspec.json.encode(attempt) + b"\n"
        if self._file_bytes + len(line) > MAX_FILE_BYTES:
            self.counts["not_written"] += 1
            return
        self._file_bytes += len(line)
        self._file.write(line)

    def _ring(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def digest(*texts: str) -> str:
    """Sixteen hex digits that stand for texts."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def headers_of(lines: Iterable[bytes]) -> tuple[dict[str, str], str]:
    """Header lines by lower-case name with secrets taken out, and the digest of the key among them ('' for none)."""
    found: dict[str, str] = {}
    key = ""
    for line in lines:
        name, _, value = line.decode("latin-1").partition(":")
        low = name.strip().lower()
        if low in SECRETS:
            key = digest(value.strip().removeprefix("Bearer ").strip())
            value = "[hidden]"
        found[low] = value.strip()
    return found, key
