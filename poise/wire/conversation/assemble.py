"""From events to a whole answer and back, so that any dialect's stream can be shown whole and the other way round."""

from __future__ import annotations

import msgspec

from poise.wire.conversation.answer import Answer, Choice, Ending, Usage
from poise.wire.conversation.event import (
    Cite,
    Close,
    Counted,
    Done,
    End,
    Event,
    Fault,
    Grow,
    Open,
    Seal,
    Start,
)
from poise.wire.conversation.part import Part, Reasoning, Refusal, Text, ToolCall

_Grown = Text | ToolCall | Reasoning | Refusal


class Assembler:
    """Grows an Answer from events. ``done`` when the dialect said that nothing follows; ``fault`` is what broke it off."""

    __slots__ = ("_open", "_pieces", "_usage", "answer", "done", "fault")

    def __init__(self, spoken: str) -> None:
        self.answer = Answer(spoken=spoken, choices=[])
        self.done = False
        self.fault: Fault | None = None
        self._open: dict[tuple[int, int], Part] = {}
        self._pieces: dict[tuple[int, int], list[str]] = {}
        self._usage: Usage | None = None

    def feed(self, events: list[Event]) -> None:
        """Take events in."""
        for event in events:
            self._one(event)

    def finish(self) -> Answer:
        """The answer, as far as it came."""
        for key in list(self._pieces):
            self._settle(key)
        self.answer.usage = self._usage
        return self.answer

    def _one(self, event: Event) -> None:
        if isinstance(event, Grow):
            self._pieces.setdefault((event.choice, event.index), []).append(event.text)
        elif isinstance(event, Open):
            key = (event.choice, event.index)
            part = msgspec.structs.replace(event.part)  # it grows here: the event is others' too
            self._open[key] = part
            self._choice(event.choice).parts.append(part)
        elif isinstance(event, Close):
            self._settle((event.choice, event.index))
        elif isinstance(event, Seal | Cite):
            self._attach(event)
        elif isinstance(event, End):
            choice = self._choice(event.choice)
            choice.ending, choice.said, choice.stopped_by = event.ending, event.said, event.stopped_by
            choice.rest = {**choice.rest, **event.rest}
        elif isinstance(event, Counted):
            self._usage = event.usage
        elif isinstance(event, Start):
            answer = self.answer
            answer.id, answer.model = event.id or answer.id, event.model or answer.model
            answer.created = event.created or answer.created
        elif isinstance(event, Done):
            self.done = True
        else:
            self.fault = event

    def _attach(self, event: Seal | Cite) -> None:
        part = self._open.get((event.choice, event.index))
        if isinstance(event, Cite):
            if isinstance(part, Text):
                part.citations = [*part.citations, event.citation]
        elif isinstance(part, Reasoning):
            part.signature += event.signature
            part.sealed += event.sealed
        elif isinstance(part, Text | ToolCall):
            part.signature += event.signature

    def _choice(self, index: int) -> Choice:
        choices = self.answer.choices
        while len(choices) <= index:
            choices.append(Choice(parts=[]))
        return choices[index]

    def _settle(self, key: tuple[int, int]) -> None:
        pieces = self._pieces.pop(key, None)
        part = self._open.get(key)
        if not pieces or not isinstance(part, _Grown):
            return
        more = "".join(pieces)
        if isinstance(part, ToolCall):
            part.arguments += more
        else:
            part.text += more


def disassemble(answer: Answer) -> list[Event]:
    """A whole answer as the events of a stream that says the same."""
    events: list[Event] = [Start(answer.id, answer.model, answer.created, answer.spoken)]
    for number, choice in enumerate(answer.choices or [Choice(parts=[])]):  # what never ended is no stream
        for index, part in enumerate(choice.parts):
            events.append(Open(index, part, number))
            events.append(Close(index, number))
        events.append(End(choice.ending, choice.said, choice.stopped_by, number, choice.rest))
    if answer.usage is not None:
        events.append(Counted(answer.usage))
    events.append(Done())
    return events


def ending_of(answer: Answer) -> Ending:
    """The first choice's ending; UNFINISHED where there is no choice."""
    return answer.choices[0].ending if answer.choices else Ending.UNFINISHED
