"""OpenAI's chat completions, as the wall says them."""

from __future__ import annotations

from typing import Final

from poise.sim.wall.speech import Answer, Event, Obj, Speech, Usage, encode

_FINISH: Final = {"tool": "tool_calls"}
# reason: type, code, words
_REASONS: Final = {
    "rate": ("rate_limit_error", "rate_limit_exceeded", "Rate limit reached"),
    "quota": ("insufficient_quota", "insufficient_quota", "You exceeded your current quota"),
    "spend-cap": ("insufficient_quota", "billing_hard_limit_reached", "Billing hard limit has been reached"),
    "overload": ("server_error", "server_overloaded", "The engine is currently overloaded, please try again later"),
    "server": ("server_error", None, "The server had an error while processing your request"),
    "context": ("invalid_request_error", "context_length_exceeded", "This model's maximum context length is 8192"),
    "filter": ("invalid_request_error", "content_policy_violation", "The prompt was blocked by our content policy"),
    "auth": ("invalid_request_error", "invalid_api_key", "Incorrect API key provided"),
    "permission": ("invalid_request_error", "model_access_denied", "You have no access to this model"),
    "not-found": ("invalid_request_error", "model_not_found", "The model does not exist"),
    "too-large": ("invalid_request_error", "request_too_large", "The request body is too large"),
    "bad": ("invalid_request_error", None, "The request is not valid"),
}


def _events(answer: Answer, usage: Usage) -> list[Event]:
    delta: Obj = {"role": "assistant", "content": None if answer.tool else ""}
    made = [Event(encode(_chunk(answer, delta)), "open")]
    for at, piece in enumerate(answer.pieces):
        delta = {"content": piece}
        if answer.tool:
            function = {"name": answer.tool, "arguments": piece} if at == 0 else {"arguments": piece}
            named = {"id": f"call_{answer.id}", "type": "function"} if at == 0 else {}
            delta = {"tool_calls": [{"index": 0, **named, "function": function}]}
        made.append(Event(encode(_chunk(answer, delta)), "token"))
    made.append(Event(encode(_chunk(answer, {}, _FINISH.get(answer.finish, answer.finish))), "finish"))
    if usage is not None:
        made.append(Event(encode(_chunk(answer, None) | {"usage": _usage(usage)}), "usage"))
    made.append(Event(b"[DONE]", "done"))
    return made


def _whole(answer: Answer, usage: Usage) -> Obj:
    message: Obj = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.tool:
        function = {"name": answer.tool, "arguments": answer.text}
        message |= {"content": None}
        message["tool_calls"] = [{"id": f"call_{answer.id}", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "logprobs": None}
    choice["finish_reason"] = _FINISH.get(answer.finish, answer.finish)
    told = {} if usage is None else {"usage": _usage(usage)}
    return {**_named(answer, "chat.completion"), "choices": [choice], **told}


def _error(status: int, reason: str, text: str) -> Obj:
    kind, code, words = _REASONS.get(reason, _REASONS["server"])
    return {"error": {"message": text or words, "type": kind, "param": None, "code": code}}


def _error_event(status: int, reason: str, text: str) -> Event:
    return Event(encode(_error(status, reason, text)), "error")


def _chunk(answer: Answer, delta: Obj | None, finish: str | None = None) -> Obj:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return {**_named(answer, "chat.completion.chunk"), "choices": choices}


def _named(answer: Answer, kind: str) -> Obj:
    return {"id": f"chatcmpl-{answer.id}", "object": kind, "created": answer.now_s, "model": answer.model}


def _usage(usage: tuple[int, int, int]) -> Obj:
    return dict(zip(("prompt_tokens", "completion_tokens", "total_tokens"), usage, strict=True))


CHAT: Final = Speech(_events, _whole, _error, _error_event)
