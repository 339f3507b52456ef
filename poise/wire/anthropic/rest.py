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


class Bad(Exception):
    """A field that is not what this dialect says there. where grows from the inside out: ``messages[2].content[0]``."""

    def __init__(self, where: str, value: object, want: str) -> None:
        super().__init__(where)
        self.where = where
        self.value = value
        self.want = want

    def within(self, outer: str) -> Bad:
        """The same, seen from one level further out."""
        inner = self.where
        self.where = outer if not inner else f"{outer}{inner}" if inner.startswith("[") else f"{outer}.{inner}"
        return self


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


def take_text(rest: Rest, key: str) -> str:
    """Take a string out of rest; what is no string, or empty, stays there and '' is returned."""
    value = rest.get(key)
    if isinstance(value, str) and value:
        del rest[key]
        return value
    return ""


def need_text(node: dict[str, Json], key: str) -> str:
    """The string at key. Raises Bad."""
    value = node.get(key)
    if not isinstance(value, str):
        raise Bad(key, value, "a string")
    return value


def object_of(value: Json) -> dict[str, Json]:
    """value, if it is a JSON object. Raises Bad."""
    if not isinstance(value, dict):
        raise Bad("", value, "an object")
    return value


def list_of(value: Json) -> list[Json]:
    """value, if it is a JSON array. Raises Bad."""
    if not isinstance(value, list):
        raise Bad("", value, "an array")
    return value
