"""Which dialect a client speaks, by where it knocks; and where in that dialect its key stands."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from poise.edge.passing_path import PREFIX, split


class Door(NamedTuple):
    """What a path asks for: the dialect and surface; model, its version and stream where the path says them.

    beside: it is not served as all others are.
    """

    dialect: str
    surface: str
    model: str = ""
    stream: bool = False
    version: str = ""
    method: bytes = b"POST"
    beside: bool = False


DOORS: Final[dict[bytes, Door]] = {
    b"/v1/chat/completions": Door("openai", "chat"),
    b"/v1/embeddings": Door("embeddings", "embeddings"),
    b"/v1/responses": Door("responses", "chat"),
    b"/v1/messages": Door("anthropic", "chat"),
    b"/v1/messages/count_tokens": Door("anthropic-count", "count_tokens"),
    b"/v1/images/generations": Door("images", "images"),
    b"/v1/images/edits": Door("image_edits", "image_edits", beside=True),  # JSON or a form: its content type says
}
# Errors are in OpenAI's shape there: which dialect the caller speaks is the provider's matter, and may not be told.
THROUGH: Final = Door("openai", "passthrough", beside=True)
_GEMINI: Final = re.compile(rb"/v1(?:beta|beta1)?/models/([^/]{1,512}):([A-Za-z]{1,32})")
_METHODS: Final = {
    b"generateContent": Door("gemini", "chat"),
    b"streamGenerateContent": Door("gemini-array", "chat", stream=True),
    b"countTokens": Door("gemini-count", "countTokens"),
    b"embedContent": Door("gemini-embed", "embeddings"),
    b"batchEmbedContents": Door("gemini-embeds", "embeddings"),
}
_OIP: Final = {
    b"/v2": Door("oip", "server", method=b"GET"),
    b"/v2/": Door("oip", "server", method=b"GET"),
    b"/v2/health/live": Door("oip", "live", method=b"GET"),
    b"/v2/health/ready": Door("oip", "server-ready", method=b"GET"),
}
_TENSORS: Final = re.compile(rb"/v2/models/([^/]{1,512})(?:/versions/([^/]{1,128}))?(?:/(infer|ready))?")
_LISTED: Final = re.compile(rb"/(v1|v1beta|v1beta1)/models(?:/(.{1,512}))?")
# Keys as the vendors' own clients send them. A bearer comes first: it is what Poise documents.
KEY_HEADERS: Final = (b"x-api-key", b"x-goog-api-key", b"api-key")
MAX_FIELDS: Final = 32  # of a query that are looked through for the key


def door_at(path: bytes, url: bytes) -> Door | None:
    """The door at a path; url is the whole request target."""
    door = DOORS.get(path)
    if door is not None:
        return door
    if is_oip(path):
        return _tensor_door(path)
    if path.startswith(PREFIX) and split(path)[1]:
        return THROUGH
    found = _GEMINI.fullmatch(path)
    method = _METHODS.get(found[2]) if found is not None else None
    if found is None or method is None:
        return None
    model = unquote_to_bytes(found[1]).decode("utf-8", "replace")
    framed = method.stream and b"alt=sse" in url.partition(b"?")[2]
    return Door("gemini" if framed else method.dialect, method.surface, model, method.stream)


def is_oip(path: bytes) -> bool:
    """Whether a path is of the Open Inference Protocol, with or without a door."""
    return path[:3] == b"/v2" and path[3:4] in {b"", b"/", b"?"}


def _tensor_door(path: bytes) -> Door | None:
    door = _OIP.get(path)
    if door is not None:
        return door
    found = _TENSORS.fullmatch(path)
    if found is None:
        return None
    model = unquote_to_bytes(found[1]).decode("utf-8", "replace")
    version = unquote_to_bytes(found[2] or b"").decode("utf-8", "replace")
    if found[3] == b"infer":
        return Door("oip", "infer", model, version=version)
    return Door("oip", "ready" if found[3] else "metadata", model, version=version, method=b"GET")


def list_at(path: bytes, headers: dict[bytes, bytes]) -> tuple[str, str] | None:
    """Where models are listed: in which dialect, and the one that is asked for ('' for all). None where they are not."""
    found = _LISTED.fullmatch(path)
    if found is None:
        return None
    name = unquote_to_bytes(found[2] or b"").decode("utf-8", "replace")
    if found[1] != b"v1" or b"x-goog-api-key" in headers:
        return "gemini", name
    return ("anthropic" if b"anthropic-version" in headers else "openai"), name


def keys_in(headers: dict[bytes, bytes], url: bytes) -> list[bytes]:
    """What may be the caller's key where it is no bearer: vendors' own headers, then Gemini's ``?key=``; each at most once."""
    found = [headers[name].strip() for name in KEY_HEADERS if name in headers]
    query = url.partition(b"?")[2]
    if b"key=" in query:
        # Not parse_qsl: it raises for many fields, and for an escape that is no UTF-8 where it was given bytes.
        for field in query.split(b"&", MAX_FIELDS)[:MAX_FIELDS]:
            name, _, value = field.partition(b"=")
            if value and unquote_to_bytes(name) == b"key":
                found.append(unquote_to_bytes(value.replace(b"+", b" ")))
                break
    return found
