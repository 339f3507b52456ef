"""What went wrong: whose fault it is, whether it may be tried again, what the caller sees.

Every error a caller can meet is a row of ``CODES``; every way an attempt can fail is a row of ``FAILURES``.
Both lists are closed and both are documented in docs/errors.md (a test compares them).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Blame(StrEnum):
    """Whose fault a failure is; ``nobody`` counts against no target's health."""

    CALLER = "caller"
    KEY = "key"
    TARGET = "target"
    GATEWAY = "gateway"
    NOBODY = "nobody"


class Again(StrEnum):
    """Where a failed attempt may be tried again."""

    NO = "no"
    HERE = "here"
    ELSEWHERE = "elsewhere"


class Failure(StrEnum):
    """Why one attempt failed. The list is closed."""

    RATE = "rate"
    QUOTA = "quota"
    SPEND_CAP = "spend_cap"
    OVERLOAD = "overload"
    AUTH = "auth"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    BAD_REQUEST = "bad_request"
    TOO_LARGE = "too_large"
    NOT_CARRIED = "not_carried"
    TIMEOUT = "timeout"
    CONNECT = "connect"
    TLS = "tls"
    MALFORMED = "malformed"
    CUT = "cut"
    STALLED = "stalled"
    DIFFERED = "differed"
    SERVER = "server"
    LOCAL = "local_resource"


class FailureFacts(NamedTuple):
    """What follows from a failure: who is blamed, where it may be tried again, the status a caller gets if it is final."""

    blame: Blame
    again: Again
    status: int


FAILURES: dict[Failure, FailureFacts] = {
    Failure.RATE: FailureFacts(Blame.TARGET, Again.ELSEWHERE, 429),
    Failure.QUOTA: FailureFacts(Blame.KEY, Again.ELSEWHERE, 429),
    Failure.SPEND_CAP: FailureFacts(Blame.KEY, Again.ELSEWHERE, 429),
    Failure.OVERLOAD: FailureFacts(Blame.TARGET, Again.ELSEWHERE, 503),
    Failure.AUTH: FailureFacts(Blame.KEY, Again.ELSEWHERE, 502),
    Failure.PERMISSION: FailureFacts(Blame.KEY, Again.ELSEWHERE, 502),
    Failure.NOT_FOUND: FailureFacts(Blame.KEY, Again.ELSEWHERE, 502),
    Failure.CONTEXT_LENGTH: FailureFacts(Blame.CALLER, Again.ELSEWHERE, 400),
    Failure.CONTENT_FILTER: FailureFacts(Blame.CALLER, Again.NO, 400),
    Failure.BAD_REQUEST: FailureFacts(Blame.CALLER, Again.NO, 400),
    Failure.TOO_LARGE: FailureFacts(Blame.CALLER, Again.ELSEWHERE, 413),
    Failure.NOT_CARRIED: FailureFacts(Blame.CALLER, Again.ELSEWHERE, 400),
    Failure.TIMEOUT: FailureFacts(Blame.TARGET, Again.ELSEWHERE, 504),
    Failure.CONNECT: FailureFacts(Blame.TARGET, Again.ELSEWHERE, 502),
    Failure.TLS: FailureFacts(Blame.TARGET, Again.ELSEWHERE, 502),
    Failure.MALFORMED: FailureFacts(Blame.TARGET, Again.ELSEWHERE, 502),
    Failure.CUT: FailureFacts(Blame.TARGET, Again.ELSEWHERE, 502),
    Failure.STALLED: FailureFacts(Blame.TARGET, Again.ELSEWHERE, 504),
    Failure.DIFFERED: FailureFacts(Blame.NOBODY, Again.ELSEWHERE, 502),
    Failure.SERVER: FailureFacts(Blame.TARGET, Again.ELSEWHERE, 502),
    Failure.LOCAL: FailureFacts(Blame.GATEWAY, Again.ELSEWHERE, 503),
}


class Code(NamedTuple):
    """One stable error code: the HTTP status and the OpenAI error ``type`` it is shown with."""

    status: int
    kind: str


_BAD = "invalid_request_error"
CODES: dict[str, Code] = {
    # the connection and the message
    "bad_request": Code(400, _BAD),
    "bad_framing": Code(400, _BAD),
    "bad_header": Code(400, _BAD),
    "bad_host": Code(400, _BAD),
    "headers_too_large": Code(431, _BAD),
    "body_too_large": Code(413, _BAD),
    "uri_too_long": Code(414, _BAD),
    "unsupported_encoding": Code(415, _BAD),
    "expectation_failed": Code(417, _BAD),
    "upgrade_refused": Code(501, _BAD),
    "request_timeout": Code(408, _BAD),
    "not_found": Code(404, _BAD),
    "method_not_allowed": Code(405, _BAD),
    # the body
    "invalid_json": Code(400, _BAD),
    "duplicate_field": Code(400, _BAD),
    "invalid_field": Code(400, _BAD),
    # who may
    "invalid_api_key": Code(401, "authentication_error"),
    "key_at_limit": Code(429, "rate_limit_error"),
    "key_not_allowed": Code(403, "permission_error"),
    "unknown_model": Code(404, _BAD),
    # no way on
    "no_candidate": Code(503, "no_candidate_error"),
    "pin_unavailable": Code(409, "pin_error"),
    "deadline_exceeded": Code(504, "timeout_error"),
    "over_budget": Code(402, "budget_error"),
    "upstream_rate_limited": Code(429, "rate_limit_error"),
    "upstream_quota": Code(429, "insufficient_quota"),
    "upstream_overloaded": Code(503, "overloaded_error"),
    "upstream_rejected": Code(400, _BAD),
    "not_carried": Code(400, _BAD),
    "upstream_failed": Code(502, "upstream_error"),
    "upstream_timeout": Code(504, "timeout_error"),
    "stream_broken": Code(502, "upstream_error"),
    # the gateway itself
    "too_busy": Code(503, "overloaded_error"),
    "draining": Code(503, "overloaded_error"),
    "record_required": Code(503, "overloaded_error"),
    "internal": Code(500, "server_error"),
}

# What a caller is told, and the hint beside it, where the last attempt failed so and it is not the caller's fault; all
# others are upstream_failed. A code's status is the failure's own: stock SDKs wait and try again by it.
FINAL: dict[Failure, tuple[str, str]] = {
    Failure.RATE: ("upstream_rate_limited", "slow down"),
    Failure.QUOTA: ("upstream_quota", "trying again will not help until the provider's account is topped up"),
    Failure.SPEND_CAP: ("upstream_quota", "trying again will not help until the bound at the provider is raised"),
    Failure.OVERLOAD: ("upstream_overloaded", "try again after a while, or give the workflow more candidates"),
    Failure.TIMEOUT: ("upstream_timeout", "try again, or allow more time"),
    Failure.STALLED: ("upstream_timeout", "try again, or allow more time"),
    Failure.LOCAL: ("too_busy", "try again"),
}


class Error(Exception):
    """A fact about the world that a caller is told: code, text, and a hint how to get on.

    code must be a row of CODES; retry_after_s, where not None, becomes the Retry-After header (seconds). status is
    CODES' unless an upstream's own 4xx is passed on; vendor_code is then what the upstream called it.
    """

    def __init__(
        self,
        code: str,
        text: str,
        *,
        hint: str = "",
        retry_after_s: int | None = None,
        status: int = 0,
        vendor_code: str = "",
    ) -> None:
        super().__init__(text)
        assert code in CODES, code
        self.code = code
        self.text = text
        self.hint = hint
        self.retry_after_s = retry_after_s
        self.status = status or CODES[code].status
        self.vendor_code = vendor_code

    def __str__(self) -> str:
        return f"{self.text}\n  hint: {self.hint}" if self.hint else self.text


class AttemptFailed(Exception):
    """One attempt at one target failed; only ``path.recover`` decides what follows.

    status is the upstream's HTTP status, 0 if there was none; retry_after_s what it asked for, seconds; code its own
    name for the error.
    """

    def __init__(
        self, failure: Failure, text: str, *, status: int = 0, retry_after_s: float | None = None, code: str = ""
    ) -> None:
        super().__init__(text)
        self.failure = failure
        self.text = text
        self.status = status
        self.retry_after_s = retry_after_s
        self.code = code
