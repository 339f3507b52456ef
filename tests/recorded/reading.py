"""What recorded answers say, read by hand: events, whether they end, what they counted. Shares no code with Poise."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

Json = dict[str, Any]
_BLANK = re.compile(r"\r\n\r\n|\n\n|\r\r|\n\r\n")


class Frame(NamedTuple):
    """One event: its lines with LF between them, and its data where that is JSON, else None."""

    text: str
    data: Any

    @property
    def node(self) -> Json:
        """The data where it is an object, else an empty one."""
        return self.data if isinstance(self.data, dict) else {}


def frames_of(body: str) -> list[Frame]:
    """The events of a stream, comments too; what stands bare between events is one of them."""
    made = []
    for block in _BLANK.split(body.removeprefix("\ufeff")):
        text = block.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
        if not text:
            continue
        data = "\n".join(line[5:].removeprefix(" ") for line in text.split("\n") if line.startswith("data:"))
        made.append(Frame(text, _json(data or text)))
    return made


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def breaks_at(chat: str, frames: list[Frame]) -> int:
    """The place of the event that says that the answer broke, -1 where none does."""
    for place, frame in enumerate(frames):
        node = frame.node
        kind = node.get("type")
        if chat in ("openai", "gemini") and node.get("error"):
            return place
        if kind == "error" or frame.text.startswith("event: error"):
            return place
        if chat == "responses" and kind == "response.failed":
            return place
    return -1


def ends(chat: str, frames: list[Frame]) -> bool:
    """Whether the stream says, in its dialect's own words, that the answer is complete."""
    nodes = [frame.node for frame in frames]
    if chat == "openai":
        done = any(frame.text in {"data: [DONE]", "data:[DONE]"} for frame in frames)
        return done or any(choice.get("finish_reason") for node in nodes for choice in node.get("choices") or ())
    if chat == "responses":
        over = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
        return any(node.get("type") in over for node in nodes)
    if chat == "anthropic":
        return any(node.get("type") == "message_stop" for node in nodes)
    return any(
        (node.get("promptFeedback") or {}).get("blockReason")
        or any(candidate.get("finishReason") for candidate in node.get("candidates") or ())
        for node in nodes
    )


def counted(dialect: str, nodes: list[Json]) -> tuple[int, int] | None:
    """Tokens read and written, as the last that counts says; None where nobody did, or all are zero. nodes: one, or events."""
    if dialect in ("anthropic-count", "gemini-count"):
        return 0, 0
    found = _anthropic(nodes) if dialect == "anthropic" else _last(dialect, nodes)
    return found if found is not None and any(found) else None  # no answer costs no token


def _last(dialect: str, nodes: list[Json]) -> tuple[int, int] | None:
    found = None
    for node in nodes:
        if dialect.startswith("gemini"):
            found = _gemini(node) or found
        elif dialect == "responses":
            usage = (node.get("response") or {}).get("usage") if "response" in node else node.get("usage")
            found = (usage["input_tokens"], usage["output_tokens"]) if usage else found
        else:
            found = _chat(node.get("usage")) or found
    return found


def _chat(usage: Json | None) -> tuple[int, int] | None:
    if not usage:
        return None
    read, written = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    beside = usage.get("total_tokens") == read + written + thought
    return read, written + thought if beside else written


def _anthropic(nodes: list[Json]) -> tuple[int, int] | None:
    usage: Json = {}
    for node in nodes:
        said = node.get("usage") or (node.get("message") or {}).get("usage") or {}
        usage |= {name: value for name, value in said.items() if value is not None}
    if not usage:
        return None
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(usage.get(name, 0) for name in names), usage.get("output_tokens", 0)


def _gemini(node: Json) -> tuple[int, int] | None:
    usage = node.get("usageMetadata")
    if not usage:
        return None
    read = usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0)
    return read, usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
