"""A streamed chat completion as the ``openai`` SDK's own chunks, put together by hand."""

from __future__ import annotations

from typing import Any

from openai.lib._parsing import type_to_response_format_param
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.sdk.speaking import Wish

_TEXTS = ("refusal", "reasoning", "reasoning_content")


def by_chunk(fields: dict[str, Any], wish: Wish) -> dict[str, Any]:
    """What ``create`` takes where ``stream`` took fields: the schema, not the class."""
    form = {"response_format": type_to_response_format_param(wish.shape)} if wish.shape is not None else {}
    return {**fields, **form, "stream": True, "stream_options": {"include_usage": True}}


def gathered(chunks: list[ChatCompletionChunk], wish: Wish) -> ChatCompletion:
    """The completion that the chunks are; what was asked for by a schema stands parsed beside the content."""
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls: dict[int, dict[str, Any]] = {}
    ending = usage = None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            ending = choice.finish_reason or ending
            _add(message, calls, choice.delta.model_dump(exclude_none=True))
    if calls:
        message["tool_calls"] = [calls[at] for at in sorted(calls)]
    made = ChatCompletion.construct(
        id=chunks[0].id,
        object="chat.completion",
        created=chunks[0].created,
        model=chunks[0].model,
        choices=[{"index": 0, "finish_reason": ending, "message": message}],
        usage=usage.model_dump() if usage is not None else None,
    )
    if wish.shape is not None:
        setattr(made.choices[0].message, "parsed", wish.shape.model_validate_json(message["content"]))  # noqa: B010 - no field
    return made


def _add(message: dict[str, Any], calls: dict[int, dict[str, Any]], delta: dict[str, Any]) -> None:
    content = delta.get("content")
    if content:
        message["content"] = _joined(message["content"], content)
    for name in _TEXTS:
        if delta.get(name):
            message[name] = message.get(name, "") + delta[name]
    for piece in delta.get("tool_calls") or ():
        empty = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        call, function = calls.setdefault(piece["index"], empty), piece.get("function") or {}
        call["id"] = call["id"] or piece.get("id") or ""
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""


def _joined(before: str | list[Any] | None, piece: str | list[Any]) -> str | list[Any]:
    """Texts are one text; once typed parts come, all are parts."""
    if isinstance(piece, str) and not isinstance(before, list):
        return (before or "") + piece
    parts = before if isinstance(before, list) else [{"type": "text", "text": before}] if before else []
    return [*parts, *(piece if isinstance(piece, list) else [{"type": "text", "text": piece}])]
