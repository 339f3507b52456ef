"""Requests as they arrive, read strictly: a head, a Content-Length, a body. What is not that is kept and refused."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

import msgspec

from poise.sim.wall.speech import Asked, Obj, texts_of

MAX_HEAD_BYTES: Final = 256 * 1024
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
_GEMINI: Final = re.compile(r"/models/(.+):(generateContent|streamGenerateContent)$")


class Arrived(NamedTuple):
    """One request: its first line taken apart, its header lines, its body."""

    method: str
    target: str
    lines: list[bytes]
    body: bytes


class Broken(ValueError):
    """What came is not one well-framed request."""


def take(buffer: bytearray) -> Arrived | None:
    """The first complete request, taken out of the buffer; None where it is not complete yet. Raises Broken."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > MAX_HEAD_BYTES:
            raise Broken(f"a head of more than {MAX_HEAD_BYTES} bytes")
        return None
    first, *lines = bytes(buffer[:end]).split(b"\r\n")
    size = _length(lines)
    if len(buffer) < end + 4 + size:
        return None
    words = first.decode("latin-1").split(" ")
    if len(words) != 3:
        raise Broken(f"no request line: {first[:80]!r}")
    body = bytes(buffer[end + 4 : end + 4 + size])
    del buffer[: end + 4 + size]
    return Arrived(words[0], words[1], lines, body)


def _length(lines: list[bytes]) -> int:
    fields = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
    lengths = [value for name, value in fields if name == b"content-length"]
    if any(name == b"transfer-encoding" for name, _ in fields) or len(lengths) > 1:
        raise Broken("framed by more, or by other, than one content-length")
    if not lengths:
        return 0
    if not lengths[0].isdigit() or int(lengths[0]) > MAX_BODY_BYTES:
        raise Broken(f"content-length {lengths[0][:40]!r}, at most {MAX_BODY_BYTES}")
    return int(lengths[0])


def read(arrived: Arrived) -> Asked | None:
    """The request in terms of its dialect; None where nothing is at its path. Raises Broken where its body is no JSON."""
    path, _, query = arrived.target.partition("?")
    found = _GEMINI.search(unquote(path))
    dialect = "gemini" if found else _DIALECTS.get(path.rsplit("/v1", 1)[-1].rstrip("/"), "")
    if arrived.method != "POST" or not dialect:
        return None
    try:
        body = msgspec.json.decode(arrived.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as bad:
        raise Broken(f"the body is no JSON: {bad}") from bad
    if not isinstance(body, dict):
        raise Broken("the body is no JSON object")
    texts = list(texts_of(body))
    if found:
        stream = found[2] == "streamGenerateContent"
        return Asked(dialect, stream, found[1], texts, body, array=stream and "alt=sse" not in query)
    return Asked(dialect, body.get("stream") is True, _model(body), texts, body)


def _model(body: Obj) -> str:
    model = body.get("model")
    return model if isinstance(model, str) else ""


_DIALECTS: Final = {
    "/chat/completions": "openai",
    "/responses": "responses",
    "/messages": "anthropic",
}
