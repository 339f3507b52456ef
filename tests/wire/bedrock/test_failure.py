"""What Bedrock's errors mean. The words are those that the vendor's clients and users quote of it."""

from __future__ import annotations

import json

import pytest

from poise.errors import Error, Failure
from poise.wire.bedrock.failure import error_body, error_event, exception_of, read
from poise.wire.bedrock.frames import Message, messages_of

VALIDATION = "ValidationException"


@pytest.mark.parametrize(
    ("status", "name", "text", "failure"),
    [
        (429, "ThrottlingException", "Too many requests, please wait before trying again.", Failure.RATE),
        (429, "ThrottlingException", "Too many tokens, please wait before trying again.", Failure.RATE),
        (429, "ThrottlingException", "Too many tokens per day, please wait before trying again.", Failure.QUOTA),
        (429, "ModelNotReadyException", "Model is not ready for inference.", Failure.OVERLOAD),
        (400, "ServiceQuotaExceededException", "Your request exceeds the service quota.", Failure.QUOTA),
        (408, "ModelTimeoutException", "Model has timed out in processing the request.", Failure.TIMEOUT),
        (401, VALIDATION, "The bearer token is not valid.", Failure.AUTH),
        (413, VALIDATION, "The request is too long.", Failure.TOO_LARGE),
        (424, "ModelErrorException", "The model failed.", Failure.SERVER),
        (500, "InternalServerException", "The system encountered an unexpected error.", Failure.SERVER),
        (503, "ServiceUnavailableException", "Bedrock is unable to process your request.", Failure.OVERLOAD),
        (
            403,
            "AccessDeniedException",
            "You don't have access to the model with the specified model ID.",
            Failure.PERMISSION,
        ),
        (403, "UnrecognizedClientException", "The security token included in the request is invalid.", Failure.AUTH),
        (403, "AccessDeniedException", "The security token included in the request is expired", Failure.AUTH),
        (403, "InvalidSignatureException", "The request signature we calculated does not match.", Failure.AUTH),
        (403, "ExpiredTokenException", "The security token included in the request is expired", Failure.AUTH),
        (404, "ResourceNotFoundException", "Could not resolve the foundation model.", Failure.NOT_FOUND),
        (400, VALIDATION, "The provided model identifier is invalid.", Failure.NOT_FOUND),
        (400, VALIDATION, "Invocation of model ID x with on-demand throughput isn't supported.", Failure.NOT_FOUND),
        (400, VALIDATION, "Input is too long for requested model.", Failure.CONTEXT_LENGTH),
        (400, VALIDATION, "prompt is too long: 210000 tokens > 200000 maximum", Failure.CONTEXT_LENGTH),
        (
            400,
            VALIDATION,
            "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
            Failure.CONTEXT_LENGTH,
        ),
        (400, VALIDATION, "Output blocked by content filtering policy", Failure.CONTENT_FILTER),
        (400, VALIDATION, "messages.0.content: at least one message is required", Failure.BAD_REQUEST),
        (400, "", "", Failure.BAD_REQUEST),
        (413, "", "Request Entity Too Large", Failure.TOO_LARGE),
        (502, "", "<html>", Failure.SERVER),
        (301, "", "", Failure.MALFORMED),
    ],
)
def test_an_exception_is_a_failure(status: int, name: str, text: str, failure: Failure) -> None:
    """By the header's name, or the body's."""
    body = json.dumps({"message": text}).encode()
    in_header = read(status, {b"x-amzn-errortype": f"{name}:http://x/".encode()} if name else {}, body)
    in_body = read(status, {}, json.dumps({"__type": f"com.amazon.coral#{name}", "Message": text}).encode())

    assert (failure, failure) == (in_header.failure, in_body.failure)
    assert (status, name) == (in_header.status, in_header.code)


def test_a_model_behind_bedrock_is_judged_by_its_own_status() -> None:
    """ModelErrorException is 424, and says what the model answered."""
    headers = {b"x-amzn-errortype": b"ModelErrorException"}

    assert Failure.OVERLOAD is read(424, headers, b'{"originalStatusCode":503,"message":"m"}').failure
    assert Failure.BAD_REQUEST is read(424, headers, b'{"originalStatusCode":400,"message":"m"}').failure


@pytest.mark.parametrize("body", [b"", b"\xff", b"[1]", b'"x"', b"null", b'{"message":5}', b"[" * 5000])
def test_what_cannot_be_read_is_judged_by_its_status(body: bytes) -> None:
    """Never a surprise."""
    assert Failure.RATE is read(429, {b"retry-after": b"3"}, body).failure
    assert 3.0 == read(429, {b"retry-after": b"3"}, body).retry_after_s


def test_an_error_of_ours_is_told_as_an_exception() -> None:
    """In a stream as one of the five that streams have."""
    error = Error("stream_broken", "it broke", hint="ask again")

    assert {
        "__type": "InternalServerException",
        "message": "it broke. Hint: ask again",
        "poise_code": "stream_broken",
    } == (json.loads(error_body(error, "")))
    (message,) = messages_of(error_event(error, "d1"))
    assert ("exception", "internalServerException") == message[:2]
    assert "d1" == json.loads(message.payload)["decision"]
    assert [Message("exception", "modelStreamErrorException", b'{"message":"x"}')] == messages_of(
        exception_of("ModelTimeoutException", 408, "x")
    )
