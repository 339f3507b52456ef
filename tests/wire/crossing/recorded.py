"""The recorded exchanges that are translated: which endpoint speaks which dialect, and what each of them holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from poise.wire.anthropic.codec import Anthropic
from poise.wire.conversation.codec import Codec
from poise.wire.gemini import Gemini
from poise.wire.openai.codec import OpenAIChat
from poise.wire.responses.codec import Responses
from tests.recordings import exchanges
from tests.wire.anthropic.recorded import CHAINED, UNFRAMED
from tests.wire.openai_chat.vendors import ENDPOINTS as CHAT

Kind = Literal["ask", "answer", "stream"]

CODECS: Final[dict[str, Codec]] = {
    "openai": OpenAIChat(),
    "responses": Responses(),
    "anthropic": Anthropic(),
    "gemini": Gemini(),
}
ENDPOINTS: Final[dict[str, list[str]]] = {
    "openai": CHAT,
    "responses": [
        f"{vendor}.responses"
        for vendor in (
            *("azure", "chatgpt", "copilot", "deepseek", "llamacpp", "lmstudio", "mistralrs"),
            *("openai", "openrouter", "xai"),
        )
    ],
    "anthropic": [
        *("anthropic.messages", "ollama.messages"),
        *("vertex.anthropic_rawPredict", "vertex.anthropic_streamRawPredict"),
    ],
    "gemini": [
        *("gemini.generateContent", "gemini.streamGenerateContent"),
        *("vertex.generateContent", "vertex.streamGenerateContent"),
    ],
}
_ASKED: Final = {"openai": "messages", "responses": "model", "anthropic": "messages", "gemini": "contents"}
# Two answers, one behind the other, in one recording: each is read by itself.
_GLUED: Final = "openai.responses-3eccd0d9f6bf"


class Recorded(NamedTuple):
    """One thing to be translated: a request, a whole answer, or a stream, as bytes."""

    id: str
    endpoint: str
    dialect: str
    kind: Kind
    body: bytes
    model: str = ""
    stream: bool = False


@cache
def recorded(endpoint: str) -> tuple[Recorded, ...]:
    """All that one endpoint's recordings hold. Skips the test where there are none."""
    dialect = next(name for name, endpoints in ENDPOINTS.items() if endpoint in endpoints)
    return tuple(thing for row in exchanges(endpoint) for thing in _of_row(row, endpoint, dialect))


def _of_row(row: dict[str, Any], endpoint: str, dialect: str) -> Iterator[Recorded]:
    said, response = row["request"]["body"], row["response"]
    if isinstance(said, dict) and _ASKED[dialect] in said:
        found = re.search(r"models/([^:/?]+)", row["request"]["path"] or "")
        model = found.group(1) if found else ""
        yield Recorded(row["id"], endpoint, dialect, "ask", _bytes(said), model, row["stream"])
    body = response["body"]
    if response["status"] != 200:
        return
    if isinstance(body, dict):
        yield Recorded(row["id"], endpoint, dialect, "answer", _bytes(body))
    elif isinstance(body, str) and row["stream"]:
        for part in _streams(row["id"], body):
            yield Recorded(row["id"], endpoint, dialect, "stream", part.encode())


def _streams(id: str, body: str) -> list[str]:
    if id == UNFRAMED:  # its recorder dropped every line end
        body = re.sub(r"event: (\w+)data: ", r"\n\nevent: \1\ndata: ", body).lstrip()
    mark = "message_start" if id in CHAINED else "response.created" if id == _GLUED else ""
    return [part for part in re.split(rf"(?=event: {mark}\n)", body) if part] if mark else [body]


def _bytes(body: object) -> bytes:
    return json.dumps(body).encode()
