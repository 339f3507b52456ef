"""The commit point. Attempts write into a gate; until the first meaningful event passes, all can still be repaired.

The first attempt past it owns the client. Where the policy repairs broken streams a tape keeps what went out, and an
attempt that mends goes on writing where the one before it broke off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from poise.path.service import Attempt, Flow, Sink

MAX_TAPE_BYTES: Final = 1024 * 1024  # about 6,000 tokens of chat chunks; what is longer is not repaired


class Pen(Protocol):
    """What an attempt that owns the client writes with: the sink itself, or a tape before it."""

    def write(self, data: bytes) -> None:
        """Part of a streamed answer."""

    def finish(self) -> None:
        """The streamed answer is complete."""


class Nobody:
    """Writes to nobody."""

    def write(self, data: bytes) -> None:
        """Part of an answer that nobody waits for."""

    def finish(self) -> None:
        """It is complete."""


NOBODY: Final = Nobody()


class Tape:
    """Writes to a sink and keeps what was written, up to a bound; ``full`` where it was more."""

    __slots__ = ("_pieces", "_sink", "full", "size")

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._pieces: list[bytes] = []
        self.size = 0
        self.full = False

    @property
    def data(self) -> bytes:
        """All of it."""
        return b"".join(self._pieces)

    def write(self, data: bytes) -> None:
        """Part of a streamed answer."""
        self.size += len(data)
        if self.size > MAX_TAPE_BYTES:
            self.full = True
            self._pieces.clear()
        else:
            self._pieces.append(data)
        self._sink.write(data)

    def finish(self) -> None:
        """The streamed answer is complete."""
        self._sink.finish()


class Gate:
    """Stands between the attempts of one request and its client.

    owner is the attempt that is past it, or mends what that began. tape is None where nothing is repaired; won, where
    attempts race, is called as soon as one of them is past.
    """

    __slots__ = ("keepalive_us", "owner", "said_us", "sink", "tape", "won")

    def __init__(self, sink: Sink, keepalive_us: int, now_us: int, tape: Tape | None = None) -> None:
        self.sink = sink
        self.owner: Attempt | None = None
        self.keepalive_us = keepalive_us
        self.said_us = now_us
        self.tape = tape
        self.won: Callable[[], None] | None = None

    @property
    def committed(self) -> bool:
        """Part of the answer has reached the client, or all of it."""
        return self.owner is not None

    def commit(self, headers: bytes, attempt: Attempt) -> Pen | None:
        """A streamed answer begins, or goes on: from here a failure is told in-band. Returns what to write with.

        None: another attempt was first, and this one's answer is nobody's.
        """
        if self.owner is not None:
            if attempt.repair is None:
                return None
            self.owner = attempt
            return self.tape
        self.owner = attempt
        self.sink.start(200, headers)
        if self.won is not None:
            self.won()
        return self.tape or self.sink

    def whole(self, status: int, headers: bytes, body: bytes, attempt: Attempt) -> bool:
        """A whole, checked answer. False: another attempt was first."""
        if self.owner is not None:
            return False
        self.owner = attempt
        self.sink.whole(status, headers, body)
        if self.won is not None:
            self.won()
        return True

    def attach(self, flow: Flow | None) -> None:
        """The upstream that a slow client pauses."""
        self.sink.attach(flow)

    def tick(self, now_us: int, *, silent: bool) -> None:
        """Send a keep-alive comment where nothing went to the client for as long as the policy allows."""
        if not silent:
            self.said_us = now_us
        elif now_us - self.said_us >= self.keepalive_us:
            self.said_us = now_us
            self.sink.comment()
