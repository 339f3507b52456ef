"""What any vendor's error means, as one of our failures: the world of OpenAI's likes, and a fallback for everybody else.

``said`` (failures_said.py) finds what an error calls itself, in whichever of the known shapes it comes. ``classify`` then
asks, and the first that knows the answer gives it:

1. the vendor's own row of codes, for codes that mean something else elsewhere (numbers, mostly);
2. the tables of codes and types that mean one thing wherever they are used;
3. the words of the message, where the status leaves room for them;
4. Google's status words, then the HTTP status.

Words may only make a failure the *target's* (rate, overload) where the vendor itself says so by its status: else a caller
could have a healthy target ejected with a request that makes it quote such words.
"""

from __future__ import annotations

import re
from typing import Final

from poise.errors import AttemptFailed, Failure
from poise.wire.failures_said import Said, read
from poise.wire.failures_tables import BY_CODE, BY_STATUS, BY_VENDOR, BY_WORD, GOOGLE, MAX_WORDS_LENGTH
from poise.wire.openai.failure import MAX_WAIT_S, retry_after_s
from poise.wire.status import of_status

MAX_TEXT_LENGTH: Final = 1_000  # characters of an error's text that are kept

# "Please try again in 6m3.5s", "Please retry in 34.4s", "try again in 120ms", "retry after 12 seconds"
_SPAN: Final = r"(\d{1,9}(?:\.\d{1,9})?) ?(ms|milliseconds?|seconds?|minutes?|hours?|s|m|h)"
_SPANS: Final = re.compile(_SPAN)
_AGAIN: Final = re.compile(rf"(?:try again|retry) (?:in|after) ((?:{_SPAN} ?){{1,4}})")
_UNIT_S: Final = {
    "ms": 0.001,
    "milliseconds": 0.001,
    "s": 1.0,
    "seconds": 1.0,
    "m": 60.0,
    "minutes": 60.0,
    "h": 3_600.0,
}


def classify(status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
    """What an error means. Never raises; bytes that nobody can read are judged by their status.

    status 200 is an error inside a success (the event's data, or the whole body). headers are lower-case; retry-after,
    retry-after-ms, date and x-amzn-errortype are looked at. vendor is its name in poise.yaml, '' where it is not known.
    """
    return _meant(read(body, headers), status, headers, vendor)


def _meant(said: Said, status: int, headers: dict[bytes, bytes], vendor: str) -> AttemptFailed:
    if status < 300 and 400 <= said.status < 600:
        status = said.status  # an error inside a success that brings its own
    failure = _failure(said, status, vendor)
    inner = said.inner
    if inner is not None:  # a router tells what the vendor behind it said, which is more exact where it says anything
        nested = _failure(inner, status, "")
        plain = of_status(status, BY_STATUS)
        failure = nested if nested is not plain or failure is plain else failure
    deepest = inner if inner is not None and (inner.message or inner.code) else said
    text = deepest.message or said.message or f"status {status}, no body"
    wait_s = retry_after_s(headers)
    if wait_s is None:
        wait_s = said.wait_s if said.wait_s is not None else _wait_in(text)
    return AttemptFailed(
        failure,
        text[:MAX_TEXT_LENGTH],
        status=status,
        retry_after_s=None if wait_s is None else min(wait_s, MAX_WAIT_S),
        code=deepest.code or deepest.kind or said.code or said.kind,
    )


def _failure(said: Said, status: int, vendor: str) -> Failure:
    own = BY_VENDOR.get((vendor, said.code))
    if own is not None:
        return own
    words = f"{said.message[:MAX_WORDS_LENGTH]} {said.also[:MAX_WORDS_LENGTH]}".lower()
    for name in (said.code, said.kind, *said.more):
        known = BY_CODE.get(_plain(name))
        if known is not None:
            return _nuanced(known, said, status, words)
    for row in BY_WORD:
        if row.applies(status, words):
            return row.failure
    google = GOOGLE.get(said.kind)
    if google is None or (said.kind == "UNKNOWN" and 400 <= status < 500):  # then the status says more
        return of_status(status, BY_STATUS)
    return google


def _nuanced(known: Failure, said: Said, status: int, words: str) -> Failure:
    """Two names that say less than the words beside them."""
    if known is Failure.RATE and "request too large" in words:
        return Failure.TOO_LARGE  # larger than all of a minute's allowance: no waiting helps
    if known is Failure.PERMISSION and status == 401:
        return Failure.AUTH
    return known


def _plain(name: str) -> str:
    """One spelling for RateLimitReached, rate_limit_reached, Rate-Limit-Reached and RATE_LIMIT_REACHED."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _wait_in(text: str) -> float | None:
    found = _AGAIN.search(text[:MAX_WORDS_LENGTH].lower())
    if found is None:
        return None
    spans = _SPANS.findall(found[1])
    return sum(float(number) * (_UNIT_S.get(unit) or _UNIT_S.get(f"{unit}s") or 3_600.0) for number, unit in spans)
