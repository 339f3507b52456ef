"""Recorded exchanges made ready to be played: what the client sends, what the vendor answers, what is changed and why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.recorded.places import Place
from tests.recorded.reading import frames_of
from tests.wire.anthropic.recorded import CHAINED, UNFRAMED

Json = dict[str, Any]
_GLUED: Final = "openai.responses-3eccd0d9f6bf"  # two answers, one behind the other, in one recording
_TURN: Final[Json] = {"role": "user", "content": "hi"}
_SAID: Final[Json] = {"role": "user", "parts": [{"text": "hi"}]}
MINIMAL: Final[dict[str, Json]] = {
    "openai": {"model": "m", "messages": [_TURN]},
    "responses": {"model": "m", "input": "hi"},
    "anthropic": {"model": "m", "max_tokens": 16, "messages": [_TURN]},
    "anthropic-count": {"model": "m", "messages": [_TURN]},
    "gemini": {"contents": [_SAID]},
    "gemini-count": {"contents": [_SAID]},
    "embeddings": {"model": "m", "input": "hi"},
    "gemini-embed": {"content": _SAID},
    "gemini-embeds": {"requests": [{"model": "models/m", "content": _SAID}]},
}
_PATHS: Final = {
    "openai": "/v1/chat/completions",
    "responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "anthropic-count": "/v1/messages/count_tokens",
    "embeddings": "/v1/embeddings",
}
_METHODS: Final = {"gemini-count": "countTokens", "gemini-embed": "embedContent", "gemini-embeds": "batchEmbedContents"}


@dataclass(frozen=True)
class Exchange:
    """One exchange. asked is the body as it was recorded, or made up; model what the vendor calls the model.

    array: a stream of Gemini's that is one JSON array. changed names what had to be done to play it.
    """

    id: str
    place: Place
    asked: Json
    model: str
    stream: bool
    array: bool
    status: int
    headers: dict[str, str]
    answer: bytes
    changed: list[str] = field(default_factory=list)

    @property
    def in_path(self) -> bool:
        """Whether the path says the model, and whether it streams."""
        return self.place.chat == "gemini"

    def path(self, name: str) -> str:
        """Where the client knocks for a model of this name."""
        if not self.in_path:
            return _PATHS[self.place.dialect]
        method = _METHODS.get(self.place.dialect) or ("streamGenerateContent" if self.stream else "generateContent")
        return f"/v1beta/models/{name}:{method}" + ("?alt=sse" if self.stream and not self.array else "")

    def sent(self, name: str) -> Json:
        """The body that the client sends: the recorded one under another name for the model."""
        return self.asked if self.in_path else self.asked | {"model": name}

    def arrives(self) -> tuple[Json, list[str]]:
        """The body that the vendor is to get, and the names of what differs from the recorded one."""
        body, why = (self.asked, []) if self.in_path else (self.asked | {"model": self.model}, [])
        options = body.get("stream_options") or {}
        if self.place.dialect == "openai" and self.stream and options.get("include_usage") is not True:
            body, why = body | {"stream_options": {**options, "include_usage": True}}, ["usage-asked"]
        if not self.in_path and "model" not in self.asked:
            why.append("model-added")
        return body, why


def read(path: Path, place: Place) -> list[Exchange]:
    """All exchanges of one file of recordings."""
    with path.open(encoding="utf-8") as lines:
        return [made for line in lines for made in _of_row(json.loads(line), place)]


def _of_row(row: Json, place: Place) -> Iterator[Exchange]:
    body, response = row["request"]["body"], row["response"]
    url = row["request"]["path"] or ""
    changed = [] if isinstance(body, dict) else ["request-made-up"]
    if not isinstance(body, dict):
        body = MINIMAL[place.dialect] | ({"stream": True} if row["stream"] and place.chat != "gemini" else {})
    stream = row["stream"] if place.chat == "gemini" else body.get("stream") is True
    stream = stream and place.dialect == place.chat
    found = re.search(r"models/([^:/?]+)", url)
    model = body.get("model") if place.chat != "gemini" else None
    model = model if isinstance(model, str) and model else found.group(1) if found else "recorded-model"
    headers = {name.lower(): str(value) for name, value in response["headers"].items()}
    said = response["body"]
    array = stream and place.chat == "gemini" and (isinstance(said, list) or (bool(url) and "alt=sse" not in url))
    for number, (answer, repairs) in enumerate(_answers(row["id"], said, stream, headers, array)):
        id = row["id"] + (f"+{number}" if number else "")
        yield Exchange(
            id, place, body, model, stream, array, response["status"], dict(headers), answer, changed + repairs
        )


def _answers(
    id: str, said: object, stream: bool, headers: dict[str, str], array: bool
) -> Iterator[tuple[bytes, list[str]]]:
    """The bytes of an answer, and what had to be mended in them; of two that were recorded as one, each."""
    if not isinstance(said, str):
        headers.setdefault("content-type", "application/json")
        if array and isinstance(said, list):  # the vendor is asked for events, whatever the caller wants
            headers["content-type"] = "text/event-stream"
            yield "".join(f"data: {json.dumps(one)}\r\n\r\n" for one in said).encode(), ["array-as-events"]
            return
        yield json.dumps(said).encode(), []
        return
    if not stream:
        yield said.encode(), []
        return
    repairs = []
    if not headers.get("content-type", "").startswith("text/event-stream") and re.match(r"(?:data|event|id):", said):
        headers["content-type"] = "text/event-stream"
        repairs.append("type-restored")
    if id == UNFRAMED:
        said = re.sub(r"event: (\w+)data: ", r"\n\nevent: \1\ndata: ", said).lstrip()
        repairs.append("lines-restored")
    mark = "message_start" if id in CHAINED else "response.created" if id == _GLUED else ""
    for part in [one for one in re.split(rf"(?=event: {mark}\n)", said) if one] if mark else [said]:
        if not headers.get("content-type", "").startswith("text/event-stream") or not _trimmed(part):
            yield part.encode(), repairs
            continue
        end = "\r\n" if "\r\n" in part else "\n"
        yield (part.rstrip("\r\n") + end * 2).encode(), [*repairs, "last-line-restored"]


def _trimmed(part: str) -> bool:
    """Whether the recorder took the empty line from behind a last event that is whole but for it."""
    if re.search(r"(\r\n|\n|\r)\1\Z", part):
        return False
    last = frames_of(part)[-1]
    return last.data is not None or "[DONE]" in last.text or last.text.startswith(":")
