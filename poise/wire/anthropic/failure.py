"""Errors, both ways: what Anthropic's error means, and how an error of ours is shown to an Anthropic client.

The official SDK chooses its exception by the status; ``type`` is what it and people read beside it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.errors import AttemptFailed, Error, Failure
from poise.wire.anthropic.rest import decode, encode
from poise.wire.openai.failure import retry_after_s
from poise.wire.status import USUAL, of_status

_BY_TYPE: Final = {
    "invalid_request_error": Failure.BAD_REQUEST,
    "authentication_error": Failure.AUTH,
    "billing_error": Failure.QUOTA,
    "permission_error": Failure.PERMISSION,
    "not_found_error": Failure.NOT_FOUND,
    "request_too_large": Failure.TOO_LARGE,
    "rate_limit_error": Failure.RATE,
    "timeout_error": Failure.TIMEOUT,
    "api_error": Failure.SERVER,
    "overloaded_error": Failure.OVERLOAD,
}
_BY_STATUS: Final = USUAL | {402: Failure.QUOTA, 529: Failure.OVERLOAD}
# What hides behind invalid_request_error: only the words tell.
_BY_WORDS: Final = (
    ("prompt is too long", Failure.CONTEXT_LENGTH),
    ("exceed context limit", Failure.CONTEXT_LENGTH),
    ("too many total text bytes", Failure.TOO_LARGE),
    ("credit balance is too low", Failure.QUOTA),
    ("api usage limits", Failure.SPEND_CAP),
    ("content filtering policy", Failure.CONTENT_FILTER),
)
_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def read(status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
    """What an error answer means; headers as in ``wire.openai.failure``. Status 200 is an error inside a success."""
    kind, text = _words(body)
    failure = _BY_TYPE.get(kind) or of_status(status, _BY_STATUS)
    if failure is Failure.BAD_REQUEST:
        low = text[:500].lower()
        failure = next((one for words, one in _BY_WORDS if words in low), failure)
    told = text or body[:200].decode(errors="replace") or f"status {status}, no body"
    return AttemptFailed(failure, told, status=status, retry_after_s=retry_after_s(headers), code=kind)


def error_body(error: Error, decision: str) -> bytes:
    """An error in Anthropic's shape. code is stable; decision names the record that explains it ('' where there is none)."""
    return encode(_shape(error, decision))


def error_event(error: Error, decision: str) -> bytes:
    """The same as the last event of a stream."""
    return b"event: error\ndata: %b\n\n" % encode(_shape(error, decision))


def error_frame(kind: str, text: str) -> bytes:
    """A provider's error, told on inside a stream."""
    return b"event: error\ndata: %b\n\n" % encode({"type": "error", "error": {"type": kind, "message": text}})


def kind_of(code: str, status: int) -> str:
    """Anthropic's name for an error: code, where it is one of theirs, else by status."""
    if code in _BY_TYPE:
        return code
    return _KINDS.get(status) or ("invalid_request_error" if 400 <= status < 500 else "api_error")


def _shape(error: Error, decision: str) -> dict[str, object]:
    text = error.text
    if error.vendor_code == "context_length_exceeded" and "prompt is too long" not in text:
        text = f"prompt is too long: {text}"  # clients that shorten the conversation look for these words
    if error.hint:
        text = f"{text}. Hint: {error.hint}"
    inner: dict[str, object] = {"type": kind_of(error.vendor_code, error.status), "message": text, "code": error.code}
    if decision:
        inner["decision"] = decision
    return {"type": "error", "error": inner}


def _words(body: bytes) -> tuple[str, str]:
    """The error's type and text; '' for what is not said. Other servers' shapes too: Google's list, a bare string."""
    try:
        node = decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return "", ""
    if isinstance(node, list) and node:
        node = node[0]
    if not isinstance(node, dict):
        return "", ""
    inner = node.get("error", node)
    if isinstance(inner, str):
        return "", inner
    if not isinstance(inner, dict):
        return "", ""
    kind, text = inner.get("type"), inner.get("message")
    return kind if isinstance(kind, str) else "", text if isinstance(text, str) else ""
