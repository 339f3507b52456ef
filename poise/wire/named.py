"""Which model a body names that is passed on as it is: at the top level of JSON, in a form, or nowhere."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.errors import Error
from poise.wire.body import fields_of
from poise.wire.multipart import boundary_of
from poise.wire.multipart import fields_of as fields_of_form

MAX_NAME_CHARS: Final = 256
_decode: Final = msgspec.json.Decoder(str).decode


def model_in(body: bytes, content_type: bytes) -> str:
    """The model, '' where none is named.

    Raises Error (invalid_json, duplicate_field, invalid_field) where the body could be read in two ways. Whatever looks
    like JSON is read as JSON, for there are servers that do not look at the content type.
    """
    kind = content_type.partition(b";")[0].strip().lower()
    if kind.startswith(b"multipart/"):
        return _in_form(body, content_type)
    if kind in (b"application/json", b"") or kind.endswith(b"+json") or body.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] == b"{":
        return _in_json(body) if body else ""
    if kind == b"application/x-www-form-urlencoded":
        raise Error("invalid_field", "a url-encoded body is not read", hint="send JSON or multipart/form-data")
    return ""


def _in_json(body: bytes) -> str:
    raw = fields_of(body).get("model")
    if raw is None or bytes(raw) == b"null":
        return ""
    try:
        return _decode(raw)[:MAX_NAME_CHARS]
    except msgspec.DecodeError as bad:
        raise Error("invalid_field", "model is not a string", hint="send model as a string") from bad


def _in_form(body: bytes, content_type: bytes) -> str:
    named = [field for field in fields_of_form(body, boundary_of(content_type)) if field.name == b"model"]
    if len(named) > 1:
        raise Error("duplicate_field", "'model' stands twice in the form", hint="send it once")
    return body[named[0].start : named[0].end][: MAX_NAME_CHARS * 4].decode("utf-8", "replace") if named else ""
