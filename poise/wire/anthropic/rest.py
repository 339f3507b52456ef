"""What is left of a JSON object when its modelled fields are taken out, and how it is laid back.

Under FORMAL stands what says nothing to other dialects: fields that are laid back as they were, and marks - keys that
begin with NUL - which remember how a field was written (a bare string, not at all).
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.wire.conversation.part import FORMAL, Json, Rest

NAME: Final = "anthropic"

OUTPUT_FORMAT: Final = "\0output_format"  # the form of the answer stood there, not in output_config
CONTENT_TEXT: Final = "\0content=text"
CONTENT_NONE: Final = "\0content=none"
INPUT_NONE: Final = "\0input=none"
SOURCE_TEXT: Final = "\0source=text"

decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


def lay(out: dict[str, Json], rest: Rest) -> dict[str, Json]:
    """Lay rest over out, marks aside; out is changed and returned."""
    for key, value in rest.items():
        if key != FORMAL or not isinstance(value, dict):
            out[key] = value
            continue
        out.update({name: formal for name, formal in value.items() if not name.startswith("\0")})
    return out


def note(rest: Rest, key: str, value: Json = None) -> None:
    """Keep a field, or a mark, that says nothing to other dialects."""
    formal = rest.setdefault(FORMAL, {})
    if isinstance(formal, dict):
        formal[key] = value


def marked(rest: Rest, mark: str) -> bool:
    """Whether the mark was left."""
    formal = rest.get(FORMAL)
    return isinstance(formal, dict) and mark in formal
