"""What the path asks of the HTTP client; ``edge/http`` provides it."""

from __future__ import annotations

from typing import Protocol

from poise.errors import AttemptFailed


class Receiver(Protocol):
    """Takes one answer, pushed from the socket: ``head`` once, ``body`` any number of times, ``end``; or ``failed`` at any point.

    All are called from protocol callbacks and must not raise or block. After ``end`` or ``failed`` nothing more is called.
    """

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """The answer's status and headers, names in lower case. Interim (1xx) answers are never shown."""

    def body(self, data: bytes) -> None:
        """The next bytes of the body, framing removed."""

    def end(self) -> None:
        """The body was complete by its own framing (length, last chunk, or close where neither was announced).

        The connection is still the receiver's: closed here, because this was no answer, it serves nobody else.
        """

    def failed(self, failure: AttemptFailed) -> None:
        """The exchange broke: CUT (in an answer), MALFORMED (not HTTP, bounds exceeded), CONNECT (before any byte)."""


class Connection(Protocol):
    """One connection to an upstream, free for one exchange at a time."""

    @property
    def reused(self) -> bool:
        """Whether an exchange was completed on it before: only then may a loss without an answer be its age's fault."""

    def send(self, data: bytes, receiver: Receiver) -> None:
        """Start an exchange. When it ended cleanly the connection is back in its pool as soon as ``receiver.end`` returns."""

    def pause(self) -> None:
        """Stop reading: the client is slow. Bounded by the kernel's buffers from here on."""

    def resume(self) -> None:
        """Read again."""

    def close(self) -> None:
        """Abort: the socket is closed at once and its slot is free. The receiver hears nothing more. Harmless when repeated."""


class Pool(Protocol):
    """Connections to one upstream address."""

    def take(self) -> Connection | None:
        """An idle connection, or None. Never waits."""

    async def open(self, timeout_s: float) -> Connection:
        """A fresh connection within timeout_s, waiting for a slot where all are in use.

        Raises AttemptFailed with CONNECT, TLS, TIMEOUT or LOCAL. Safe to cancel at any await: no slot is lost.
        """
