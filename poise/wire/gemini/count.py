"""countTokens, both ways: how long a prompt is, without an answer to it."""

from __future__ import annotations

import msgspec

from poise.errors import AttemptFailed, Failure
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.part import Json
from poise.wire.gemini import ask_read
from poise.wire.gemini.forms import decode, encode


def read_ask(body: bytes, *, model: str = "") -> Ask:
    """The prompt to be counted: contents alone, or a whole request in generateContentRequest. Raises Error."""
    return ask_read.read(body, model=model, within=("generateContentRequest", "generate_content_request"))


def read_total(body: bytes) -> int:
    """How many tokens an answer says there are. Raises AttemptFailed (MALFORMED)."""
    try:
        raw: Json = decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise AttemptFailed(Failure.MALFORMED, f"the answer is not JSON: {str(bad)[:200]}", status=200) from bad
    total = raw.get("totalTokens") if isinstance(raw, dict) else None
    if not isinstance(total, int):
        raise AttemptFailed(Failure.MALFORMED, f"the answer has no totalTokens: {body[:60]!r}", status=200)
    return total


def write_total(total: int) -> bytes:
    """An answer that says so many tokens."""
    return encode({"totalTokens": total})
