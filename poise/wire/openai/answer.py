"""A whole answer: what it counted and which model says it answered. The bytes go on as they came."""

from __future__ import annotations

import msgspec

from poise.decision import Usage
from poise.errors import AttemptFailed, Failure
from poise.wire.call import Answer, Call
from poise.wire.openai import failure


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class UsageShape(msgspec.Struct):
    """OpenAI's usage object; vendors leave out or null what they do not count."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


_ABSENT = msgspec.Raw(b"null")


class _Shape(msgspec.Struct):
    # Raw | None would be read as None only: msgspec takes a union with Raw for the other member
    model: str | None = None
    usage: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT
    choices: msgspec.Raw = _ABSENT
    data: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_Shape).decode
_decode_usage = msgspec.json.Decoder(UsageShape | None).decode


def read(call: Call, body: bytes) -> Answer:
    """Read a 2xx answer. Raises AttemptFailed: MALFORMED where it is no answer, or what the error inside it means."""
    try:
        shape = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as bad:
        raise AttemptFailed(Failure.MALFORMED, f"200 with a body that is not JSON: {bad}", status=200) from bad
    has_answer = shape.data if call.surface == "embeddings" else shape.choices
    if bytes(has_answer) == b"null":
        if bytes(shape.error) != b"null":
            raise failure.read(200, {}, body)
        missing = "data" if call.surface == "embeddings" else "choices"
        raise AttemptFailed(Failure.MALFORMED, f"200 without {missing}", status=200)
    return Answer(shape.model or "", read_usage(shape.usage))


def read_usage(raw: msgspec.Raw | bytes) -> Usage | None:
    """Usage as counted by the upstream; None where it is null, negative or not in OpenAI's shape."""
    try:
        shape = _decode_usage(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    if shape is None:
        return None
    details = shape.prompt_tokens_details
    counts = (shape.prompt_tokens or 0, shape.completion_tokens or 0, (details and details.cached_tokens) or 0)
    if min(counts) < 0 or max(counts) > 1 << 40:
        return None
    return Usage(*counts)
