"""What an answer counted that nobody translates: usage is looked for in JSON and in events, in whichever known shape.

Bounded: a whole answer is looked at up to MAX_WHOLE_BYTES, an event up to one mebibyte; beyond that nothing is counted.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from poise.decision import Usage
from poise.wire.anthropic import usage as anthropic_usage
from poise.wire.gemini import usage as gemini_usage
from poise.wire.images import read_usage as images_usage
from poise.wire.interpret import brief
from poise.wire.openai import usage as openai_usage
from poise.wire.pins_read import (
    CACHED,
    CONTAINER,
    CONVERSATION,
    FILE,
    MAX_ID_CHARS,
    RESPONSE,
    VECTORS,
    cached_name,
    file_name,
)
from poise.wire.responses import usage as responses_usage
from poise.wire.sse import Splitter, TooLong, data_of, events_of

MAX_WHOLE_BYTES: Final = 4 * 1024 * 1024
MAX_MADE_BYTES: Final = 64 * 1024  # what tells of a file, a store or a cache is short
_MARKS: Final = (b'"usage"', b'"usageMetadata"', b'"model"', b'"modelVersion"')
# What a whole answer may say it made or has: OpenAI's word for it, or Anthropic's type.
_KINDS: Final = {
    "file": FILE,
    "vector_store": VECTORS,
    "container": CONTAINER,
    "response": RESPONSE,
    "conversation": CONVERSATION,
}

Obj = dict[str, Any]


class _Shape(msgspec.Struct):
    """The places where a usage may stand; all else is passed over."""

    model: Any = None
    modelVersion: Any = None  # noqa: N815 - Gemini's name
    usage: Any = None
    usageMetadata: Any = None  # noqa: N815 - Gemini's name
    message: Any = None  # Anthropic's first event
    response: Any = None  # the last event of OpenAI's responses
    type: Any = None
    object: Any = None
    id: Any = None
    name: Any = None  # of a file or a cached content of Gemini's
    file: Any = None  # Gemini's, just uploaded


_decode: Final = msgspec.json.Decoder(_Shape).decode


class Meter:
    """Listens to one answer. model and usage are what has been heard so far ('' and None: nothing); made is what lives at
    the provider from now on, its kind and id, where a whole answer is about such a thing.
    """

    def __init__(self, content_type: bytes) -> None:
        kind = content_type.partition(b";")[0].strip().lower()
        self.model = ""
        self.usage: Usage | None = None
        self.made: tuple[str, str] | None = None
        self._splitter = Splitter() if kind == b"text/event-stream" else None
        self._held: list[bytes] | None = [] if kind == b"application/json" or kind.endswith(b"+json") else None
        self._size = 0
        self._said: Obj = {}

    def feed(self, data: bytes) -> None:
        """The next bytes of the answer."""
        if self._held is not None:
            self._size += len(data)
            self._held.append(data)
            if self._size > MAX_WHOLE_BYTES:
                self._held = None
        elif self._splitter is not None:
            try:
                events = self._splitter.feed(data)
            except TooLong:
                self._splitter = None
                return
            if any(mark in events for mark in _MARKS):
                for event in events_of(events):
                    self._hear(data_of(event))

    def close(self) -> None:
        """The answer is complete."""
        if self._held is not None:
            whole = b"".join(self._held)
            self._hear(whole)
            self._held = None
            if len(whole) <= MAX_MADE_BYTES:
                self.made = made_of(whole)

    def _hear(self, data: bytes) -> None:
        if not any(mark in data for mark in _MARKS):
            return
        try:
            shape = _decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return
        for inner in (shape.message, shape.response):
            if isinstance(inner, dict):
                self._note(inner.get("model"), inner.get("usage"))
        self._note(shape.model or shape.modelVersion, shape.usage or shape.usageMetadata)

    def _note(self, model: object, usage: object) -> None:
        if isinstance(model, str) and not self.model:
            self.model = model[:256]
        if isinstance(usage, dict) and usage:
            self._said |= usage  # Anthropic tells of the prompt at the start of a stream, and of the answer at its end
            counted = read_any(self._said)
            self.usage = counted if counted is not None else self.usage


def made_of(whole: bytes) -> tuple[str, str] | None:
    """The kind and id of what an answer is about, where later requests may name it; None where it is about none."""
    try:
        shape = _decode(whole)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    inner = shape.file if isinstance(shape.file, dict) else {}
    name = inner.get("name", shape.name)
    if isinstance(name, str) and len(name) <= MAX_ID_CHARS:
        if cached_name(name).startswith("cachedContents/"):
            return CACHED, cached_name(name)
        if file_name(name):
            return FILE, file_name(name)
    word = shape.object if isinstance(shape.object, str) else shape.type
    kind = _KINDS.get(word) if isinstance(word, str) else None
    if kind is None or not isinstance(shape.id, str) or not 0 < len(shape.id) <= MAX_ID_CHARS:
        return None
    return kind, shape.id


def read_any(said: Obj) -> Usage | None:
    """A usage object of OpenAI's, Anthropic's or Gemini's kind; None where it is none of them."""
    if "promptTokenCount" in said or "totalTokenCount" in said:
        counted = gemini_usage.read(said)
    elif "prompt_tokens" in said or "completion_tokens" in said:
        counted = openai_usage.read(said)
    elif "cache_read_input_tokens" in said or "cache_creation_input_tokens" in said:
        counted = anthropic_usage.read(said)
    elif _pictures(said):
        return images_usage(said)
    elif "input_tokens" in said or "output_tokens" in said:
        counted = responses_usage.read_usage(said)
    else:
        return None
    return None if counted is None else brief(counted)


def _pictures(said: Obj) -> bool:
    details = said.get("output_tokens_details"), said.get("input_tokens_details")
    return any(isinstance(one, dict) and "image_tokens" in one for one in details)
