"""A vendor's dialect at a cloud that hosts its models: the path names the model, and the body says a few things otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from poise.decision import Usage
from poise.errors import AttemptFailed, Error, Failure
from poise.target import Target
from poise.wire import counting
from poise.wire.body import encode
from poise.wire.call import Answer, Call, Dialect
from poise.wire.conversation.codec import Codec, Manner
from poise.wire.conversation.lost import Lost
from poise.wire.embed import (
    BATCH,
    Embedded,
    Embeddings,
    Wanted,
    matching,
    read_gemini,
    read_openai,
    write_answer_gemini,
    write_answer_openai,
)
from poise.wire.path import in_path
from poise.wire.skim import Shape
from poise.wire.spoken import Errors, Spoken

_decode: Final = msgspec.json.Decoder().decode
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

# Claude at Vertex: the body says the version and not the model (recordings vertex.anthropic_rawPredict).
VERTEX_CLAUDE: Final = Manner(adds={"anthropic_version": "vertex-2023-10-16"}, lacks=frozenset({"model"}))
_VERSION: Final = {name: msgspec.Raw(encode(value)) for name, value in VERTEX_CLAUDE.adds.items()}
_COUNTED: Final = ("contents", "systemInstruction", "tools", "generationConfig")  # Vertex's CountTokensRequest


def claude_path(model: str, stream: bool) -> bytes:
    """Claude's at Vertex, behind ``publishers/anthropic``."""
    return f"/models/{in_path(model)}:{'streamRawPredict' if stream else 'rawPredict'}".encode()


class Hosted(Spoken):
    """A dialect whose body lacks and adds what manner says; for callers of the same dialect."""

    def __init__(
        self, codec: Codec, shape: Shape, errors: Errors, path: Callable[[str, bool], bytes], manner: Manner
    ) -> None:
        super().__init__(codec, shape, errors, path)
        self._lacks = manner.lacks
        self._adds = {name: msgspec.Raw(encode(value)) for name, value in manner.adds.items()}

    def upstream_body(self, call: Call, target: Target) -> bytes:
        return encode(self._adds | {name: raw for name, raw in call.fields.items() if name not in self._lacks})


class VertexCounting(counting.Counting):
    """Counts of tokens at Vertex."""

    def upstream_path(self, surface: str, model: str, stream: bool) -> bytes:
        if surface == counting.ANTHROPIC:
            return b"/models/count-tokens:rawPredict"
        return super().upstream_path(surface, model, stream)

    def upstream_body(self, call: Call, target: Target) -> bytes:
        """Claude's body names its model here; Gemini's request is not wrapped, and says only what is counted."""
        if call.surface == counting.ANTHROPIC:
            return encode(_VERSION | call.fields | {"model": msgspec.Raw(encode(target.upstream_model))})
        inner = call.fields.get("generateContentRequest")
        if inner is None:
            return encode(call.fields)
        try:
            fields = _fields(inner)
        except msgspec.DecodeError as bad:
            raise Error("invalid_field", "generateContentRequest is not an object", hint="send an object") from bad
        return encode({name: fields[name] for name in _COUNTED if name in fields})


class VertexEmbeddings(Embeddings):
    """Embeddings by Vertex's ``predict``: recordings vertex.predict."""

    def __init__(self, name: str, front: Dialect, back: Dialect) -> None:
        super().__init__(name, front, back)
        self._openai = front.name == "openai"

    def upstream_path(self, surface: str, model: str, stream: bool) -> bytes:
        return f"/models/{in_path(model)}:predict".encode()

    def upstream_body(self, call: Call, target: Target) -> bytes:
        lost = call.lost = Lost()
        call.served = target.upstream_model
        wanted = self._wanted(call, lost)
        asked: dict[str, Any] = {"instances": [{"content": text} for text in wanted.texts]}
        if wanted.dimensions is not None:
            asked["parameters"] = {"outputDimensionality": wanted.dimensions}
        return encode(asked)

    def read_answer(self, call: Call, body: bytes) -> Answer:
        found = read_predictions(body)
        wanted = matching(found, self._wanted(call, Lost()))
        usage = Usage(found.tokens, 0) if found.tokens else None
        if not self._openai:
            return Answer("", usage, encode(write_answer_gemini(found, batch=self.name == BATCH)))
        return Answer("", usage, encode(write_answer_openai(found, wanted, call.served or call.model)))

    def _wanted(self, call: Call, lost: Lost) -> Wanted:
        body: dict[str, Any] = _decode(encode(call.fields))
        if not self._openai:
            return read_gemini(body, lost)
        lost.rest("", {"user": body.get("user")})
        return read_openai(body)


def read_predictions(body: bytes) -> Embedded:
    """Vertex's answer. Raises AttemptFailed (MALFORMED)."""
    try:
        rows = [row["embeddings"] for row in _decode(body)["predictions"]]
        vectors = [[float(value) for value in row["values"]] for row in rows]
        counts = [row.get("statistics", {}).get("token_count") for row in rows]
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError, ValueError, AttributeError) as bad:
        raise AttemptFailed(Failure.MALFORMED, f"200 without embeddings: {bad!r}", status=200) from bad
    return Embedded(vectors, sum(int(count) for count in counts if type(count) in (int, float) and count > 0))
