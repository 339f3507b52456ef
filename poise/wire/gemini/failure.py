"""Errors, both ways: what Google's errors mean, and how one of ours is shown to a client that speaks Gemini."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.errors import AttemptFailed, Error, Failure
from poise.wire.conversation.part import Json
from poise.wire.gemini.forms import Obj, decode, encode
from poise.wire.openai.failure import MAX_WAIT_S, retry_after_s
from poise.wire.status import USUAL, of_status

_BY_WORD: Final = {
    "INVALID_ARGUMENT": Failure.BAD_REQUEST,
    "FAILED_PRECONDITION": Failure.BAD_REQUEST,
    "OUT_OF_RANGE": Failure.BAD_REQUEST,
    "UNIMPLEMENTED": Failure.BAD_REQUEST,
    "ALREADY_EXISTS": Failure.BAD_REQUEST,
    "UNAUTHENTICATED": Failure.AUTH,
    "PERMISSION_DENIED": Failure.PERMISSION,
    "NOT_FOUND": Failure.NOT_FOUND,
    "RESOURCE_EXHAUSTED": Failure.RATE,
    "UNAVAILABLE": Failure.OVERLOAD,
    "DEADLINE_EXCEEDED": Failure.TIMEOUT,
    "INTERNAL": Failure.SERVER,
    "UNKNOWN": Failure.SERVER,
    "DATA_LOSS": Failure.SERVER,
    "ABORTED": Failure.SERVER,
    "CANCELLED": Failure.SERVER,  # of a call that we have not cancelled
}
_BY_STATUS: Final = USUAL | {499: Failure.SERVER}
# google.rpc.ErrorInfo names the reason; it is finer than the status and than the HTTP code.
_BY_REASON: Final = {
    "API_KEY_INVALID": Failure.AUTH,
    "API_KEY_EXPIRED": Failure.AUTH,
    "ACCESS_TOKEN_EXPIRED": Failure.AUTH,
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": Failure.AUTH,
    "ACCOUNT_STATE_INVALID": Failure.AUTH,
    "CREDENTIALS_MISSING": Failure.AUTH,
    "SERVICE_DISABLED": Failure.PERMISSION,
    "IAM_PERMISSION_DENIED": Failure.PERMISSION,
    "CONSUMER_SUSPENDED": Failure.PERMISSION,
    "API_KEY_SERVICE_BLOCKED": Failure.PERMISSION,
    "BILLING_DISABLED": Failure.QUOTA,
    "RATE_LIMIT_EXCEEDED": Failure.RATE,
}
# What Google says in words alone: all of one row's words stand in the text.
_BY_TEXT: Final = (
    (("token count", "exceeds the maximum"), Failure.CONTEXT_LENGTH),
    (("unregistered callers",), Failure.AUTH),
    (("api key",), Failure.AUTH),
    (("user location is not supported",), Failure.PERMISSION),
    (("payload size exceeds",), Failure.TOO_LARGE),
    (("overloaded",), Failure.OVERLOAD),
)
_WORDS: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_TYPE: Final = "type.googleapis.com/google.rpc."


class _Said(msgspec.Struct):
    """What an error says, as far as it can be read."""

    text: str = ""
    word: str = ""
    reason: str = ""
    wait_s: float | None = None
    daily: bool = False  # a quota that is whole again tomorrow, not in a minute
    none: bool = False  # a quota of nothing: no waiting helps


def read(status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
    """What an error answer means. status 200 is an error inside a success."""
    said = _said(body)
    text = said.text or body[:200].decode(errors="replace") or f"status {status}, no body"
    wait_s = retry_after_s(headers)
    return AttemptFailed(
        _meaning(status, said),
        text,
        status=status,
        retry_after_s=said.wait_s if wait_s is None else wait_s,
        code=said.reason or said.word,
    )


def _meaning(status: int, said: _Said) -> Failure:
    named = _BY_REASON.get(said.reason)
    if status == 429 or said.word == "RESOURCE_EXHAUSTED" or named is Failure.RATE:
        return _exhausted(said)
    if named is not None:
        return named
    low = said.text.lower()
    if status < 500 and said.text:
        for words, failure in _BY_TEXT:
            if all(word in low for word in words):
                return failure
    if said.word in _BY_WORD and not (said.word == "UNKNOWN" and 400 <= status < 500):  # then the status says more
        return _BY_WORD[said.word]
    return of_status(status, _BY_STATUS)


def _exhausted(said: _Said) -> Failure:
    """One status for three facts: too fast, no more today, no more money."""
    low = said.text.lower()
    if "credits are depleted" in low or "spending cap" in low or "spend cap" in low:
        return Failure.SPEND_CAP
    return Failure.QUOTA if said.daily or said.none else Failure.RATE


def _said(body: bytes) -> _Said:
    try:
        raw: Json = decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _Said()
    return said_of(raw)


def said_of(raw: Json) -> _Said:
    """What a decoded error says: ``{"error": {...}}``, or a list of that one, as streams without SSE say it."""
    if isinstance(raw, list) and raw:
        raw = raw[0]
    error = raw.get("error") if isinstance(raw, dict) else None
    said = _Said()
    if isinstance(error, str):
        said.text = error
    if not isinstance(error, dict):
        return said
    said.text = _text(error.get("message"))
    said.word = _text(error.get("status"))
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict):
            _detail(detail, said)
    if said.text == "$grpcMessage":  # a template that Google forgot to fill; the true words stand in the details
        said.text = _debug(details) or said.text
    return said


def _detail(detail: Obj, said: _Said) -> None:
    said.reason = said.reason or _text(detail.get("reason"))
    wait_s = _wait_s(detail.get("retryDelay"))
    said.wait_s = wait_s if said.wait_s is None else said.wait_s
    metadata = detail.get("metadata")
    if isinstance(metadata, dict):
        said.none = said.none or metadata.get("quota_limit_value") == "0"
        said.daily = said.daily or "PerDay" in _text(metadata.get("quota_limit"))
    violations = detail.get("violations")
    for violation in violations if isinstance(violations, list) else ():
        if isinstance(violation, dict):
            said.daily = said.daily or "PerDay" in _text(violation.get("quotaId"))
            said.none = said.none or violation.get("quotaValue") == "0"


def _debug(details: Json) -> str:
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and "detail" in detail:
            return _text(detail["detail"])[:400]
    return ""


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _wait_s(said: Json) -> float | None:
    """Seconds of ``34.4s``, at most a minute; None where it is no duration."""
    if not isinstance(said, str) or not said.endswith("s"):
        return None
    try:
        wait_s = float(said[:-1])
    except ValueError:
        return None
    return min(wait_s, MAX_WAIT_S) if wait_s >= 0 else None


def error_body(error: Error, decision: str) -> bytes:
    """An error in Google's shape. code is the HTTP status, by which the stock clients choose their exception."""
    message = f"{error.text}. Hint: {error.hint}" if error.hint else error.text
    metadata: Obj = {"code": error.code}
    if error.vendor_code:
        metadata["vendor_code"] = error.vendor_code
    if decision:
        metadata["decision"] = decision
    details: list[Json] = [
        {"@type": f"{_TYPE}ErrorInfo", "reason": error.code.upper(), "domain": "poise", "metadata": metadata}
    ]
    if error.retry_after_s is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after_s}s"})
    word = _WORDS.get(error.status) or ("INVALID_ARGUMENT" if error.status < 500 else "INTERNAL")
    return encode({"error": {"code": error.status, "message": message, "status": word, "details": details}})


def error_event(error: Error, decision: str) -> bytes:
    """An error inside a stream that has begun. The stock clients look for an object whose first key is error."""
    return b"data: " + error_body(error, decision) + b"\r\n\r\n"
