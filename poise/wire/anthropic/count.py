"""``messages/count_tokens``: a request is read as an Ask (``ask_read``); the answer is one figure."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.errors import AttemptFailed, Failure
from poise.wire.anthropic.ask_write import node_of
from poise.wire.anthropic.rest import NAME, decode, encode
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost

# What may be counted. The rest of a request changes no figure, so leaving it out loses nothing.
_COUNTED: Final = frozenset({
    "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config",
})  # fmt: skip


def write_count_ask(ask: Ask, lost: Lost, manner: Manner) -> bytes:
    """The body of a request that counts what ask would be read as."""
    node = node_of(ask, lost, manner)
    if ask.spoken != NAME:
        node = {name: value for name, value in node.items() if name in _COUNTED or name in manner.adds}
    return encode(node)


def read_count(body: bytes) -> int:
    """Tokens. Raises AttemptFailed (MALFORMED)."""
    try:
        node = decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise AttemptFailed(Failure.MALFORMED, f"the count is not JSON: {error}") from error
    count = node.get("input_tokens") if isinstance(node, dict) else None
    if type(count) is not int or count < 0:
        raise AttemptFailed(Failure.MALFORMED, "the answer holds no input_tokens")
    return count


def write_count(tokens: int) -> bytes:
    """The answer's body."""
    return encode({"input_tokens": tokens})
