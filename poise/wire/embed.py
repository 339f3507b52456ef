"""Embeddings between OpenAI's ``/embeddings`` and Gemini's ``embedContent`` and ``batchEmbedContents``, both ways.

Texts go in and vectors come out: there is no conversation, so this is a small translation of its own. What has no
counterpart (``taskType``, ``title``) is noted as lost.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from typing import Any, Final, NamedTuple

import msgspec

from poise.decision import Usage
from poise.errors import AttemptFailed, Error, Failure
from poise.target import Target
from poise.wire.body import encode, fields_of
from poise.wire.call import Answer, Call, Dialect, StreamReader
from poise.wire.conversation.lost import Lost
from poise.wire.openai.answer import read_usage
from poise.wire.path import in_path

Obj = dict[str, Any]
SINGLE: Final = "gemini-embed"
BATCH: Final = "gemini-embeds"

_decode: Final = msgspec.json.Decoder().decode
_SAID_ELSEWHERE: Final = frozenset({"model", "content", "outputDimensionality", "output_dimensionality"})


class Wanted(NamedTuple):
    """What is to be embedded. packed: vectors as base64 of 32-bit floats."""

    texts: list[str]
    dimensions: int | None
    packed: bool = False


class Embedded(NamedTuple):
    """What came of it, in the order of the texts."""

    vectors: list[list[float]]
    tokens: int


def read_openai(body: Obj) -> Wanted:
    """OpenAI's request. Raises Error (invalid_field)."""
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise Error("invalid_field", "input is not text or a list of texts", hint="tokens can be sent to no other API")
    if not texts:
        raise Error("invalid_field", "input is an empty list", hint="send at least one text")
    return Wanted(texts, _size(body.get("dimensions"), "dimensions"), body.get("encoding_format") == "base64")


def write_openai(wanted: Wanted, model: str) -> Obj:
    """OpenAI's request."""
    body: Obj = {"model": model, "input": wanted.texts, "encoding_format": "float"}
    return body if wanted.dimensions is None else body | {"dimensions": wanted.dimensions}


def read_gemini(body: Obj, lost: Lost) -> Wanted:
    """Gemini's request, one or a batch. Raises Error (invalid_field)."""
    texts: list[str] = []
    sizes: set[int | None] = set()
    for at, one in enumerate(_requests(body) if "requests" in body else [body]):
        where = f"requests[{at}]" if "requests" in body else "content"
        texts.append(_text(one.get("content"), where, lost))
        size = one.get("outputDimensionality", one.get("output_dimensionality"))
        sizes.add(_size(size, f"{where}.outputDimensionality"))
        lost.rest(where, {name: value for name, value in one.items() if name not in _SAID_ELSEWHERE})
    if len(sizes) > 1:
        raise Error("invalid_field", "outputDimensionality differs within the batch", hint="send one size a batch")
    return Wanted(texts, sizes.pop())


def write_gemini(wanted: Wanted, model: str) -> Obj:
    """Gemini's request: always a batch."""
    more: Obj = {} if wanted.dimensions is None else {"outputDimensionality": wanted.dimensions}
    name = f"models/{model}"
    return {"requests": [{"model": name, "content": {"parts": [{"text": text}]}, **more} for text in wanted.texts]}


def read_answer_openai(body: bytes) -> Embedded:
    """OpenAI's answer. Raises AttemptFailed (MALFORMED)."""
    tree = _tree(body)
    try:
        rows = sorted(tree["data"], key=lambda row: row.get("index", 0))
        vectors = [_unpacked(row["embedding"]) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as bad:
        raise AttemptFailed(Failure.MALFORMED, f"200 without embeddings: {bad!r}", status=200) from bad
    usage = read_usage(msgspec.Raw(encode(tree.get("usage"))))
    return Embedded(vectors, usage.input_tokens if usage is not None else 0)


def write_answer_openai(found: Embedded, wanted: Wanted, model: str) -> Obj:
    """OpenAI's answer."""
    data = [
        {"object": "embedding", "index": at, "embedding": _packed(vector) if wanted.packed else vector}
        for at, vector in enumerate(found.vectors)
    ]
    usage = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def read_answer_gemini(body: bytes) -> Embedded:
    """Gemini's answer, one or a batch. Raises AttemptFailed (MALFORMED)."""
    tree = _tree(body)
    try:
        rows = tree["embeddings"] if "embeddings" in tree else [tree["embedding"]]
        vectors = [[float(value) for value in row["values"]] for row in rows]
    except (KeyError, TypeError, ValueError) as bad:
        raise AttemptFailed(Failure.MALFORMED, f"200 without embeddings: {bad!r}", status=200) from bad
    usage = tree.get("usageMetadata")
    count = usage.get("promptTokenCount") if isinstance(usage, dict) else None
    return Embedded(vectors, count if type(count) is int and count >= 0 else 0)


def write_answer_gemini(found: Embedded, *, batch: bool) -> Obj:
    """Gemini's answer."""
    values = [{"values": vector} for vector in found.vectors]
    more: Obj = {"usageMetadata": {"promptTokenCount": found.tokens}} if found.tokens else {}
    return ({"embeddings": values} if batch else {"embedding": values[0]}) | more


def matching(found: Embedded, wanted: Wanted) -> Wanted:
    """What was wanted, where each text has its vector: they are told apart by their order. Else raises AttemptFailed."""
    if len(found.vectors) != len(wanted.texts):
        text = f"{len(found.vectors)} embeddings of {len(wanted.texts)} texts"
        raise AttemptFailed(Failure.MALFORMED, text, status=200)
    return wanted


class Embeddings:
    """Embeddings for a caller of front at a target of back (``poise.wire.call.Dialect``). name is the caller's door."""

    def __init__(self, name: str, front: Dialect, back: Dialect) -> None:
        self.name = name
        self._front = front
        self._back = back
        self._to_gemini = back.name.startswith("gemini")

    def read_call(self, surface: str, body: bytes, model: str = "", stream: bool = False) -> Call:
        if self._front.name == "openai":
            return self._front.read_call(surface, body, model, stream)
        call = Call(surface, fields_of(body), model)
        needed = "requests" if self.name == BATCH else "content"
        if needed not in call.fields:
            raise Error("invalid_field", f"the body has no {needed}", hint=f"send {needed!r}")
        call.tokens = len(body) // 4 + 1
        return call

    def upstream_path(self, surface: str, model: str, stream: bool) -> bytes:
        if not self._to_gemini:
            return self._back.upstream_path(surface, model, stream)
        method = "embedContent" if self.name == SINGLE else "batchEmbedContents"
        return f"/models/{in_path(model)}:{method}".encode()

    def upstream_body(self, call: Call, target: Target) -> bytes:
        body: Obj = _decode(encode(call.fields))
        lost = call.lost = Lost()
        call.served = target.upstream_model
        if self._same:
            return encode(_named(body, target.upstream_model))
        if self._to_gemini:
            lost.rest("", {"user": body.get("user")})
            return encode(write_gemini(read_openai(body), target.upstream_model))
        return encode(write_openai(read_gemini(body, lost), target.upstream_model))

    def read_answer(self, call: Call, body: bytes) -> Answer:
        found = read_answer_gemini(body) if self._to_gemini else read_answer_openai(body)
        if not found.vectors:
            raise AttemptFailed(Failure.MALFORMED, "200 without embeddings", status=200)
        usage = Usage(found.tokens, 0) if found.tokens else None
        if self._same:
            return Answer("", usage)
        asked: Obj = _decode(encode(call.fields))
        if self._to_gemini:
            wanted = matching(found, read_openai(asked))
            return Answer("", usage, encode(write_answer_openai(found, wanted, call.served or call.model)))
        matching(found, read_gemini(asked, Lost()))
        return Answer("", usage, encode(write_answer_gemini(found, batch=self.name == BATCH)))

    def stream_reader(self, call: Call) -> StreamReader:
        raise AssertionError("embeddings do not stream")

    def failure(self, status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
        return self._back.failure(status, headers, body, vendor)

    def error_body(self, error: Error, decision: str) -> bytes:
        return self._front.error_body(error, decision)

    def error_event(self, error: Error, decision: str) -> bytes:
        return self._front.error_event(error, decision)

    @property
    def _same(self) -> bool:
        return self._to_gemini and self._front.name.startswith("gemini")


def _requests(body: Obj) -> list[Obj]:
    """A batch's requests. Each has one vector in the answer, in order, so none can be left out."""
    requests = body["requests"]
    if not isinstance(requests, list) or not requests:
        raise Error("invalid_field", "requests is not a list of requests", hint="send at least one")
    for at, one in enumerate(requests):
        if not isinstance(one, dict):
            raise Error("invalid_field", f"requests[{at}] is not an object", hint='send {"content": {...}}')
    return requests


def _named(body: Obj, model: str) -> Obj:
    """Gemini's own request, with the target's name for the model wherever the model is named."""
    if "requests" in body:
        return body | {"requests": [_named(one, model) for one in _requests(body)]}
    return body | {"model": f"models/{model}"}


def _text(content: object, where: str, lost: Lost) -> str:
    if isinstance(content, str):
        return content
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        raise Error("invalid_field", f"{where} has no content with parts", hint='send {"parts": [{"text": "..."}]}')
    texts: list[str] = []
    for at, part in enumerate(parts):
        text = part.get("text") if isinstance(part, dict) else None
        if isinstance(text, str):
            texts.append(text)
        else:
            lost.add(f"{where}.parts[{at}]", "only text can be embedded there")
    return "\n".join(texts)


def _size(value: object, name: str) -> int | None:
    if value is None:
        return None
    if type(value) is not int or value < 1:
        raise Error("invalid_field", f"{name} is {str(value)[:40]!r}, not a size", hint="send a whole number")
    return value


def _tree(body: bytes) -> Obj:
    try:
        tree = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise AttemptFailed(Failure.MALFORMED, f"200 with a body that is not JSON: {bad}", status=200) from bad
    if not isinstance(tree, dict):
        raise AttemptFailed(Failure.MALFORMED, "200 without embeddings", status=200)
    return tree


def _packed(vector: list[float]) -> str:
    return b64encode(array("f", vector).tobytes()).decode()


def _unpacked(vector: object) -> list[float]:
    """Numbers, or base64 of 32-bit floats where a server sends that unasked."""
    if isinstance(vector, str):
        return list(array("f", b64decode(vector)))
    if not isinstance(vector, list):
        raise TypeError("an embedding is a list of numbers")
    return [float(value) for value in vector]
