"""Errors, both ways: what an upstream's error means, and how an error of ours is shown to a client."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import msgspec

from poise.errors import CODES, AttemptFailed, Error, Failure
from poise.wire.status import USUAL, of_status

MAX_WAIT_S = 60.0  # an upstream that asks for more is not waited for any longer than this (fault F01)

_BY_STATUS = USUAL | {529: Failure.OVERLOAD}
_BY_CODE = {
    "context_length_exceeded": Failure.CONTEXT_LENGTH,
    "content_filter": Failure.CONTENT_FILTER,
    "content_policy_violation": Failure.CONTENT_FILTER,
    "insufficient_quota": Failure.QUOTA,
    "billing_hard_limit_reached": Failure.SPEND_CAP,
    "invalid_api_key": Failure.AUTH,
    "model_not_found": Failure.NOT_FOUND,
    "rate_limit_exceeded": Failure.RATE,
    "overloaded_error": Failure.OVERLOAD,
}


class _Inner(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None


class _Shape(msgspec.Struct):
    error: _Inner | str | None = None
    message: str | None = None


_decode = msgspec.json.Decoder(_Shape).decode
_encode = msgspec.json.Encoder().encode


def read(status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
    """What an error answer means. headers may hold retry-after and retry-after-ms; status 200 is an error inside a success."""
    inner = _inner(body)
    named = _BY_CODE.get(str(inner.code)) or _BY_CODE.get(inner.type or "")
    by_status = of_status(status, _BY_STATUS)
    text = inner.message or body[:200].decode(errors="replace") or f"status {status}, no body"
    return AttemptFailed(
        named or by_status, text, status=status, retry_after_s=retry_after_s(headers), code=str(inner.code or "")
    )


def retry_after_s(headers: dict[bytes, bytes]) -> float | None:
    """How long the upstream asks us to stay away, seconds in [0, 60]; None where it says nothing readable."""
    for name, scale in ((b"retry-after-ms", 0.001), (b"retry-after", 1.0)):
        raw = headers.get(name)
        if raw is None:
            continue
        try:
            wait_s = float(raw) * scale
        except ValueError:
            wait_s = _until_date(raw, headers.get(b"date", b""))
        if wait_s == wait_s and wait_s >= 0:  # not NaN, not negative
            return min(wait_s, MAX_WAIT_S)
    return None


def body(error: Error, decision: str) -> bytes:
    """An error in OpenAI's shape. code is stable; decision names the record that explains it ('' where there is none)."""
    message = f"{error.text}. Hint: {error.hint}" if error.hint else error.text
    inner: dict[str, object] = {"message": message, "type": CODES[error.code].kind, "param": None, "code": error.code}
    if error.vendor_code:  # stock clients test for the vendor's own code, context_length_exceeded for one
        inner["code"], inner["poise_code"] = error.vendor_code, error.code
    if decision:
        inner["decision"] = decision
    return _encode({"error": inner})


def _inner(raw: bytes) -> _Inner:
    try:
        shape = _decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _Inner()
    if isinstance(shape.error, _Inner):
        return shape.error
    return _Inner(message=shape.error or shape.message)


def _until_date(raw: bytes, now: bytes) -> float:
    """An HTTP date is read against the upstream's own Date header, so that a skewed clock shifts nothing."""
    try:
        then = parsedate_to_datetime(raw.decode("ascii"))
        return (then - parsedate_to_datetime(now.decode("ascii"))).total_seconds()
    except (ValueError, TypeError):
        return -1.0
