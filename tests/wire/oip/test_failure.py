"""What the servers' errors mean, and how ours are shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.errors import CODES, FAILURES, Blame, Error, Failure
from poise.wire.dialects import DIALECTS

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy
OIP = DIALECTS["oip"]
# Statuses and words as Triton, MLServer and KServe are known to send them.
SAID = [
    (400, "unexpected shape for input 'INPUT0' for model 'm'. Expected [-1,16], got [1,3]", Failure.BAD_REQUEST),
    (400, "Request for unknown model: 'm' is not found", Failure.NOT_FOUND),
    (404, "Request for unknown model: 'm' version 7 is not found", Failure.NOT_FOUND),
    (400, "Request for unknown model: 'm' has no available versions", Failure.NOT_FOUND),
    (500, "Request for unknown model: 'm' is not found", Failure.NOT_FOUND),
    (404, "Model m with version 3 not found", Failure.NOT_FOUND),
    (404, "Model with name m does not exist.", Failure.NOT_FOUND),
    (400, "Model m is not ready yet.", Failure.OVERLOAD),
    (400, "Model m with version v2 is not ready yet.", Failure.OVERLOAD),
    (503, "Model with name m is not ready.", Failure.OVERLOAD),
    (503, "Exceeds maximum queue size", Failure.OVERLOAD),
    (500, "failed to run: CUDA out of memory", Failure.SERVER),
    (501, "doesn't support models with decoupled transaction policy", Failure.BAD_REQUEST),
    (499, "cancelled", Failure.SERVER),
    (413, "too large", Failure.TOO_LARGE),
    (401, "unauthorized", Failure.AUTH),
    (403, "forbidden", Failure.PERMISSION),
    (429, "slow down", Failure.RATE),
    (504, "upstream request timeout", Failure.TIMEOUT),
    (302, "moved", Failure.MALFORMED),
    (400, "input 'Request for unknown model: x is not found' is not known", Failure.BAD_REQUEST),
]


@pytest.mark.parametrize(("status", "text", "failure"), SAID)
def test_an_error_is_classified_by_its_status_and_whole_sentences(status: int, text: str, failure: Failure) -> None:
    found = OIP.failure(status, {}, json.dumps({"error": text}).encode())

    assert (failure, text, status) == (found.failure, found.text, found.status)


@pytest.mark.parametrize(
    ("body", "text"),
    {
        b'{"detail":[{"loc":["body","inputs"],"msg":"field required"}]}': "body.inputs: field required",
        b'{"detail":"Not Found"}': "Not Found",
        b"upstream connect error": "upstream connect error",
        b"<html><title>502 Bad Gateway</title>": "502 Bad Gateway",
        b"": "status 422, no body",
        b'{"error":""}': "status 422, no body",
    }.items(),
)
def test_the_words_are_found_in_other_shapes_too(body: bytes, text: str) -> None:
    assert text == OIP.failure(422, {}, body).text


def test_a_pause_that_is_asked_for_is_kept() -> None:
    assert 3.0 == OIP.failure(429, {b"retry-after": b"3"}, b"").retry_after_s


@CALM
@given(
    st.integers(400, 499),
    st.binary(max_size=200) | st.text(max_size=100).map(lambda t: json.dumps({"error": t}).encode()),
)
def test_only_a_status_blames_the_target(status: int, body: bytes) -> None:
    """No words in a 4xx that says nothing of the target do: a caller may have put them there."""
    plain = OIP.failure(status, {}, b"").failure
    found = OIP.failure(status, {}, body).failure

    assert FAILURES[plain].blame is Blame.TARGET or FAILURES[found].blame is not Blame.TARGET


@pytest.mark.parametrize("code", CODES)
def test_every_error_of_ours_is_of_the_protocols_shape(code: str) -> None:
    """``error`` is text, with the way out in it."""
    shown = json.loads(OIP.error_body(Error(code, "what", hint="do this"), "d-1"))

    assert {"error": "what. Hint: do this", "code": code, "decision": "d-1"} == shown
    assert {"error": "what", "code": code} == json.loads(OIP.error_event(Error(code, "what"), ""))
