"""What of a broken answer has reached the caller, read back from the very bytes that were sent."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.wire.conversation.codec import Codec
from poise.wire.conversation.event import Cite, Close, End, Event, Grow, Open, Seal
from poise.wire.conversation.part import Reasoning, Refusal, Text

_array: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
WORDS: Final = (Text, Reasoning, Refusal)  # parts that are words and nothing else


class Sent:
    """One part that the caller has: its kind, its words, and what else came of it."""

    __slots__ = ("cites", "closed", "index", "kind", "pieces", "seals", "text")

    def __init__(self, index: int, kind: type) -> None:
        self.index = index
        self.kind = kind
        self.pieces: list[str] = []
        self.text = ""
        self.closed = False
        self.cites = 0
        self.seals = 0


class Delivered:
    """The answer so far. obstacle says why it cannot be repaired, '' where it can be tried.

    events are as a writer of the caller's dialect must have heard them to be where the caller is.
    """

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self.obstacle = ""
        self.ended = False
        parts: dict[int, Sent] = {}
        for event in events:
            self._one(event, parts)
        self.parts = list(parts.values())
        for part in self.parts:
            part.text = "".join(part.pieces)

    @property
    def text(self) -> str:
        """All words of the answer itself, thoughts left out."""
        return "".join(part.text for part in self.parts if part.kind is Text)

    @property
    def open_text(self) -> Sent | None:
        """The text that was being said, where that was what was going on."""
        last = self.parts[-1] if self.parts else None
        return last if last is not None and last.kind is Text and not self.ended else None

    def _one(self, event: Event, parts: dict[int, Sent]) -> None:
        if isinstance(event, Open | Grow | Close | Seal | Cite | End) and event.choice:
            self.obstacle = "several answers were asked for at once"
        elif isinstance(event, Open):
            if not isinstance(event.part, WORDS):
                self.obstacle = "a tool call, or something else that is not words, had begun"
                return
            part = parts[event.index] = Sent(event.index, type(event.part))
            part.pieces.append(event.part.text)
        elif isinstance(event, End):
            self.ended = True
        elif isinstance(event, Grow | Close | Seal | Cite):
            known = parts.get(event.index)
            if known is None:
                return
            if isinstance(event, Grow):
                known.pieces.append(event.text)
            elif isinstance(event, Close):
                known.closed = True
            elif isinstance(event, Seal):
                known.seals += 1
            else:
                known.cites += 1


def delivered(codec: Codec, tape: bytes) -> Delivered:
    """Read back what was sent: whole events of the caller's dialect.

    An answer of Gemini's that is one JSON array is read as the events that its elements would be.
    """
    if codec.name == "gemini" and tape.lstrip()[:1] in {b"[", b","}:
        tape = b"".join(b"data: %b\n\n" % bytes(one) for one in _array(tape.rstrip().removesuffix(b",") + b"]"))
    return Delivered(codec.event_reader().feed(tape))
