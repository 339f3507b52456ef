"""Answers of Gemini's dialect, whole, as events and as one array, and Google's errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from poise.sim.emulate.asked import MEDIA_TOKENS, Asked, Obj, Refused, Reply
from poise.sim.emulate.message import SSE, Whole
from poise.sim.emulate.reply import seal

TYPE: Final = "application/json; charset=UTF-8"
_WORDS: Final = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "tools": "STOP",
    "refusal": "SAFETY",
    "filter": "SAFETY",
}
_RATINGS: Final[list[Obj]] = [
    {"category": "HARM_CATEGORY_HATE_SPEECH", "probability": "NEGLIGIBLE"},
    {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH"},
]
_STATUS: Final[dict[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_INFO: Final = "type.googleapis.com/google.rpc."
_SAID: Final[dict[str, tuple[int, str]]] = {
    "key_missing": (
        403,
        "Method doesn't allow unregistered callers (callers without established identity). Please use API Key.",
    ),
    "key_wrong": (400, "API key not valid. Please pass a valid API key."),
    "forbidden": (403, "The caller does not have permission"),
    "no_path": (404, "Not Found"),
    "method": (404, "Not Found"),
    "no_model": (404, "models/{text} is not found for API version v1beta, or is not supported for generateContent."),
    "bad_json": (400, "Invalid JSON payload received. {text}"),
    "invalid": (400, "{text}"),
    "rate": (429, "Resource has been exhausted (e.g. check quota)."),
    "quota": (429, "You exceeded your current quota, please check your plan and billing details."),
    "context": (400, "The input token count exceeds the maximum number of tokens allowed (1048576)."),
    "overloaded": (503, "The model is overloaded. Please try again later."),
    "stream-error": (500, "An internal error has occurred."),
}


def answer(asked: Asked, reply: Reply) -> Obj:
    """A whole answer."""
    if reply.ending == "filter":
        return {**_blocked(), "usageMetadata": _usage(asked, reply, counted=False), **_tail(asked, reply)}
    candidate: Obj = {"finishReason": _WORDS[reply.ending], "index": 0}
    parts = [*_thoughts(reply, whole=True), *_texts(reply, whole=True), *_calls(reply)]
    if reply.ending == "refusal":
        candidate["safetyRatings"] = [*_RATINGS[:-1], {**_RATINGS[-1], "blocked": True}]
    elif parts:
        candidate = {"content": {"parts": _signed(parts, reply), "role": "model"}, **candidate}
    return {"candidates": [candidate], "usageMetadata": _usage(asked, reply), **_tail(asked, reply)}


def chunks(asked: Asked, reply: Reply) -> list[Obj]:
    """A streamed answer, one object each."""
    if reply.ending in {"filter", "refusal"}:
        return [answer(asked, reply)]
    out: list[Obj] = []
    parts = [*_thoughts(reply, whole=False), *_texts(reply, whole=False)]
    calls = list(_calls(reply))
    groups: list[list[Obj]] = [[part] for part in parts] + ([_signed(calls, reply)] if calls else [])
    if reply.thought and not calls:
        groups.append([{"text": "", "thoughtSignature": seal("")}])
    for at, group in enumerate(groups or [[{"text": ""}]]):
        ends = at >= len(groups) - 1
        candidate: Obj = {"content": {"parts": group, "role": "model"}}
        if ends:
            candidate["finishReason"] = _WORDS[reply.ending]
        candidate["index"] = 0
        if ends and calls:
            candidate["finishMessage"] = "Model generated function call(s)."
        out.append(
            {"candidates": [candidate], "usageMetadata": _usage(asked, reply, counted=ends), **_tail(asked, reply)}
        )
    return out


def events(made: list[Obj]) -> list[bytes]:
    """Server-sent events, with Google's ends of lines."""
    return [b"data: " + spaced(one) + b"\r\n\r\n" for one in made]


def array(made: list[Obj]) -> list[bytes]:
    """One JSON array in pieces."""
    pieces = [(b"[" if at == 0 else b",\r\n") + pretty(one) for at, one in enumerate(made)]
    return [*pieces, b"\n]\n"]


def spaced(value: object) -> bytes:
    """JSON as Google's events have it: a space behind colons only."""
    return json.dumps(value, separators=(",", ": "), ensure_ascii=False).encode(errors="backslashreplace")


def pretty(value: object) -> bytes:
    """JSON as Google's whole answers have it."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode(errors="backslashreplace")


def error_of(refused: Refused, *, vertex: bool) -> Obj:
    """Google's error object."""
    status, text = _SAID.get(refused.what, (refused.status or 500, refused.text or "emulated error"))
    if vertex and refused.what in {"key_missing", "key_wrong"}:
        status, text = 401, "Request had invalid authentication credentials. Expected OAuth 2 access token."
    error: Obj = {
        "code": status,
        "message": text.replace("{text}", refused.text),
        "status": _STATUS.get(status, "UNKNOWN"),
    }
    details = _details(refused, vertex=vertex)
    return {"error": {**error, "details": details} if details else error}


def refuse(refused: Refused, *, vertex: bool, streams: bool) -> Whole:
    """Google's answer to a refused request: JSON, whatever type an event stream's says it is."""
    body = error_of(refused, vertex=vertex)
    return Whole(status=body["error"]["code"], body=pretty(body), type=SSE if streams else TYPE)


def broken(*, vertex: bool, sse: bool) -> list[bytes]:
    """What stands in a stream that breaks: an event, or on Vertex the bare object; the array's last element."""
    body = error_of(Refused("overloaded"), vertex=vertex)
    if not sse:
        return [b",\r\n" + pretty(body) + b"\n]\n"]
    return [pretty(body) + b"\n"] if vertex else [b"data: " + spaced(body) + b"\r\n\r\n"]


def _details(refused: Refused, *, vertex: bool) -> list[Obj]:
    if refused.what == "key_wrong":
        reason = "ACCESS_TOKEN_TYPE_UNSUPPORTED" if vertex else "API_KEY_INVALID"
        service = "aiplatform.googleapis.com" if vertex else "generativelanguage.googleapis.com"
        return [
            {
                "@type": f"{_INFO}ErrorInfo",
                "reason": reason,
                "domain": "googleapis.com",
                "metadata": {"service": service},
            }
        ]
    if refused.what in {"rate", "quota"} and not vertex:
        day = "PerDay" if refused.what == "quota" else "PerMinute"
        violation = {
            "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
            "quotaId": f"Requests{day}",
        }
        failure: Obj = {"@type": f"{_INFO}QuotaFailure", "violations": [violation]}
        return [failure, {"@type": f"{_INFO}RetryInfo", "retryDelay": "7s"}]
    if refused.field:
        violation = {"field": refused.field, "description": refused.text}
        return [{"@type": f"{_INFO}BadRequest", "fieldViolations": [violation]}]
    return []


def _thoughts(reply: Reply, *, whole: bool) -> Iterator[Obj]:
    for piece in [reply.thinking] if whole and reply.thought else [] if whole else reply.thought:
        yield {"text": piece, "thought": True}


def _texts(reply: Reply, *, whole: bool) -> Iterator[Obj]:
    for piece in [reply.text] if whole and reply.pieces else [] if whole else reply.pieces:
        yield {"text": piece}


def _calls(reply: Reply) -> Iterator[Obj]:
    for call in reply.calls:
        yield {"functionCall": {"name": call.name, "args": call.arguments}}


def _signed(parts: list[Obj], reply: Reply) -> list[Obj]:
    """The first call is sealed, else the last text where the model thought."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first["thoughtSignature"] = seal(first["functionCall"]["name"])
    elif reply.thought:
        parts[-1]["thoughtSignature"] = seal("")
    return parts


def _blocked() -> Obj:
    return {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": _RATINGS}}


def _tail(asked: Asked, reply: Reply) -> Obj:
    return {"modelVersion": asked.model, "responseId": reply.mark}


def _usage(asked: Asked, reply: Reply, *, counted: bool = True) -> Obj:
    """Thought is counted beside the candidates; what was read from the cache is part of the prompt."""
    usage: Obj = {"promptTokenCount": reply.prompt}
    counted = counted and reply.ending not in {"filter", "refusal"}
    if counted:
        usage["candidatesTokenCount"] = reply.output
    usage["totalTokenCount"] = reply.prompt + (reply.output + reply.reasoning if counted else 0)
    if reply.cached:
        usage["cachedContentTokenCount"] = reply.cached
    usage["promptTokensDetails"] = details_of(asked)
    if counted and reply.reasoning:
        usage["thoughtsTokenCount"] = reply.reasoning
    return usage


def details_of(asked: Asked) -> list[Obj]:
    """The prompt's tokens by what they stand for."""
    images = MEDIA_TOKENS * sum(one.startswith("image/") for one in asked.media)
    found = [{"modality": "TEXT", "tokenCount": asked.words - images}]
    return found + ([{"modality": "IMAGE", "tokenCount": images}] if images else [])
