"""Arguments of tool calls, for dialects that hold an object where the model wrote text."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.wire.conversation.part import Json, ToolCall

_decode: Final = msgspec.json.Decoder().decode


def arguments_of(part: ToolCall) -> Json:
    """The arguments as JSON; text that is none, or free text, is put into an object as ``input``."""
    if part.free:
        return {"input": part.arguments}
    if not part.arguments:
        return {}
    try:
        return _decode(part.arguments)  # type: ignore[no-any-return]  # msgspec decodes to Any without a type
    except (msgspec.DecodeError, RecursionError):
        return {"input": part.arguments}


def is_object(part: ToolCall) -> bool:
    """Whether the arguments are a JSON object, as such a dialect wants them."""
    if part.free:
        return False
    try:
        return not part.arguments or isinstance(_decode(part.arguments), dict)
    except (msgspec.DecodeError, RecursionError):
        return False
