"""Requests that must show who we are afresh each time: a cloud's token, or a signature over the request itself."""

from __future__ import annotations

from typing import Protocol


class Signer(Protocol):
    """Adds to a request what shows who we are; ``edge/clouds`` provides it."""

    def lines(self, method: bytes, path: bytes, host: bytes, body: bytes, now_us: int) -> bytes:
        """Header lines to add, each with its CRLF. Pure and quick; path is as it is sent, query and all.

        Raises AttemptFailed (AUTH) while there is nothing to show: not yet, or not any more.
        """

    def refused(self) -> None:
        """The cloud did not take what was shown: look for something newer."""

    def redacted(self, said: bytes) -> bytes:
        """What a cloud said, without what it was shown."""


class Signing:
    """A signer, and what it has to be told of one tongue's requests: host and paths as they stand in the heads."""

    __slots__ = ("_host", "_paths", "signer")

    def __init__(self, signer: Signer, host: bytes, paths: dict[tuple[str, bool], bytes]) -> None:
        self.signer = signer
        self._host = host
        self._paths = paths

    def lines(self, surface: str, stream: bool, body: bytes, now_us: int) -> bytes:
        """Header lines for one request. Raises AttemptFailed (AUTH)."""
        return self.signer.lines(b"POST", self._paths[surface, stream], self._host, body, now_us)
