"""What is left of a JSON object when its meaning has been taken out, and how what cannot be read is told.

A part, item or body is taken apart into fields of the model, a visible ``rest`` (it says something that only this dialect
understands) and a shell: identity, state and spelling, which say nothing to another dialect and are kept under FORMAL.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from poise.wire.conversation.part import FORMAL, Json, Rest

Object: TypeAlias = dict[str, Json]

NAME: Final = "responses"
MADE: Final = "poise"  # ids made here carry it: nothing lives at a provider under them
_MAX_SHOWN: Final = 60

decode: Final = msgspec.json.Decoder().decode
encode: Final = msgspec.json.Encoder().encode


class Unreadable(ValueError):
    """A value that this dialect does not allow at its place; whoever decoded it says whose fault that is."""

    def __init__(self, path: str, value: Json, hint: str) -> None:
        super().__init__(f"{path} is {_short(value)}")
        self.path = path
        self.hint = hint


def text_at(value: Object, key: str, path: str) -> str:
    """The string under a key. Raises Unreadable."""
    found = value.get(key)
    if not isinstance(found, str):
        raise Unreadable(f"{path}.{key}", found, "send a string")
    return found


def object_at(value: Json, path: str) -> Object:
    """The value, which must be an object. Raises Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable(path, value, "send an object")
    return value


def list_at(value: Json, path: str) -> list[Json]:
    """The value, which must be a list. Raises Unreadable."""
    if not isinstance(value, list):
        raise Unreadable(path, value, "send a list")
    return value


def shell_of(rest: Rest, what: str) -> Object | None:
    """The shell called what, where this dialect left one."""
    formal = rest.get(FORMAL)
    if not isinstance(formal, dict):
        return None
    shell = formal.get(what)
    return shell if isinstance(shell, dict) else None


def with_shell(rest: Rest, what: str, shell: Object) -> Rest:
    """The rest with a shell added to it."""
    formal = rest.get(FORMAL)
    return {**rest, FORMAL: {**formal, what: shell} if isinstance(formal, dict) else {what: shell}}


def seen(rest: Rest) -> Rest:
    """The rest without its shells."""
    return {name: value for name, value in rest.items() if name != FORMAL} if FORMAL in rest else rest


def _short(value: Json) -> str:
    if value is None:
        return "missing or null"
    shown = encode(value).decode(errors="replace")
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}..."
