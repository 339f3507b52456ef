"""A whole answer: what it counted and which model says it answered. The bytes go on as they came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from poise.decision import Usage
from poise.errors import AttemptFailed, Failure
from poise.wire.call import Answer, Call
from poise.wire.openai import failure
from poise.wire.openai.shape import UsageShape, Whole

MAX_TOKENS: Final = 1 << 40  # a count beyond it is no count

_decode: Final = msgspec.json.Decoder(Whole).decode
_decode_usage: Final = msgspec.json.Decoder(UsageShape | None).decode


def read(
    call: Call,
    body: bytes,
    read_failure: Callable[[int, dict[bytes, bytes], bytes, str], AttemptFailed] = failure.read,
) -> Answer:
    """Read a 2xx answer. Raises AttemptFailed: MALFORMED where it is no answer, or what the error inside it means."""
    try:
        shape = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as bad:
        raise AttemptFailed(Failure.MALFORMED, f"200 with a body that is not JSON: {bad}", status=200) from bad
    has_answer = shape.data if call.surface == "embeddings" else shape.choices
    if bytes(has_answer) == b"null":
        if bytes(shape.error) != b"null":
            raise read_failure(200, {}, body, "")
        missing = "data" if call.surface == "embeddings" else "choices"
        raise AttemptFailed(Failure.MALFORMED, f"200 without {missing}", status=200)
    return Answer(shape.model or "", read_usage(shape.usage))


def read_usage(raw: msgspec.Raw | bytes) -> Usage | None:
    """Usage as counted by the upstream; None where it is null, zero, negative or not in OpenAI's shape."""
    try:
        shape = _decode_usage(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    if shape is None:
        return None
    details = shape.prompt_tokens_details
    asked: int = shape.prompt_tokens or 0
    said: int = shape.completion_tokens or 0
    cached: int = 0 if details is None else details.cached_tokens or 0
    total: int = shape.total_tokens or 0
    if asked < 0 or said < 0 or cached < 0 or max(asked, said, cached, total) > MAX_TOKENS:
        return None
    written = shape.completion_tokens_details
    thought: int = 0 if written is None else written.reasoning_tokens or 0
    if thought > 0 and total == asked + said + thought:
        said += thought  # xAI and Vercel's gateway count thought beside what was written, and charge it alike
    sound: int = 0 if details is None else details.audio_tokens or 0
    if not (asked or said):
        return None  # nothing is answered without a token
    sure = not total or total == asked + said or total == asked + said + sound  # Mistral's sound is beside the prompt
    return Usage(asked, said, min(cached, asked), audio_input=max(0, min(sound, asked - cached)), sure=sure)
