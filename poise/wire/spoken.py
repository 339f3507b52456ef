"""A dialect made of its codec: as a client's door, as a target's tongue, and between a client's and a target's.

OpenAI chat has a hand-made dialect of its own for same in and out (``wire.openai``); ``Spoken`` serves every other, and
``Interpreter`` every pair of two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from poise.errors import AttemptFailed, Error
from poise.target import Target
from poise.wire.asked import ask_of
from poise.wire.body import encode
from poise.wire.call import Answer, Call, Dialect, StreamReader
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import Codec, Manner
from poise.wire.conversation.lost import Lost
from poise.wire.interpret import Translating, Verbatim, brief
from poise.wire.skim import Shape, skim


class Errors(NamedTuple):
    """Errors of one dialect: reading an upstream's, writing ours whole and inside a stream."""

    read: Callable[[int, dict[bytes, bytes], bytes, str], AttemptFailed]
    body: Callable[[Error, str], bytes]
    event: Callable[[Error, str], bytes]


class Spoken:
    """One dialect, same in and out (``poise.wire.call.Dialect``). path makes the path from model and stream."""

    def __init__(
        self, codec: Codec, shape: Shape, errors: Errors, path: Callable[[str, bool], bytes], *, name: str = ""
    ) -> None:
        self.name = name or codec.name
        self.codec = codec
        self._shape = shape
        self._errors = errors
        self._path = path
        self._models: dict[str, msgspec.Raw] = {}

    def read_call(self, surface: str, body: bytes, model: str = "", stream: bool = False) -> Call:
        """Skim a client's body."""
        return skim(self._shape, surface, body, model=model, stream=stream)

    def upstream_path(self, surface: str, model: str, stream: bool) -> bytes:
        return self._path(model, stream)

    def upstream_body(self, call: Call, target: Target) -> bytes:
        if self._shape.in_path:
            return encode(call.fields)
        model = self._models.get(target.upstream_model)
        if model is None:  # bounded by the number of targets in force
            model = self._models[target.upstream_model] = msgspec.Raw(encode(target.upstream_model))
        return encode(call.fields | {"model": model})

    def read_answer(self, call: Call, body: bytes) -> Answer:
        answer = self.codec.read_answer(body)
        return Answer(answer.model, brief(answer.usage) if answer.usage is not None else None)

    def stream_reader(self, call: Call) -> StreamReader:
        return Verbatim(self.codec.event_reader())

    def failure(self, status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
        return self._errors.read(status, headers, body, vendor)

    def error_body(self, error: Error, decision: str) -> bytes:
        return self._errors.body(error, decision)

    def error_event(self, error: Error, decision: str) -> bytes:
        return self._errors.event(error, decision)


class Asked(NamedTuple):
    """A call in the target's words, and what it lost on the way."""

    body: bytes
    lost: Lost


class Interpreter:
    """A client of one dialect before a target of another (``poise.wire.call.Dialect``, but for reading calls)."""

    def __init__(self, front: Dialect, front_codec: Codec, back: Dialect, back_codec: Codec, manner: Manner) -> None:
        self.name = back.name
        self._front = front
        self._front_codec = front_codec
        self._back = back
        self._back_codec = back_codec
        self._manner = manner

    def read_call(self, surface: str, body: bytes, model: str = "", stream: bool = False) -> Call:
        return self._front.read_call(surface, body, model, stream)

    def ask(self, call: Call) -> Ask:
        """The call as the conversation in the middle; read once, however many targets are tried."""
        return ask_of(call, self._front_codec)

    def asked(self, call: Call, target: Target) -> Asked:
        """The call in the target's dialect. Raises Error invalid_field where the caller's body cannot be read."""
        lost = Lost()
        try:
            ask = msgspec.structs.replace(self.ask(call), model=target.upstream_model)
            return Asked(self._back_codec.write_ask(ask, lost, self._manner), lost)
        except RecursionError as bad:  # what was read just below the bound may be beyond it here, some frames deeper
            raise Error("invalid_json", "the body is nested too deep", hint="keep JSON under 900 levels") from bad

    def upstream_path(self, surface: str, model: str, stream: bool) -> bytes:
        return self._back.upstream_path(surface, model, stream)

    def upstream_body(self, call: Call, target: Target) -> bytes:
        asked = self.asked(call, target)
        call.lost = asked.lost
        call.served = target.upstream_model
        return asked.body

    def read_answer(self, call: Call, body: bytes) -> Answer:
        answer = self._back_codec.read_answer(body)
        answer.model = answer.model or call.served
        lost = call.lost = call.lost or Lost()
        written = self._front_codec.write_answer(answer, lost, self.ask(call))
        return Answer(answer.model, brief(answer.usage) if answer.usage is not None else None, written)

    def stream_reader(self, call: Call) -> StreamReader:
        lost = call.lost = call.lost or Lost()  # what the stream loses is on the record as well
        writer = self._front_codec.event_writer(self.ask(call), lost)
        return Translating(self._back_codec.event_reader(), writer, lost, call.served)

    def failure(self, status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
        return self._back.failure(status, headers, body, vendor)

    def error_body(self, error: Error, decision: str) -> bytes:
        return self._front.error_body(error, decision)

    def error_event(self, error: Error, decision: str) -> bytes:
        return self._front.error_event(error, decision)
