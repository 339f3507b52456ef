from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from poise.errors import CODES, Error, Failure
from poise.wire.anthropic.codec import CODEC
from poise.wire.anthropic.failure import error_body, error_event, kind_of, read
from poise.wire.conversation.event import Fault
from tests.recordings import exchanges

NOT_JSON = (b"", b"<html>502</html>", b"[]", b"null", b'"no"', b'{"error": 3}', b"\xff\xfe", b"[" * 100_000)


def test_every_recorded_error_has_its_failure() -> None:
    rows = [row for row in exchanges("anthropic.messages") if row["response"]["status"] >= 400]
    told = Counter(failure_of(row) for row in rows)

    assert {
        Failure.AUTH: 7,
        Failure.NOT_FOUND: 4,
        Failure.RATE: 5,
        Failure.OVERLOAD: 2,
        Failure.QUOTA: 2,
        Failure.CONTEXT_LENGTH: 4,
        Failure.TOO_LARGE: 1,
        Failure.BAD_REQUEST: 17,
    } == dict(told)
    assert 42 == told.total()  # the forty-third came inside a stream, with status 200


def test_the_recorded_bad_key_of_models_is_about_the_key() -> None:
    assert [Failure.AUTH] == [failure_of(row) for row in exchanges("anthropic.models")]


def failure_of(row: dict[str, Any]) -> Failure:
    answer = row["response"]
    headers = {name.encode(): value.encode() for name, value in answer["headers"].items()}
    failed = read(answer["status"], headers, json.dumps(answer["body"]).encode())

    assert answer["body"]["error"]["message"] == failed.text
    assert answer["body"]["error"]["type"] == failed.code
    wait = answer["headers"].get("retry-after")
    assert (min(float(wait), 60.0) if wait else None) == failed.retry_after_s
    return failed.failure


@pytest.mark.parametrize(
    ("status", "text", "failure"),
    [
        (400, "prompt is too long: 200016 tokens > 200000 maximum", Failure.CONTEXT_LENGTH),
        (400, "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", Failure.CONTEXT_LENGTH),
        (400, "Your credit balance is too low to access the Anthropic API.", Failure.QUOTA),
        (400, "You have reached your specified API usage limits.", Failure.SPEND_CAP),
        (400, "Output blocked by content filtering policy", Failure.CONTENT_FILTER),
        (400, "messages.0: Input does not match the expected shape.", Failure.BAD_REQUEST),
    ],
)
def test_what_hides_behind_a_bad_request_is_told_by_its_words(status: int, text: str, failure: Failure) -> None:
    body = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": text}}).encode()

    assert failure is read(status, {}, body).failure


@pytest.mark.parametrize("body", NOT_JSON)
@pytest.mark.parametrize(("status", "failure"), [(429, Failure.RATE), (502, Failure.SERVER), (302, Failure.MALFORMED)])
def test_a_body_that_is_no_error_is_judged_by_its_status(body: bytes, status: int, failure: Failure) -> None:
    assert failure is read(status, {}, body).failure


def test_other_servers_shapes_are_read() -> None:
    google = b'[{"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}]'
    assert (Failure.RATE, "Quota exceeded") == (read(429, {}, google).failure, read(429, {}, google).text)
    assert "model not found" == read(404, {}, b'{"error": "model not found"}').text
    assert "Too many tokens" == read(429, {}, b'{"message": "Too many tokens"}').text


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_error_of_ours_is_shown_with_the_type_that_its_status_has_there(code: str) -> None:
    error = Error(code, "no", hint="do")
    shown = json.loads(error_body(error, "d-1"))

    assert "error" == shown["type"]
    assert {"type": kind_of("", error.status), "message": "no. Hint: do", "code": code, "decision": "d-1"} == shown[
        "error"
    ]
    assert b"event: error\ndata: " + error_body(error, "d-1") + b"\n\n" == error_event(error, "d-1")


def test_types_follow_the_statuses_that_anthropic_documents() -> None:
    told = {status: kind_of("", status) for status in (400, 401, 402, 403, 404, 413, 422, 429, 500, 503, 504, 529)}

    assert {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        422: "invalid_request_error",
        429: "rate_limit_error",
        500: "api_error",
        503: "overloaded_error",
        504: "timeout_error",
        529: "overloaded_error",
    } == told


def test_a_prompt_too_long_elsewhere_is_told_in_the_words_that_clients_look_for() -> None:
    error = Error("upstream_rejected", "max 8192 tokens", vendor_code="context_length_exceeded")
    shown = json.loads(error_body(error, ""))["error"]

    assert "prompt is too long: max 8192 tokens" == shown["message"]
    assert "invalid_request_error" == shown["type"]


def test_an_error_event_of_ours_is_read_as_a_fault_whatever_it_says() -> None:
    error = Error("stream_broken", 'gone\n\ndata: {"type":"message_stop"}\r\n\r\n\x00')

    (fault,) = CODEC.event_reader().feed(error_event(error, "d"))
    assert isinstance(fault, Fault)
    assert ("api_error", 500) == (fault.code, fault.status)
