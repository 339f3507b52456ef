"""What a translation could not carry. It is said, never dropped in silence: a 400 with ``strict``, else a note and a header."""

from __future__ import annotations

import re

import msgspec

from poise.wire.conversation.part import FORMAL

MAX_SHOWN = 8  # in a header
MAX_LOSSES = 64  # told of one request; what is beyond is counted, not named

_CONTROL = re.compile(rb"[^ -~]")


class Loss(msgspec.Struct, frozen=True):
    """One thing that was not carried: where it stood, in the caller's words (``messages[2].content[0]``), and what it was."""

    where: str
    what: str


class Lost:
    """Collects losses while a value is written in another dialect."""

    __slots__ = ("count", "losses")

    def __init__(self) -> None:
        self.losses: list[Loss] = []
        self.count = 0

    def add(self, where: str, what: str) -> None:
        """Note a loss."""
        self.count += 1
        if len(self.losses) < MAX_LOSSES:
            self.losses.append(Loss(where, what))

    def rest(self, where: str, rest: object, harmless: frozenset[str] = frozenset()) -> None:
        """Note each field of another dialect's ``rest`` that said something: not null, not empty, not known to be harmless.

        What stands under FORMAL says nothing to others.
        """
        if isinstance(rest, dict):
            for name, value in rest.items():
                if name != FORMAL and name not in harmless and value not in (None, "", [], {}):
                    self.add(f"{where}.{name}" if where else str(name), "has no counterpart there")

    def told(self) -> tuple[str, ...]:
        """The losses for a record: where each stood and what it was."""
        return tuple(f"{loss.where}: {loss.what}"[:120] for loss in self.losses[:MAX_SHOWN])

    def line(self) -> bytes:
        """The losses as the value of a header: where each stood, the rest counted."""
        shown = [loss.where.encode("ascii", "backslashreplace")[:64] for loss in self.losses[:MAX_SHOWN]]
        if self.count > len(shown):
            shown.append(b"and %d more" % (self.count - len(shown)))
        return b", ".join(_CONTROL.sub(b"?", where) for where in shown)
