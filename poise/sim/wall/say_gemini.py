"""Gemini, as the wall says it."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.sim.wall.speech import Answer, Event, Obj, Speech, Usage, encode

_FINISH: Final = {"stop": "STOP", "length": "MAX_TOKENS", "tool": "STOP", "content_filter": "SAFETY"}
_STATUS: Final = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip
_TYPE: Final = "type.googleapis.com/google.rpc."
_REASONS: Final = {
    "rate": "Resource has been exhausted (e.g. check quota).",
    "quota": "You exceeded your current quota, please check your plan and billing details.",
    "spend-cap": "Your project has exceeded its spending cap.",
    "overload": "The model is overloaded. Please try again later.",
    "server": "An internal error has occurred.",
    "context": "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
    "filter": "The prompt violates our usage policies.",
    "auth": "API key not valid. Please pass a valid API key.",
    "permission": "Permission denied on resource.",
    "not-found": "models/none is not found for API version v1beta.",
    "too-large": "Request payload size exceeds the limit: 20971520 bytes.",
    "bad": "Invalid JSON payload received.",
}


def _events(answer: Answer, usage: Usage) -> list[Event]:
    """Gemini says a call as a whole, so all of it is the first token's event and the others have none of their own."""
    made: list[Event] = []
    if answer.tool:
        made = [Event(encode(_chunk(answer, _parts(answer))), "token")]
    else:
        made = [Event(encode(_chunk(answer, [{"text": piece}])), "token") for piece in answer.pieces]
    last = _chunk(answer, [{"text": ""}], _FINISH.get(answer.finish, answer.finish))
    made.append(Event(encode(last | _told(usage)), "usage"))
    return made


def _whole(answer: Answer, usage: Usage) -> Obj:
    return _chunk(answer, _parts(answer), _FINISH.get(answer.finish, answer.finish)) | _told(usage)


def _parts(answer: Answer) -> list[Obj]:
    if not answer.tool:
        return [{"text": answer.text}]
    try:
        arguments: object = msgspec.json.decode(answer.text)
    except msgspec.DecodeError:
        arguments = answer.text  # where a call's arguments are an object, broken ones can only be said as text
    return [{"functionCall": {"name": answer.tool, "args": arguments}}]


def _error(status: int, reason: str, text: str) -> Obj:
    words = text or _REASONS.get(reason, _REASONS["server"])
    error: Obj = {"code": status, "message": words, "status": _STATUS.get(status, "UNKNOWN")}
    if reason in ("quota", "rate"):
        quota = "RequestsPerDay" if reason == "quota" else "RequestsPerMinute"
        error["details"] = [{"@type": f"{_TYPE}QuotaFailure", "violations": [{"quotaId": quota}]}]
    if reason == "auth":
        error["details"] = [{"@type": f"{_TYPE}ErrorInfo", "reason": "API_KEY_INVALID"}]
    return {"error": error}


def _error_event(status: int, reason: str, text: str) -> Event:
    return Event(encode(_error(status, reason, text)), "error")


def _chunk(answer: Answer, parts: list[Obj], finish: str = "") -> Obj:
    candidate: Obj = {"content": {"parts": parts, "role": "model"}}
    if finish:
        candidate["finishReason"] = finish
    candidate["index"] = 0
    return {"candidates": [candidate], "modelVersion": answer.model, "responseId": answer.id}


def _told(usage: Usage) -> Obj:
    if usage is None:
        return {}
    names = ("promptTokenCount", "candidatesTokenCount", "totalTokenCount")
    return {"usageMetadata": dict(zip(names, usage, strict=True))}


GEMINI: Final = Speech(_events, _whole, _error, _error_event)
