"""The same answer once more: what the caller has is compared, word by word, and only what is new goes on."""

from __future__ import annotations

from poise.errors import Failure
from poise.wire.conversation.codec import EventReader, EventWriter
from poise.wire.conversation.event import Cite, Close, Counted, Done, End, Event, Fault, Grow, Open, Seal, Start
from poise.wire.mend.delivered import WORDS, Delivered, Sent
from poise.wire.mend.mending import Mending

DIFFERS = "another answer than the one that broke off"


class Restarted(Mending):
    """Reads an answer that should begin as the delivered one does; ``error`` with the failure DIFFERED where words part."""

    def __init__(self, reader: EventReader, writer: EventWriter, delivered: Delivered) -> None:
        super().__init__(reader, writer)
        self._delivered = delivered
        self._waiting = list(delivered.parts)  # not begun again yet
        self._again: dict[int, Sent] = {}  # by the new answer's numbers
        self._at: dict[int, int] = {}  # characters of it that came again
        self._fresh: dict[int, int] = {}  # parts that are new, by the new answer's numbers: ours
        self._next = 1 + max((part.index for part in delivered.parts), default=-1)

    def _new(self, events: list[Event]) -> list[Event]:
        new: list[Event] = []
        for event in events:
            if not self._same(event, new):
                self.error, self.fault, self.failure = DIFFERS, b"", Failure.DIFFERED
                self.finished = self.over = False
                break
        return new

    @property
    def _behind(self) -> bool:
        """Something that was delivered has not come again yet."""
        return bool(self._waiting) or any(self._at[i] < len(part.text) for i, part in self._again.items())

    def _same(self, event: Event, new: list[Event]) -> bool:
        if isinstance(event, Start | Fault):
            return True  # the caller has had one
        if isinstance(event, Counted):
            new.append(event)
            return True
        if isinstance(event, Done | End):
            if self._behind:
                return False
            if isinstance(event, Done) or not self._delivered.ended:
                new.append(event)
            return True
        if event.choice:
            return False
        if isinstance(event, Open):
            return self._opened(event, new)
        return self._more(event, new)

    def _opened(self, event: Open, new: list[Event]) -> bool:
        part = event.part
        words = part.text if isinstance(part, WORDS) else ""
        if self._waiting and type(part) is self._waiting[0].kind:
            self._again[event.index] = self._waiting.pop(0)
            self._at[event.index] = 0
            return self._grown(event.index, words, new)
        if not self._behind:
            self._fresh[event.index] = self._next
            new.append(Open(self._next, part))
            self._next += 1
            return True
        # A thought without words shows in some dialects only; it is passed over. Words that nobody has heard are not.
        return isinstance(part, WORDS) and not words

    def _more(self, event: Grow | Close | Seal | Cite, new: list[Event]) -> bool:
        index = event.index
        fresh = self._fresh.get(index)
        if fresh is not None:
            event.index = fresh
            new.append(event)
            return True
        known = self._again.get(index)
        if known is None:
            return not isinstance(event, Grow)
        if isinstance(event, Grow):
            return self._grown(index, event.text, new)
        event.index = known.index
        if isinstance(event, Close):
            if self._at[index] < len(known.text):
                return False
            if not known.closed:
                new.append(event)
        elif isinstance(event, Seal):
            if known.seals:
                known.seals -= 1
            else:
                new.append(event)
        elif known.cites:
            known.cites -= 1
        else:
            new.append(event)
        return True

    def _grown(self, index: int, text: str, new: list[Event]) -> bool:
        known, at = self._again[index], self._at[index]
        left = len(known.text) - at
        if left >= len(text):
            self._at[index] = at + len(text)
            return known.text.startswith(text, at)
        if known.text[at:] != text[:left] or known.closed or self._waiting:
            return False
        self._at[index] = len(known.text)
        new.append(Grow(known.index, text[left:]))
        return True
