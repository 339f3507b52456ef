"""Anthropic's messages, as the wall says them."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.sim.wall.speech import Answer, Event, Obj, Speech, Usage, encode

_FINISH: Final = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use", "content_filter": "refusal"}
_REASONS: Final = {
    "rate": ("rate_limit_error", "Number of requests has exceeded your per-minute rate limit"),
    "quota": ("invalid_request_error", "Your credit balance is too low to access the Anthropic API"),
    "spend-cap": ("invalid_request_error", "You have reached your API usage limits. You will regain access next month"),
    "overload": ("overloaded_error", "Overloaded"),
    "server": ("api_error", "Internal server error"),
    "context": ("invalid_request_error", "prompt is too long: 200016 tokens > 200000 maximum"),
    "filter": ("invalid_request_error", "Output blocked by content filtering policy"),
    "auth": ("authentication_error", "invalid x-api-key"),
    "permission": ("permission_error", "Your API key does not have permission to use the specified resource"),
    "not-found": ("not_found_error", "model: no such model"),
    "too-large": ("request_too_large", "Request exceeds the maximum allowed number of bytes"),
    "bad": ("invalid_request_error", "The request is not valid"),
}  # fmt: skip


def _events(answer: Answer, usage: Usage) -> list[Event]:
    shell = _shell(answer)
    put = usage[0] if usage is not None else 0
    shell["usage"] = {"input_tokens": put, "output_tokens": 1} if usage is not None else {}
    block: Obj = {"type": "text", "text": ""}
    if answer.tool:
        block = {"type": "tool_use", "id": f"toolu_{answer.id}", "name": answer.tool, "input": {}}
    kind, field = ("input_json_delta", "partial_json") if answer.tool else ("text_delta", "text")
    made = [
        _event("message_start", {"message": shell}, "open"),
        _event("content_block_start", {"index": 0, "content_block": block}, "open"),
        _event("ping", {}, "open"),
    ]
    made += [
        _event("content_block_delta", {"index": 0, "delta": {"type": kind, field: piece}}, "token")
        for piece in answer.pieces
    ]
    made.append(_event("content_block_stop", {"index": 0}, "finish"))
    delta = {"stop_reason": _FINISH.get(answer.finish, answer.finish), "stop_sequence": None}
    told: Obj = {} if usage is None else {"usage": {"output_tokens": usage[1]}}
    made.append(_event("message_delta", {"delta": delta, **told}, "usage"))
    made.append(_event("message_stop", {}, "done"))
    return made


def _whole(answer: Answer, usage: Usage) -> Obj:
    block: Obj = {"type": "text", "text": answer.text}
    if answer.tool:
        block = {"type": "tool_use", "id": f"toolu_{answer.id}", "name": answer.tool, "input": _arguments(answer.text)}
    told: Obj = {} if usage is None else {"usage": {"input_tokens": usage[0], "output_tokens": usage[1]}}
    stop = _FINISH.get(answer.finish, answer.finish)
    return {**_shell(answer), "content": [block], "stop_reason": stop, **told}


def _arguments(text: str) -> object:
    """An object where the JSON is sound; what is broken can only be said as text here."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _error(status: int, reason: str, text: str) -> Obj:
    kind, words = _REASONS.get(reason, _REASONS["server"])
    return {"type": "error", "error": {"type": kind, "message": text or words}, "request_id": "req_wall"}


def _error_event(status: int, reason: str, text: str) -> Event:
    return Event(encode(_error(status, reason, text)), "error", "error")


def _event(name: str, body: Obj, part: str) -> Event:
    return Event(encode({"type": name, **body}), part, name)


def _shell(answer: Answer) -> Obj:
    named = {"id": f"msg_{answer.id}", "type": "message", "role": "assistant", "model": answer.model}
    return {**named, "content": [], "stop_reason": None, "stop_sequence": None}


ANTHROPIC: Final = Speech(_events, _whole, _error, _error_event)
