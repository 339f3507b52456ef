"""Between two dialects, and beside one: what a stream reader is for a target that speaks by codec.

``Verbatim`` sends the vendor's bytes on and only listens, ``Arrayed`` too but for their framing; ``Translating`` writes
what it hears in the caller's dialect.
Both tell the path the same things: has a meaningful event come, is the answer complete, what was counted, what broke.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.decision import Usage
from poise.errors import Failure
from poise.wire.conversation import event as ev
from poise.wire.conversation.answer import Usage as Counted
from poise.wire.conversation.codec import EventReader, EventWriter
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Kept, Media, Reasoning, Refusal, Text, ToolCall
from poise.wire.legible import MOST_UNREAD, legible
from poise.wire.sse import data_of, events_of

# What our own readers call a stream that nobody can read: no words of the vendor's.
OURS: Final = frozenset({"malformed", "malformed_call", "too_long", "empty_stream"})

MAX_TOKENS: Final = 1 << 40  # a count beyond it is no count


class Listener:
    """Follows the events of one answer."""

    def __init__(self, reader: EventReader) -> None:
        self._reader = reader
        self.started = False
        self.finished = False
        self.over = False
        self.model = ""
        self.usage: Usage | None = None
        self.error = ""
        self.fault = b""
        self.failure = Failure.MALFORMED
        self.skipped = 0
        self._holed = False  # what was fed last holds an event that nobody can read

    def _feed(self, data: bytes) -> list[ev.Event]:
        """What whole events mean."""
        events = self._hear(self._reader.feed(data))
        if self._reader.unread == self.skipped:
            return events
        self._holed = True
        self.skipped = self._reader.unread
        if self.skipped <= MOST_UNREAD or self.error:
            return events
        self.error = f"more than {MOST_UNREAD} events that are not JSON"
        return []  # with them may have come an end, which must not make the answer look complete

    def _hear(self, events: list[ev.Event]) -> list[ev.Event]:
        """Take note of the events; what follows a fault is nobody's business, lest the answer look complete."""
        for place, event in enumerate(events):
            if isinstance(event, ev.Grow):
                self.started = self.started or bool(event.text)
            elif isinstance(event, ev.Fault):
                self.error = event.text or event.code or "an error without words"
                self.fault = b"" if event.code in OURS else fault_body(event)
                return events[:place]
            else:
                self._note(event)
        return events

    def _last(self, tail: bytes) -> list[ev.Event]:
        """What came of the last event, and the end. Bytes that stop in its middle are no fault of it: there is no end."""
        reader = self._reader
        events = self._hear(reader.feed(tail)) if tail else []
        if reader.unread != self.skipped:
            self.finished = False
            return events
        if self.error and not self.fault:
            self.error = ""
        return [*events, *self._hear(reader.close())]

    def _note(self, event: ev.Event) -> None:
        if isinstance(event, ev.Counted):
            self.usage = brief(event.usage)
        elif isinstance(event, ev.Start):
            self.model = self.model or event.model
        elif isinstance(event, ev.Done):
            self.finished = self.over = True
        elif isinstance(event, ev.End):
            self.started = True
        elif isinstance(event, ev.Open) and not self.started:
            self.started = _says_something(event.part)


class Verbatim(Listener):
    """Same dialect in and out: bytes go on as they came."""

    def feed(self, data: bytes) -> bytes:
        """The events that go on to the client: all, up to an error."""
        self._feed(data)
        if self.error:
            return b""
        if self._holed:
            self._holed = False
            return legible(data)
        return data

    def close(self, tail: bytes) -> bytes:
        """The bytes ended; tail is what came of an event that was not complete."""
        self._last(tail)
        return b"" if self.error else tail


class Arrayed(Listener):
    """Same dialect in and out, but events in and one JSON array out: each event's data is an element, as it came."""

    def __init__(self, reader: EventReader) -> None:
        super().__init__(reader)
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """The elements that go on to the client."""
        self._feed(data)
        if self._holed:
            self._holed = False
            data = legible(data)
        return b"" if self.error else b"".join([self._element(event) for event in events_of(data)])

    def close(self, tail: bytes) -> bytes:
        """The bytes ended: what came of a last event, and the end of the array."""
        self._last(tail)
        return b"" if self.error else self._element(tail + b"\n\n") + (b"]" if self._begun else b"[]")

    def _element(self, event: bytes) -> bytes:
        data = data_of(event)
        if not data:
            return b""
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + data


class Translating(Listener):
    """Another dialect out. lost: what the writer could not say, as far as it has come. served: the model of a vendor whose
    answers name none.
    """

    def __init__(self, reader: EventReader, writer: EventWriter, lost: Lost, served: str = "") -> None:
        super().__init__(reader)
        self._writer = writer
        self._served = served
        self.lost = lost

    def _note(self, event: ev.Event) -> None:
        if isinstance(event, ev.Start) and not event.model and not self.model:
            event.model = self._served
        super()._note(event)

    def feed(self, data: bytes) -> bytes:
        """The events that go on to the client, in its dialect."""
        return self._writer.write(self._feed(data))

    def close(self, tail: bytes) -> bytes:
        """The bytes ended: what the caller's dialect still wants said."""
        return self._writer.write(self._last(tail))


def fault_body(fault: ev.Fault) -> bytes:
    """A fault as the body of an error answer, in the one shape that the readers of all dialects know."""
    names = {"type": fault.code, "code": fault.code, "status": fault.code, "http_status": fault.status}
    return msgspec.json.encode({"type": "error", "error": {"message": fault.text, **names}})


def brief(usage: Counted) -> Usage | None:
    """Usage as the record keeps it; None where nothing is said to have been read nor written, which no answer costs, or more
    than a record can hold.
    """
    prompt, completion = usage.prompt, usage.completion
    if not 0 < prompt + completion <= MAX_TOKENS:
        return None
    return Usage(
        prompt,
        completion,
        usage.cached,
        usage.cache_write,
        usage.cache_write_long,
        usage.image_input,
        usage.audio_input,
        usage.image_output,
        usage.audio_output,
        usage.reasoning,
        sure=usage.sure,
    )


def _says_something(part: object) -> bool:
    if isinstance(part, Text | Refusal):
        return bool(part.text)
    if isinstance(part, Reasoning):
        return bool(part.text or part.sealed)
    return isinstance(part, ToolCall | Media | Kept)
