"""A streamed chat answer: vendors' bytes go on as they came; only marked events are parsed.

Marks are looked for, not parsed: inside a JSON string a quote is escaped, so ``"usage":`` with its quotes is always a
key. ``usage: null`` stands on every chunk of some vendors, hence the brace is looked for too.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.decision import Usage
from poise.errors import Failure
from poise.wire.openai.answer import read_usage
from poise.wire.openai.shape import Choice, Chunk
from poise.wire.sse import data_of, events_of

_decode: Final = msgspec.json.Decoder(Chunk).decode
_any: Final = msgspec.json.Decoder().decode
BRACE: Final = 123  # looked at by number: a slice would be an object for each event
CLOSING_BRACE: Final = 125
MOST_BROKEN: Final = 3  # events that are not JSON, in one stream
_EMPTY: Final = (b'""', b"null", b"[]")
_NO_TOKEN: Final = ("role", "refusal", "obfuscation")


class ChatStream:
    """Reads one answer. ``injected``: we asked for usage on the client's behalf, so the client must not see it.

    choices is how many the client asked for: the answer is complete when each of them has ended, or at ``[DONE]``.
    """

    __slots__ = (
        "_choices", "_ended", "_injected", "_spaced", "error", "failure", "fault", "finished", "model", "over",
        "skipped", "started", "usage",
    )  # fmt: skip

    def __init__(self, *, injected: bool, choices: int = 1) -> None:
        self._injected = injected
        self._choices = choices
        self._ended: set[int] = set()
        self._spaced = False  # a vendor that puts blanks behind its colons: each event is parsed, the marks do not fit
        self.skipped = 0
        self.started = False
        self.finished = False
        self.over = False
        self.model = ""
        self.usage: Usage | None = None
        self.error = ""
        self.fault = b""
        self.failure = Failure.MALFORMED

    def feed(self, events: bytes) -> bytes:
        """The events that go on to the client."""
        if (
            self.started
            and not self._spaced
            # find, not in: bytes first try whether what is looked for is a number, and that costs an exception each time
            and events.find(b'"finish_reason":"') < 0
            and events.find(b'"error"') < 0
            and len(events) > 8
            and events[6] == BRACE
            and events[-3] == CLOSING_BRACE
            # one event, or several without [DONE] or half an event between them; one byte is looked for quickest
            and (events.find(b"\n") == len(events) - 2 or events.count(b"\n\ndata: ") == events.count(b"}\n\ndata: {"))
            and (events.isascii() or _readable(events))
        ):
            if events.find(b'"usage":') < 0:
                return events
            if events.find(b'"usage":{') < 0:
                return self._without_null(events)
        kept = []
        for event in events_of(events):
            passed = self._one(event)
            if self.error:
                break  # whatever follows, a [DONE] above all, must not make the answer look complete
            kept.append(passed)
        return b"".join(kept)

    def close(self, tail: bytes) -> bytes:
        """An answer whose last event is not complete is not complete."""
        if tail:
            self.finished = False
        return b""

    def _one(self, event: bytes) -> bytes:
        data = data_of(event)
        if not data:
            return event
        if data == b"[DONE]":
            self.finished = self.over = True
            return event
        if not (data.isascii() or _readable(data)):  # below its top level the decoder takes any bytes
            return self._unreadable(event, data)
        try:
            chunk = _decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return self._unreadable(event, data)
        if bytes(chunk.error) != b"null":
            self.error = bytes(chunk.error).decode(errors="replace")
            self.fault = data
            return b""
        if not self.started and b'"choices": ' in data:
            self._spaced = True
        if chunk.model and not self.model:
            self.model = chunk.model
        if (usage := read_usage(chunk.usage)) is not None:
            self.usage = usage
            if self._injected and not chunk.choices:
                return b""
        for choice in chunk.choices or ():
            if choice.finish_reason:
                self.started = True
                self._ended.add(choice.index or 0)
                self.finished = self.finished or len(self._ended) >= self._choices
            elif not self.started:
                self.started = _says_something(choice)
        return self._without_null(event)

    def _unreadable(self, event: bytes, data: bytes) -> bytes:
        """An event on which a client's own parser would break. One or two are left out; a stream of them is none."""
        if _valid(data):
            return event  # JSON all the same, of a shape that we do not know
        self.skipped += 1
        if self.skipped > MOST_BROKEN:
            self.error = f"more than {MOST_BROKEN} events that are not JSON"
        return b""

    def _without_null(self, events: bytes) -> bytes:
        """Asking for usage puts ``usage: null`` on each chunk; a client that did not ask does not see it."""
        if not self._injected:
            return events
        events = events.replace(b',"usage":null', b"")
        if b'"usage"' not in events:
            return events
        for mark in (b'"usage":null,', b', "usage": null', b'"usage": null, '):
            events = events.replace(mark, b"")
        return events


def _valid(data: bytes) -> bool:
    """Whether it is JSON at all."""
    try:
        _any(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _readable(events: bytes) -> bool:
    try:
        events.decode()
    except UnicodeDecodeError:
        return False
    return True


def _says_something(choice: Choice) -> bool:
    if choice.text:
        return True
    delta = choice.delta or {}
    return any(bytes(raw) not in _EMPTY for name, raw in delta.items() if name not in _NO_TOKEN) or (
        bytes(delta.get("refusal", b"null")) not in _EMPTY
    )
