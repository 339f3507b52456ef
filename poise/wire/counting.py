"""Counting a prompt's tokens: Anthropic's ``messages/count_tokens`` and Gemini's ``countTokens``.

A target of the caller's dialect counts itself; for every other the answer is the estimate that decisions use.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.decision import Usage
from poise.errors import AttemptFailed, Error
from poise.target import Target
from poise.wire.anthropic import count as anthropic_count
from poise.wire.body import encode
from poise.wire.call import Answer, Call, Dialect, StreamReader
from poise.wire.gemini import count as gemini_count
from poise.wire.path import in_path

ANTHROPIC: Final = "count_tokens"  # the names of surfaces: each vendor's own
GEMINI: Final = "countTokens"
SURFACES: Final = (ANTHROPIC, GEMINI)
NOTE: Final = b"x-poise-note: estimated, because no candidate counts tokens for this API\r\n"

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def estimate(surface: str, tokens: int) -> bytes:
    """An answer in the caller's shape."""
    return anthropic_count.write_count(tokens) if surface == ANTHROPIC else gemini_count.write_total(tokens)


class Counting:
    """A count at a target of the caller's own dialect (``poise.wire.call.Dialect``); chat is that dialect's."""

    def __init__(self, name: str, chat: Dialect) -> None:
        self.name = name
        self._chat = chat

    def read_call(self, surface: str, body: bytes, model: str = "", stream: bool = False) -> Call:
        call = self._chat.read_call(surface, body, model)
        call.stream = False  # a count is whole, whatever the request that is counted would be
        return call

    def upstream_path(self, surface: str, model: str, stream: bool) -> bytes:
        if surface == ANTHROPIC:
            return b"/v1/messages/count_tokens"
        return f"/models/{in_path(model)}:countTokens".encode()

    def upstream_body(self, call: Call, target: Target) -> bytes:
        inner = call.fields.get("generateContentRequest")
        if call.surface == ANTHROPIC or inner is None:
            return self._chat.upstream_body(call, target)
        try:
            named = _fields(inner) | {"model": msgspec.Raw(encode(f"models/{target.upstream_model}"))}
        except msgspec.DecodeError as bad:
            raise Error("invalid_field", "generateContentRequest is not an object", hint="send an object") from bad
        return encode(call.fields | {"generateContentRequest": msgspec.Raw(encode(named))})

    def read_answer(self, call: Call, body: bytes) -> Answer:
        """A count is free: it uses no tokens."""
        anthropic_count.read_count(body) if call.surface == ANTHROPIC else gemini_count.read_total(body)
        return Answer("", Usage(0, 0))

    def stream_reader(self, call: Call) -> StreamReader:
        raise AssertionError("counts do not stream")

    def failure(self, status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
        return self._chat.failure(status, headers, body, vendor)

    def error_body(self, error: Error, decision: str) -> bytes:
        return self._chat.error_body(error, decision)

    def error_event(self, error: Error, decision: str) -> bytes:
        return self._chat.error_event(error, decision)
