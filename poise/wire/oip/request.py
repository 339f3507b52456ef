"""A call of the Open Inference Protocol: read for what can be checked cheaply, and sent on as the bytes it was.

A body is one JSON object, or (Triton's binary tensors) that object followed by raw tensors, with the size of the object
said in the header ``inference-header-content-length``. Size 0 says that all of the body is one raw tensor. What stands
in ``inputs`` is the model's business and is not looked at.

Sources: kserve/open-inference-protocol, specification/protocol/inference_rest.md; Triton's extension_binary_data.md.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from poise.errors import Error
from poise.wire.body import fields_of, short, string
from poise.wire.call import Call
from poise.wire.oip.finite import finite, is_beyond_json

INFER: Final = "infer"  # the names of surfaces
METADATA: Final = "metadata"
SURFACES: Final = (INFER, METADATA)
HEADER: Final = b"inference-header-content-length"
MAX_KIND_BYTES: Final = 256  # of a content type that is sent on
MAX_DIGITS: Final = 18
ALL: Final = -1  # of a body is JSON

_VERSION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
# The first byte of each field's value; what is not listed may be anything.
_FIRST: Final = {"inputs": (b"[", "an array"), "outputs": (b"[", "an array"), "parameters": (b"{", "an object")}
_LINE: Final = re.compile(rb"(\S*/v2/models/[^/ ]+)(?:/versions/[^/ ]+)?((?:/infer)? HTTP/1\.1\r\n)")


def read_infer(body: bytes, json_bytes: int, *, model: str, version: str = "") -> Call:
    """A call whose body begins with json_bytes of JSON; -1: all of it is. Raises Error: invalid_json, duplicate_field,
    invalid_field.
    """
    call = _named(INFER, model, version)
    call.body = body
    if json_bytes == 0:
        return call  # all of it is one raw tensor
    head = body if json_bytes < 0 else body[:json_bytes]
    fields = _fields(head)
    if "inputs" not in fields:
        raise Error("invalid_field", "the body has no inputs", hint='send {"inputs": [...]}')
    for name, (first, wanted) in _FIRST.items():
        raw = fields.get(name)
        if raw is not None and not bytes(raw).startswith(first):
            raise Error("invalid_field", f"{name} is {short(raw)}, not {wanted}", hint=f"send {wanted}")
    if "id" in fields:
        string(fields["id"], "id")
    return call


def read_metadata(model: str, version: str = "") -> Call:
    """A question for a model's metadata; it has no body. Raises Error invalid_field."""
    return _named(METADATA, model, version)


def json_bytes_of(said: bytes | None, body_bytes: int) -> int:
    """How many bytes of a body are JSON, by what the header says of it; -1: all, it says nothing. Raises Error bad_header."""
    if said is None:
        return ALL
    size = int(said) if said.isdigit() and len(said) <= MAX_DIGITS else -1
    if not 0 <= size <= body_bytes:
        text = f"inference-header-content-length is {said[:40].decode('ascii', 'backslashreplace')!r}"
        hint = "send the size of the JSON that the body begins with, in bytes"
        raise Error("bad_header", f"{text}, not between 0 and the body's {body_bytes} bytes", hint=hint)
    return size


def lines_of(headers: dict[bytes, bytes]) -> bytes:
    """The header lines that a call's body needs on its way, out of the caller's own."""
    said = headers.get(HEADER)
    kind = headers.get(b"content-type", b"")
    if not kind or len(kind) > MAX_KIND_BYTES:
        kind = b"application/json" if said is None else b"application/octet-stream"
    length = b"" if said is None else b"%b: %b\r\n" % (HEADER, said)
    return b"content-type: %b\r\n%b" % (kind, length)


def at_version(head: bytes, version: str) -> bytes:
    """A request's head with another version of the model in its path, in place of the target's own if it has one."""
    return _LINE.sub(lambda found: b"%b/versions/%b%b" % (found[1], version.encode("ascii"), found[2]), head, count=1)


def _named(surface: str, model: str, version: str) -> Call:
    if version and not _VERSION.fullmatch(version):
        text = f"the model's version is {version[:64]!r}"
        raise Error("invalid_field", text, hint="letters, digits and . _ - ; at most 64, no dot or dash first")
    call = Call(surface, {}, model)
    call.tensors = True
    call.version = version
    call.body = b""
    return call


def _fields(head: bytes) -> dict[str, msgspec.Raw]:
    try:
        return fields_of(head)
    except Error as bad:
        if bad.code != "invalid_json" or not is_beyond_json(head):
            raise
    return fields_of(finite(head))
