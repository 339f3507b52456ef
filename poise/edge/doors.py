"""Which dialect a client speaks, by where it knocks; and where in that dialect its key stands."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes


class Door(NamedTuple):
    """What a path asks for: the dialect and surface; model and stream where the path says them."""

    dialect: str
    surface: str
    model: str = ""
    stream: bool = False


DOORS: Final[dict[bytes, Door]] = {
    b"/v1/chat/completions": Door("openai", "chat"),
    b"/v1/embeddings": Door("openai", "embeddings"),
    b"/v1/responses": Door("responses", "chat"),
    b"/v1/messages": Door("anthropic", "chat"),
}
_GEMINI: Final = re.compile(rb"/v1(?:beta|beta1)?/models/([^/]{1,512}):(generateContent|streamGenerateContent)")
# Keys as the vendors' own clients send them. A bearer comes first: it is what Poise documents.
KEY_HEADERS: Final = (b"x-api-key", b"x-goog-api-key", b"api-key")


def door_at(path: bytes, url: bytes) -> Door | None:
    """The door at a path; url is the whole request target."""
    door = DOORS.get(path)
    if door is not None:
        return door
    found = _GEMINI.fullmatch(path)
    if found is None:
        return None
    model = unquote_to_bytes(found[1]).decode("utf-8", "replace")
    if found[2] == b"generateContent":
        return Door("gemini", "chat", model)
    framed = b"alt=sse" in url.partition(b"?")[2]
    return Door("gemini" if framed else "gemini-array", "chat", model, stream=True)


def key_in(headers: dict[bytes, bytes], url: bytes) -> bytes | None:
    """The caller's key where it is no bearer: a vendor's own header, or Gemini's ``?key=``; None where there is none."""
    for name in KEY_HEADERS:
        given = headers.get(name)
        if given is not None:
            return given.strip()
    query = url.partition(b"?")[2]
    if b"key=" in query:
        for name, value in parse_qsl(query, keep_blank_values=False, max_num_fields=32):
            if name == b"key":
                return value
    return None
