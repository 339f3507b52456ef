"""The rest of an answer, from a model that goes on with words it is given."""

from __future__ import annotations

import msgspec

from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import EventReader, EventWriter
from poise.wire.conversation.event import Cite, Close, Event, Grow, Open, Seal, Start
from poise.wire.conversation.part import Message, Reasoning, Text
from poise.wire.mend.delivered import Delivered, Sent
from poise.wire.mend.mending import Mending


def begun(ask: Ask, text: str) -> Ask:
    """The ask with the words so far as the beginning of the answer. No word of ours is added.

    Blanks at its end are left out: Anthropic refuses a beginning that ends with them.
    """
    turn = Message(role="assistant", parts=[Text(text=text.rstrip())], form="text")
    left = None if ask.max_output is None else max(1, ask.max_output - len(text) // 4)
    return msgspec.structs.replace(ask, messages=[*ask.messages, turn], max_output=left, prefill=True)


class Resumed(Mending):
    """Reads the rest of an answer (``wire.call.StreamReader``); its first text goes on with ``part``.

    Thoughts about it are passed over: they would stand in the middle of a text.
    """

    def __init__(self, reader: EventReader, writer: EventWriter, delivered: Delivered, part: Sent) -> None:
        super().__init__(reader, writer)
        self._part = part
        self._blanks = part.text[len(part.text.rstrip()) :]  # the caller has them; the model was not shown them
        self._numbers: dict[int, int] = {}
        self._joined = False
        self._next = 1 + max(one.index for one in delivered.parts)

    def _new(self, events: list[Event]) -> list[Event]:
        new: list[Event] = []
        for event in events:
            if isinstance(event, Open):
                self._opened(event, new)
            elif isinstance(event, Grow | Close | Seal | Cite):
                number = self._numbers.get(event.index)
                if number is not None:
                    event.index = number
                    if isinstance(event, Grow) and number == self._part.index:
                        event.text = self._after_blanks(event.text)
                    new.append(event)
            elif not isinstance(event, Start):
                new.append(event)
        return new

    def _opened(self, event: Open, new: list[Event]) -> None:
        part = event.part
        if isinstance(part, Reasoning):
            return
        if isinstance(part, Text) and not self._joined:
            self._joined = True
            self._numbers[event.index] = self._part.index
            text = self._after_blanks(part.text)
            if text:
                new.append(Grow(self._part.index, text))
            return
        if not self._joined:  # something else instead of words: the text is over
            self._joined = True
        self._numbers[event.index] = self._next
        new.append(Open(self._next, part))
        self._next += 1

    def _after_blanks(self, text: str) -> str:
        """Blanks that the caller has already are not said twice."""
        if not self._blanks or not text:
            return text
        same = next((i for i, (had, said) in enumerate(zip(self._blanks, text, strict=False)) if had != said), None)
        same = min(len(self._blanks), len(text)) if same is None else same
        self._blanks = self._blanks[same:] if same == len(text) else ""
        return text[same:]
