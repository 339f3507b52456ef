"""Who we are at a cloud: what was granted, and who grants it. ``poise.path.signing`` says what a request makes of it."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class NotGranted(Exception):
    """Nothing was granted this time; asking again may help. The text is the cloud's, or its library's."""


class Grant(NamedTuple):
    """What a cloud gave us to show: a token, or keys to sign with.

    values are as its signer wants them; expires_us is in microseconds since 1970, 0 where it does not expire.
    """

    values: tuple[str, ...]
    expires_us: int = 0

    def __repr__(self) -> str:
        """Without the secrets: a Grant may end up in a log."""
        return f"<Grant of {len(self.values)} values, expires_us {self.expires_us}>"


class Source(Protocol):
    """One way to credentials."""

    name: str  # for people: ``google``, ``aws``, ``azure``

    def fetch(self) -> Grant:
        """Ask for a grant. Blocks, and is called in a thread of its own, one at a time unless one hangs.

        Raises Error where nothing but a change of the installation or its configuration helps; NotGranted or
        OSError where it may help to ask again.
        """
