"""Errors of the Open Inference Protocol, both ways: ``{"error": "<text>"}`` with a status.

Servers differ in the status. Triton answers 400 where its own code is invalid_arg, which in older versions an unknown
model is too, 404 not_found, 503 unavailable, 501 unsupported, 500 internal; MLServer answers 400 for a model that is not
loaded yet, and 422 as FastAPI does; KServe 400, 404, 500 and 503.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from poise.errors import AttemptFailed, Error, Failure
from poise.wire.failures_said import read as read_said
from poise.wire.failures_tables import BY_STATUS
from poise.wire.openai.failure import retry_after_s

MAX_TEXT_CHARS: Final = 1_000
MAX_LOOKED_CHARS: Final = 2_000

# Whole sentences from their first word on, so that nothing which a caller makes a server quote can be taken for one.
_UNKNOWN: Final = re.compile(r"Request for unknown model: '[^']{1,512}' (?:version \S{1,64} )?(?:is|has) n")
_LOADING: Final = re.compile(r"Model \S{1,512} (?:with version \S{1,64} )?is not ready yet\.?\Z")

_encode: Final = msgspec.json.Encoder().encode


def read(status: int, headers: dict[bytes, bytes], body: bytes) -> AttemptFailed:
    """What an error answer means. Never raises; 200 is an error inside a success."""
    said = read_said(body, headers)
    text = said.message or f"status {status}, no body"
    return AttemptFailed(
        _failure(status, text[:MAX_LOOKED_CHARS]),
        text[:MAX_TEXT_CHARS],
        status=status,
        retry_after_s=retry_after_s(headers),
    )


def _failure(status: int, text: str) -> Failure:
    if _UNKNOWN.match(text):
        return Failure.NOT_FOUND
    if status == 400 and _LOADING.match(text):
        return Failure.OVERLOAD
    if status == 501:
        return Failure.BAD_REQUEST  # Triton: this model has no such feature; the target is well
    known = BY_STATUS.get(status)
    if known is not None:
        return known
    if 300 <= status < 400:
        return Failure.MALFORMED  # redirects are never followed: the key would go to another origin
    return Failure.BAD_REQUEST if 400 <= status < 500 else Failure.SERVER


def error_body(error: Error, decision: str) -> bytes:
    """An error of ours. Clients read ``error``; code is stable, decision names the record ('' where there is none)."""
    text = f"{error.text}. Hint: {error.hint}" if error.hint else error.text
    shown = {"error": text, "code": error.code}
    if decision:
        shown["decision"] = decision
    return _encode(shown)
