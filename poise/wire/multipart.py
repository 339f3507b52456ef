"""The top level of a ``multipart/form-data`` body: where each field's value lies. Nothing is copied and nothing decoded.

Strict on purpose: we read one field and the upstream reads it again, so whatever two readers could cut in two ways is
refused - a boundary behind a bare LF, text around the parts, folded or repeated header lines, escapes in a name
(RFC 7578, RFC 2046 5.1).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from poise.errors import Error

MAX_PARTS: Final = 256
MAX_PART_HEAD_BYTES: Final = 8192

_TYPE: Final = re.compile(rb"multipart/form-data\s*(;.*)?\Z", re.IGNORECASE)
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER: Final = re.compile(rb";[ \t]*(%b)=(?:\"([^\"\\\x00-\x1f\x7f]*)\"|(%b))[ \t]*" % (_TOKEN, _TOKEN))
_BOUNDARY: Final = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]\Z")
_LINE: Final = re.compile(rb"(%b):[ \t]*([^\r\n\x00]*)\Z" % _TOKEN)
_PLAIN: Final = (b"7bit", b"8bit", b"binary")


class Field(NamedTuple):
    """One field: its value is body[start:end]; file where it has a file's name; type is its content type, lower case."""

    name: bytes
    start: int
    end: int
    file: bool
    type: bytes


def boundary_of(content_type: bytes) -> bytes:
    """The boundary that a content type names. Raises Error invalid_field."""
    found = _TYPE.match(content_type)
    if found is None:
        shown = repr(content_type[:60].decode("ascii", "replace"))
        raise Error("invalid_field", f"content-type is {shown}", hint="send application/json or multipart/form-data")
    said = _parameters(found[1] or b"")
    boundary = None if said is None else said.get(b"boundary")
    if boundary is None or _BOUNDARY.match(boundary) is None:
        raise _broken("the content-type names no boundary, or not one, of 1 to 70 characters")
    return boundary


def fields_of(body: bytes, boundary: bytes) -> list[Field]:
    """The fields in their order. Raises Error invalid_field where the framing is not plain."""
    mark = b"--" + boundary
    if not body.startswith(mark):
        raise _broken("the body does not begin with its boundary")
    if body.count(b"\n" + mark) != body.count(b"\r\n" + mark):
        raise _broken("a boundary stands behind a bare LF")
    fields: list[Field] = []
    at = len(mark)
    while body[at : at + 2] != b"--":
        if body[at : at + 2] != b"\r\n":
            raise _broken("a boundary is not followed by the end of its line")
        if len(fields) == MAX_PARTS:
            raise _broken(f"it has more than {MAX_PARTS} parts")
        head_end = body.find(b"\r\n\r\n", at, at + MAX_PART_HEAD_BYTES)
        end = body.find(b"\r\n" + mark, max(head_end, 0) + 2)
        if head_end < 0 or end < 0 or end < head_end + 2:
            raise _broken("a part has no end, or a head without one")
        start = head_end + 4
        # A part without content: the line end before its boundary is the one that closes its head.
        fields.append(_field(body[at + 2 : head_end], start, max(start, end)))
        at = end + 2 + len(mark)
    if body[at + 2 :] not in (b"", b"\r\n"):
        raise _broken("something follows the last boundary")
    return fields


def _field(head: bytes, start: int, end: int) -> Field:
    said: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n"):
        found = _LINE.match(line)
        if found is None or found[1].lower() in said:
            raise _broken("a part's header line is malformed, folded or stands twice")
        said[found[1].lower()] = found[2].rstrip(b" \t")
    kind, semicolon, rest = said.get(b"content-disposition", b"").partition(b";")
    parameters = _parameters(semicolon + rest)
    if kind.strip().lower() != b"form-data" or parameters is None or b"name" not in parameters:
        raise _broken('a part is not form-data with one plain name="..."')
    if said.get(b"content-transfer-encoding", b"binary").lower() not in _PLAIN:
        raise _broken("a part is encoded once more (content-transfer-encoding)")
    if b"name*" in parameters:
        raise _broken("a part has two names")
    is_file = b"filename" in parameters or b"filename*" in parameters
    return Field(parameters[b"name"], start, end, is_file, said.get(b"content-type", b"").lower())


def _parameters(text: bytes) -> dict[bytes, bytes] | None:
    """``; a=b; c="d"`` as a dictionary; None where it is anything else, or one name stands twice."""
    found: dict[bytes, bytes] = {}
    at = 0
    text = text.rstrip(b" \t")
    while at < len(text):
        one = _PARAMETER.match(text, at)
        if one is None or one[1].lower() in found:
            return None
        found[one[1].lower()] = one[2] if one[2] is not None else one[3]
        at = one.end()
    return found


def _broken(what: str) -> Error:
    return Error("invalid_field", f"the form is malformed: {what}", hint="send multipart/form-data as RFC 7578 has it")
