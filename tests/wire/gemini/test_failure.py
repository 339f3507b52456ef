"""Google's errors, made up where none was recorded, and ours in Google's shape."""

from __future__ import annotations

import json

import pytest

from poise.errors import CODES, Error, Failure
from poise.wire.conversation.event import Fault
from poise.wire.gemini import Gemini, failure


def _error(code: int, message: str, status: str = "", *details: object) -> bytes:
    return json.dumps(
        {"error": {"code": code, "message": message, "status": status, "details": list(details)}}
    ).encode()


def _quota(name: str) -> dict[str, object]:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": name}]}


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (429, _error(429, "quota", "RESOURCE_EXHAUSTED", _quota("RequestsPerMinutePerProject")), Failure.RATE),
        (429, _error(429, "quota", "RESOURCE_EXHAUSTED", _quota("RequestsPerDayPerProject")), Failure.QUOTA),
        (429, _error(429, "Your prepayment credits are depleted."), Failure.SPEND_CAP),
        (503, _error(503, "The model is overloaded.", "UNAVAILABLE"), Failure.OVERLOAD),
        (504, _error(504, "too late", "DEADLINE_EXCEEDED"), Failure.TIMEOUT),
        (
            400,
            _error(400, "Request payload size exceeds the limit: 20971520 bytes.", "INVALID_ARGUMENT"),
            Failure.TOO_LARGE,
        ),
        (400, _error(400, "API key expired. Please renew the API key.", "INVALID_ARGUMENT"), Failure.AUTH),
        (403, _error(403, "Billing", "", {"reason": "BILLING_DISABLED"}), Failure.QUOTA),
        (502, b"<html>bad gateway</html>", Failure.SERVER),
        (404, b"", Failure.NOT_FOUND),
        (413, _error(413, "x", "UNKNOWN"), Failure.TOO_LARGE),
        (422, _error(422, "x", "UNKNOWN"), Failure.BAD_REQUEST),
        (500, _error(500, "x", "UNKNOWN"), Failure.SERVER),
        (409, _error(409, "x", "ABORTED"), Failure.SERVER),
        (302, b"", Failure.MALFORMED),
        (418, b'{"error": "words"}', Failure.BAD_REQUEST),
        (200, _error(500, "x", "INTERNAL"), Failure.SERVER),
        (400, b'{"error": {"message": 3, "details": [3, {"metadata": 3, "violations": [3]}]}}', Failure.BAD_REQUEST),
    ],
)
def test_errors_mean_one_failure(status: int, body: bytes, wanted: Failure) -> None:
    """By reason, then by words, then by Google's status, then by HTTP's."""
    said = failure.read(status, {}, body)

    assert (wanted, status) == (said.failure, said.status)
    assert said.text


def test_how_long_to_stay_away_is_read() -> None:
    """From the header, else from RetryInfo; never more than a minute."""
    body = _error(429, "q", "RESOURCE_EXHAUSTED", {"retryDelay": "34.4s"})

    assert 34.4 == failure.read(429, {}, body).retry_after_s
    assert 2.0 == failure.read(429, {b"retry-after": b"2"}, body).retry_after_s
    assert 60.0 == failure.read(429, {}, _error(429, "q", "", {"retryDelay": "9000s"})).retry_after_s
    assert failure.read(429, {}, _error(429, "q", "", {"retryDelay": "soon"})).retry_after_s is None


@pytest.mark.parametrize("code", CODES)
def test_an_error_of_ours_in_googles_shape(code: str) -> None:
    """The code is the HTTP status, status Google's word for it; the hint, the decision and our own code are told."""
    error = Error(code, "it broke", hint="mend it", retry_after_s=3, vendor_code="API_KEY_INVALID")
    said = json.loads(failure.error_body(error, "d1"))["error"]

    assert CODES[code].status == said["code"]
    assert said["status"].isupper()
    assert "it broke. Hint: mend it" == said["message"]
    assert {"code": code, "vendor_code": "API_KEY_INVALID", "decision": "d1"} == said["details"][0]["metadata"]
    assert "3s" == said["details"][1]["retryDelay"]
    events = Gemini().event_reader().feed(failure.error_event(error, "d1"))
    assert Fault("it broke. Hint: mend it", said["status"], CODES[code].status) == events[-1]
