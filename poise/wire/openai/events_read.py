"""A streamed chat completion, read into events, with what its vendors do differently.

A choice's ending is held back until the stream is over: some vendors say it twice, or go on with usage, sources or
signatures behind it. The answer is complete at ``[DONE]``, or where the bytes end and each choice has ended.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.wire.conversation.answer import Usage
from poise.wire.conversation.event import Counted, Done, Event, Fault, Start
from poise.wire.conversation.part import Json
from poise.wire.openai import ending, usage
from poise.wire.openai.ask_write import NAME
from poise.wire.openai.choice_read import GrowingChoice
from poise.wire.openai.fields import Obj, object_of, text_of
from poise.wire.sse import data_of, events_of

_decode: Final = msgspec.json.Decoder().decode
MAX_CHOICES: Final = 128  # OpenAI's own bound of ``n``


class Stream:
    """``wire.conversation.codec.EventReader`` of this dialect."""

    __slots__ = ("_choices", "_hole", "_id", "_model", "_over", "_sources", "_started", "_usage", "unread")

    def __init__(self) -> None:
        self._choices: dict[int, GrowingChoice] = {}
        self._id = ""
        self._model = ""
        self._started = False
        self._over = False
        self._hole = False  # the last that came could not be read: it may have been an error
        self.unread = 0
        self._usage: Usage | None = None
        self._sources: Json = None

    def feed(self, data: bytes) -> list[Event]:
        """Whole events in, what they mean out; after the end, or a fault, nothing."""
        out: list[Event] = []
        for event in events_of(data):
            if self._over:
                break
            said = data_of(event)
            if said:
                self._one(said, event, out)
            elif event[:1] == b"{":  # an error instead of a stream
                self._one(event.strip(), b"event: error\n", out)
        return out

    def close(self) -> list[Event]:
        """The bytes ended: complete where each choice has said how it ended, for vendors without ``[DONE]``."""
        out: list[Event] = []
        if not (self._over or self._hole) and self._choices and all(choice.said for choice in self._choices.values()):
            self._finish(out)
        return out

    def _one(self, said: bytes, event: bytes, out: list[Event]) -> None:
        if said == b"[DONE]" or said.strip() == b"[DONE]":
            self._finish(out)
            return
        try:
            chunk = _decode(said)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            self.unread += 1
            self._hole = True
            return
        self._hole = False
        if type(chunk) is not dict:
            return
        if not self._started or (not self._model and chunk.get("model")):
            self._start(chunk, out)
        choices = chunk.get("choices")
        if type(choices) is list:
            for raw in choices:
                if type(raw) is dict:
                    self._choice(raw, out)
        if "usage" in chunk or "x_groq" in chunk:
            self._count(chunk, out)
        if "citations" in chunk:
            self._sources = chunk["citations"]
        if "error" in chunk or "choices" not in chunk:
            fault = fault_of(chunk, named=event[:6] == b"event:" and b"error" in event.split(b"\n", 1)[0])
            if fault is not None:
                self._fail(fault, out)

    def _start(self, chunk: Obj, out: list[Event]) -> None:
        id, model, created = text_of(chunk.get("id")), text_of(chunk.get("model")), chunk.get("created")
        if not id and not model and not chunk.get("choices"):
            return  # Azure's first chunk says only what its filters found
        self._started = True
        self._id, self._model = id or self._id, model or self._model
        out.append(Start(self._id, self._model, created if type(created) is int else 0, NAME))

    def _count(self, chunk: Obj, out: list[Event]) -> None:
        said = chunk.get("usage")
        if type(said) is not dict:
            said = object_of(chunk.get("x_groq")).get("usage")
        if type(said) is dict:
            counted = usage.read_stream(said)
            if counted is not None and counted != self._usage:
                self._usage = counted
                out.append(Counted(counted))

    def _choice(self, raw: Obj, out: list[Event]) -> None:
        index = raw.get("index")
        number = index if type(index) is int and 0 <= index < MAX_CHOICES else 0
        choice = self._choices.get(number)
        if choice is None:
            choice = self._choices[number] = GrowingChoice(number)
        delta = raw.get("delta", raw.get("message"))  # a gateway may send the whole message as one chunk
        if type(delta) is dict:
            choice.grow(delta, out)
        said = ending.said_in(raw)
        if said and not choice.said:
            choice.said = said
            choice.native = text_of(raw.get("native_finish_reason"))
            choice.stopped_by = text_of(raw.get("stop_reason"))

    def _finish(self, out: list[Event]) -> None:
        self._over = True
        if not self._choices:
            out.append(Fault("the stream ended without an answer", "empty_stream"))
            return
        for number in sorted(self._choices):
            choice = self._choices[number]
            if type(self._sources) is list:
                choice.cite_urls(self._sources, out)
            choice.finish(out)
        out.append(Done())

    def _fail(self, fault: Fault, out: list[Event]) -> None:
        self._over = True
        out.append(fault)


def fault_of(chunk: Obj, *, named: bool) -> Fault | None:
    """The error that a chunk holds, in any of the vendors' forms; None where it holds none. named: by ``event: error``.

    Known: ``{"error": {...}}``, ``{"error": "text", "code": ...}`` (xAI), ``{"object": "error", "message": ...}``
    (vLLM, Mistral), ``{"message": ...}`` or ``{"detail": ...}`` alone.
    """
    error = chunk.get("error")
    if error is None or error is False:
        if not named and chunk.get("object") != "error" and ("choices" in chunk or not _complains(chunk)):
            return None
        error = chunk
    if type(error) is str:
        error = {**chunk, "message": error}
    if type(error) is not dict:
        return Fault(msgspec.json.encode(error).decode())
    text = error.get("message") or error.get("detail") or error.get("error")
    if type(text) is not str:
        text = msgspec.json.encode(text or error).decode()
    code = error.get("code") or error.get("type") or error.get("error_type") or ""
    status = error.get("status_code", error.get("status", error.get("code")))
    return Fault(
        text,
        str(code) if type(code) is str or type(code) is int else "",
        status if type(status) is int and 100 <= status < 600 else 0,
    )


def _complains(chunk: Obj) -> bool:
    return type(chunk.get("message")) is str or "detail" in chunk
