"""Answers of the Open Inference Protocol: checked for being one, and sent on as the bytes they are.

Only metadata is written anew: there ``name`` is what the caller asked for. An answer to ``infer`` keeps ``model_name``,
``model_version`` and ``id`` as the server said them: the model that really answered.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.decision import Usage
from poise.errors import AttemptFailed, Error, Failure
from poise.wire.body import encode
from poise.wire.call import Answer, Call
from poise.wire.oip.failure import read as read_failure
from poise.wire.oip.finite import finite, is_beyond_json
from poise.wire.oip.request import HEADER, METADATA, json_bytes_of

_NAME_CHARS: Final = 256


class _Infer(msgspec.Struct):
    model_name: str = ""
    outputs: list[msgspec.Raw] | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode: Final = msgspec.json.Decoder(_Infer).decode
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text: Final = msgspec.json.Decoder(str).decode


def read_answer(call: Call, body: bytes) -> Answer:
    """Read a 2xx answer; call.head is its head. No tokens are counted. Raises AttemptFailed (MALFORMED, or its error)."""
    if call.surface == METADATA:
        return Answer("", Usage(), named(body, call.model))
    return Answer(read_infer(body, call.head), Usage())


def read_infer(body: bytes, head: list[tuple[bytes, bytes]]) -> str:
    """The name of the model that answered, '' where it is not said. Raises AttemptFailed."""
    said = next((value for name, value in head if name == HEADER), None)
    try:
        json_bytes = json_bytes_of(said, len(body))
        begun = body if json_bytes < 0 else body[:json_bytes]
        found = _read(begun)
    except Error as bad:
        raise _malformed(bad.text) from bad
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise _malformed(f"200 with a body that is not an answer of this protocol: {bad}") from bad
    if found.outputs is None:
        if bytes(found.error):
            raise read_failure(200, {}, begun)
        raise _malformed("200 without outputs")
    return found.model_name[:_NAME_CHARS]


def named(body: bytes, name: str) -> bytes:
    """A model's metadata under another name; the rest stays as it was said. Raises AttemptFailed."""
    try:
        fields = _fields(body)
        if "error" in fields and "name" not in fields:
            raise read_failure(200, {}, body)
        _text(fields["name"])
    except KeyError as bad:
        raise _malformed("200 with metadata that has no name") from bad
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise _malformed(f"200 with a body that is no metadata: {bad}") from bad
    return encode(fields | {"name": msgspec.Raw(encode(name))})


def _read(begun: bytes) -> _Infer:
    try:
        return _decode(begun)
    except msgspec.DecodeError:
        if not is_beyond_json(begun):
            raise
    return _decode(finite(begun))


def _malformed(text: str) -> AttemptFailed:
    return AttemptFailed(Failure.MALFORMED, text, status=200)
