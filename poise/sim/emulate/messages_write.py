"""Answers of Anthropic's messages, whole and as events, and Anthropic's errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from zlib import crc32

from poise.sim.emulate.asked import Call, Obj, Refused, Reply
from poise.sim.emulate.message import Whole, encoded, event, whole
from poise.sim.emulate.reply import seal

_WORDS: Final = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tools": "tool_use",
    "refusal": "refusal",
    "filter": "refusal",
}
_BLOCKED: Final[Obj] = {
    "type": "refusal",
    "category": "cyber",
    "explanation": "This request triggered a restriction and was blocked.",
}
_ARGUMENT_PIECE: Final = 8
_ERRORS: Final[dict[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_SAID: Final[dict[str, tuple[int, str]]] = {
    "key_missing": (401, "x-api-key header is required"),
    "key_wrong": (401, "invalid x-api-key"),
    "forbidden": (403, "Your API key does not have permission to use the specified resource."),
    "no_path": (404, "Not Found"),
    "method": (405, "Method Not Allowed"),
    "no_model": (404, "model: {text}"),
    "bad_json": (400, "The request body is not valid JSON: {text}"),
    "invalid": (400, "{text}"),
    "rate": (429, "Number of requests has exceeded your per-minute rate limit. Please try again later."),
    "quota": (400, "Your credit balance is too low to access the Anthropic API."),
    "context": (400, "prompt is too long: 200016 tokens > 200000 maximum"),
    "overloaded": (529, "Overloaded"),
    "stream-error": (500, "Internal server error"),
}
_RATE_HEADERS: Final = {
    "retry-after": "7",
    "anthropic-ratelimit-requests-limit": "5",
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2030-01-01T00:00:07Z",
    "anthropic-ratelimit-tokens-limit": "10000",
    "anthropic-ratelimit-tokens-remaining": "8000",
    "anthropic-ratelimit-tokens-reset": "2030-01-01T00:00:07Z",
}


def message(reply: Reply, *, model: str, tag: str = "") -> Obj:
    """A whole message; tag stands in its ids, as ``vrtx_`` does on Vertex."""
    content: list[Obj] = []
    if reply.thought:
        content.append({"type": "thinking", "thinking": reply.thinking, "signature": seal(reply.thinking)})
    if reply.pieces:
        content.append({"type": "text", "text": reply.text})
    content.extend({**_call(call, tag), "input": call.arguments} for call in reply.calls)
    body = _shell(reply, model, tag)
    body |= {"content": content, "stop_reason": _WORDS[reply.ending], "stop_sequence": reply.stopped_by or None}
    if reply.ending == "filter":
        body["stop_details"] = _BLOCKED
    body["usage"]["output_tokens"] = reply.output + reply.reasoning
    return body


def frames(reply: Reply, *, model: str, tag: str = "") -> list[bytes]:
    """A streamed message."""
    out = [_frame("message_start", {"message": _shell(reply, model, tag)})]
    blocks = list(_blocks(reply, tag))
    for at, (start, deltas) in enumerate(blocks):
        out.append(_frame("content_block_start", {"index": at, "content_block": start}))
        if at == 0:
            out.append(_ping())
        out.extend(_frame("content_block_delta", {"index": at, "delta": delta}) for delta in deltas)
        out.append(_frame("content_block_stop", {"index": at}))
    if not blocks:
        out.append(_ping())
    delta: Obj = {"stop_reason": _WORDS[reply.ending], "stop_sequence": reply.stopped_by or None}
    if reply.ending == "filter":
        delta["stop_details"] = _BLOCKED
    usage = {**_usage(reply), "output_tokens": reply.output + reply.reasoning}
    out.append(_frame("message_delta", {"delta": delta, "usage": usage}))
    out.append(_frame("message_stop", {}))
    return out


def refuse(refused: Refused) -> Whole:
    """Anthropic's answer to a refused request."""
    status, text = _SAID.get(refused.what, (refused.status or 500, refused.text or "emulated error"))
    text = text.replace("{text}", refused.text)
    headers = {"x-should-retry": "true" if status in (408, 409, 429) or status >= 500 else "false"}
    headers |= _RATE_HEADERS if refused.what == "rate" else {}
    error = {"type": kind_of(status), "message": text}
    return whole({"type": "error", "error": error, "request_id": "req_emulated"}, status, headers)


def broken() -> list[bytes]:
    """What stands in a stream that breaks."""
    return [_frame("error", {"error": {"details": None, "type": "overloaded_error", "message": "Overloaded"}})]


def kind_of(status: int) -> str:
    """Anthropic's name of an error with this status."""
    return _ERRORS.get(status, "invalid_request_error" if status < 500 else "api_error")


def _shell(reply: Reply, model: str, tag: str) -> Obj:
    return {
        "id": f"msg_{tag}01{reply.mark}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            **_usage(reply),
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 1,
            "service_tier": "standard",
        },
    }


def _usage(reply: Reply) -> Obj:
    """What was read from the cache is counted beside the input."""
    return {
        "input_tokens": reply.prompt - reply.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": reply.cached,
    }


def _call(call: Call, tag: str) -> Obj:
    return {"type": "tool_use", "id": f"toolu_{tag}01{call.mark}", "name": call.name}


def _blocks(reply: Reply, tag: str) -> Iterator[tuple[Obj, list[Obj]]]:
    if reply.thought:
        deltas: list[Obj] = [{"type": "thinking_delta", "thinking": piece} for piece in reply.thought]
        deltas.append({"type": "signature_delta", "signature": seal(reply.thinking)})
        yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if reply.pieces:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in reply.pieces]
    for call in reply.calls:
        text = encoded(call.arguments).decode() if call.arguments else ""
        cut = [text[at : at + _ARGUMENT_PIECE] for at in range(0, len(text), _ARGUMENT_PIECE)]
        yield (
            {**_call(call, tag), "input": {}},
            [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *cut)],
        )


def _frame(kind: str, fields: Obj) -> bytes:
    """An event whose line is padded with spaces behind or within its last brace, as Anthropic's are."""
    data = encoded({"type": kind, **fields})
    padding = b" " * (crc32(data) % 16)
    return event(data[:-1] + padding[: len(padding) // 2] + b"}" + padding[len(padding) // 2 :], kind)


def _ping() -> bytes:
    return event(b'{"type": "ping"}', "ping")
