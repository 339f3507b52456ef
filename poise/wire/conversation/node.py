"""JSON objects of a request, read with errors that name the field: for dialects whose reader walks a tree of nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from poise.errors import Error
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.part import Json, Rest

Node = dict[str, Json]
_T = TypeVar("_T")

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode


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


def ask_of(body: bytes, read: Callable[[Node], Ask]) -> Ask:
    """The body's object as read makes an ask of it. Raises Error: invalid_json, invalid_field naming the field."""
    try:
        node = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Error("invalid_json", f"the body is not JSON: {error}", hint="send one JSON object") from error
    if not isinstance(node, dict):
        raise Error("invalid_json", f"the body is {_short(node)}", hint="send one JSON object")
    try:
        return read(node)
    except RecursionError as error:
        raise Error("invalid_json", "the body is nested too deeply", hint="nest less deeply") from error
    except Bad as bad:
        text = f"{bad.where} is {_short(bad.value)}"
        raise Error("invalid_field", text, hint=f"{bad.where} wants {bad.want}") from bad


def take_text(rest: Rest, key: str) -> str:
    """Take a string out of rest; what is no string, or empty, stays there and '' is returned."""
    value = rest.get(key)
    if isinstance(value, str) and value:
        del rest[key]
        return value
    return ""


def take_number(rest: Rest, key: str) -> float | None:
    """Take a number out of rest, None where it is absent or null. Raises Bad."""
    value = rest.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Bad(key, value, "a number")
    del rest[key]
    return value


def take_whole(rest: Rest, key: str) -> int | None:
    """Take a whole number out of rest, None where it is absent or null. Raises Bad."""
    value = rest.get(key)
    if value is None:
        return None
    if type(value) is not int:
        raise Bad(key, value, "a whole number")
    del rest[key]
    return value


def take_words(rest: Rest, key: str) -> list[str]:
    """Take strings out of rest, none where they are absent or null; an empty list stays there. Raises Bad."""
    said = rest.get(key)
    if said is None or said == []:
        return []
    words = [word for word in said if isinstance(word, str)] if isinstance(said, list) else []
    if not isinstance(said, list) or len(words) < len(said):
        raise Bad(key, said, "an array of strings")
    del rest[key]
    return words


def need_text(node: Node, key: str) -> str:
    """The string at key. Raises Bad."""
    value = node.get(key)
    if not isinstance(value, str):
        raise Bad(key, value, "a string")
    return value


def object_of(value: Json) -> Node:
    """value, if it is a JSON object. Raises Bad."""
    if not isinstance(value, dict):
        raise Bad("", value, "an object")
    return value


def list_of(value: Json) -> list[Json]:
    """value, if it is a JSON array. Raises Bad."""
    if not isinstance(value, list):
        raise Bad("", value, "an array")
    return value


def each(value: Json, read: Callable[[Json], _T]) -> list[_T]:
    """The elements of an array as read makes them. Raises Bad, with the place of the one that is bad."""
    found: list[_T] = []
    for at, node in enumerate(list_of(value)):
        try:
            found.append(read(node))
        except Bad as bad:
            raise bad.within(f"[{at}]") from None
    return found


def _short(value: object) -> str:
    try:
        text = _encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        text = type(value).__name__
    return text if len(text) <= 80 else f"{text[:77]}..."
