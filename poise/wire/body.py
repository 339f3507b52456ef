"""The top level of a JSON body: decoded field by field, what stands below stays as it was sent.

Duplicates at the top level are refused: two readers of one body must never see two requests.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.errors import Error

MAX_NAME_CHARS: Final = 256
TRUE: Final = b"true"
FALSE: Final = b"false"
NULL: Final = b"null"

_decode: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text: Final = msgspec.json.Decoder(str).decode
_count: Final = msgspec.json.Decoder(int | None).decode
_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
encode: Final = msgspec.json.Encoder().encode


class _Key:
    """A key that equals no other, so that a mapping keeps both of a pair."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_decode_all: Final = msgspec.json.Decoder(dict[_Key, msgspec.Raw], dec_hook=lambda _type, text: _Key(text)).decode


def fields_of(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of one JSON object. Raises Error: invalid_json, duplicate_field."""
    try:
        fields = _decode(body)
        if not body.isascii():
            body.decode()  # msgspec leaves raw values unchecked
    except UnicodeDecodeError as bad:
        raise Error("invalid_json", f"the body is not UTF-8 at byte {bad.start}", hint="send UTF-8") from bad
    except RecursionError as bad:
        raise Error("invalid_json", "the body is nested too deep", hint="keep JSON under about 1000 levels") from bad
    except msgspec.DecodeError as bad:
        raise Error("invalid_json", f"the body is not a JSON object: {bad}", hint="send one JSON object") from bad
    if len(encode(fields)) != len(body):
        # Equal lengths prove that nothing was left out. Otherwise it may be white space or escapes: look key by key.
        _refuse_duplicates(body)
    return fields


def whole_number(fields: dict[str, msgspec.Raw], name: str) -> int:
    """A count, 0 where it is absent or null. Raises Error invalid_field."""
    raw = fields.get(name)
    if raw is None:
        return 0
    try:
        return min(max(_count(raw) or 0, 0), 1 << 40)
    except msgspec.DecodeError as bad:
        raise Error("invalid_field", f"{name} is {short(raw)}, not a whole number", hint="send 1 or more") from bad


def flag(fields: dict[str, msgspec.Raw], name: str) -> bool:
    """True or false, false where it is absent or null. Raises Error invalid_field."""
    raw = fields.get(name)
    if raw is None:
        return False
    said = bytes(raw)
    if said == TRUE:
        return True
    if said not in (FALSE, NULL):
        raise Error("invalid_field", f"{name} is {short(raw)}, not true or false", hint="send a JSON boolean")
    return False


def object_of(raw: msgspec.Raw | None, name: str) -> dict[str, msgspec.Raw]:
    """A nested object's fields, none where it is absent or null. Raises Error invalid_field."""
    if raw is None:
        return {}
    try:
        return _object(raw) or {}
    except msgspec.DecodeError as bad:
        raise Error("invalid_field", f"{name} is {short(raw)}, not an object", hint="send an object") from bad


def string(raw: msgspec.Raw, name: str) -> str:
    """A name. Raises Error invalid_field where it is no string, or longer than MAX_NAME_CHARS."""
    try:
        value = _text(raw)
    except msgspec.DecodeError as bad:
        raise Error("invalid_field", f"{name} is {short(raw)}, not a string", hint=f"send {name} as a string") from bad
    if len(value) > MAX_NAME_CHARS:
        raise Error("invalid_field", f"{name} has {len(value)} characters, at most {MAX_NAME_CHARS}", hint="shorten it")
    return value


def short(raw: msgspec.Raw) -> str:
    """A bad value as a person is shown it."""
    return bytes(raw)[:40].decode(errors="replace")


def _refuse_duplicates(body: bytes) -> None:
    seen: set[str] = set()
    for key in _decode_all(body):
        if key.text in seen:
            raise Error("duplicate_field", f"{key.text[:64]!r} stands twice in the body", hint="send each field once")
        seen.add(key.text)
