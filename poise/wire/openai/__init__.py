"""The OpenAI dialect: chat completions and embeddings, the same in and out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from poise.errors import AttemptFailed, Error
from poise.target import Target
from poise.wire.call import Answer, Call, StreamReader
from poise.wire.openai import answer, failure, request
from poise.wire.openai.stream import ChatStream

_PATHS: Final = {"chat": b"/chat/completions", "embeddings": b"/embeddings"}


class OpenAI:
    """``poise.wire.call.Dialect`` for OpenAI chat completions and embeddings. read_failure says what an error answer means;
    name is the door's.
    """

    def __init__(
        self,
        read_failure: Callable[[int, dict[bytes, bytes], bytes, str], AttemptFailed] = failure.read,
        name: str = "openai",
    ) -> None:
        self.name = name
        self._failure = read_failure
        self._models: dict[str, msgspec.Raw] = {}

    def read_call(self, surface: str, body: bytes, model: str = "", stream: bool = False) -> Call:
        return request.read(surface, body)

    def upstream_path(self, surface: str, model: str, stream: bool) -> bytes:
        return _PATHS[surface]

    def upstream_body(self, call: Call, target: Target) -> bytes:
        model = self._models.get(target.upstream_model)
        if model is None:  # bounded by the number of targets in force
            model = self._models[target.upstream_model] = msgspec.Raw(msgspec.json.encode(target.upstream_model))
        return request.write(call, model)

    def read_answer(self, call: Call, body: bytes) -> Answer:
        return answer.read(call, body, self._failure)

    def stream_reader(self, call: Call) -> StreamReader:
        return ChatStream(injected=not call.asks_usage, choices=call.choices)

    def failure(self, status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
        return self._failure(status, headers, body, vendor)

    def error_body(self, error: Error, decision: str) -> bytes:
        return failure.body(error, decision)

    def error_event(self, error: Error, decision: str) -> bytes:
        return b"data: " + failure.body(error, decision) + b"\n\n"
