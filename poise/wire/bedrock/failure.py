"""Errors, both ways: what Bedrock's exceptions mean, and how an error of ours is shown to an AWS client.

An AWS client goes by the name of the exception: of the header ``x-amzn-errortype``, or of ``__type`` in the body.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.errors import AttemptFailed, Error, Failure
from poise.wire.anthropic.rest import decode, encode
from poise.wire.bedrock.frames import write
from poise.wire.openai.failure import retry_after_s
from poise.wire.status import USUAL, of_status

MAX_TEXT_LENGTH: Final = 1_000  # characters of an error's text that are kept
_BY_NAME: Final = {
    "AccessDeniedException": Failure.PERMISSION,
    "UnrecognizedClientException": Failure.AUTH,
    "InvalidSignatureException": Failure.AUTH,
    "SignatureDoesNotMatch": Failure.AUTH,
    "ExpiredTokenException": Failure.AUTH,
    "ExpiredToken": Failure.AUTH,
    "InvalidClientTokenId": Failure.AUTH,
    "IncompleteSignature": Failure.AUTH,
    "IncompleteSignatureException": Failure.AUTH,
    "MissingAuthenticationToken": Failure.AUTH,
    "MissingAuthenticationTokenException": Failure.AUTH,
    "OptInRequired": Failure.PERMISSION,
    "NotAuthorized": Failure.PERMISSION,
    "ResourceNotFoundException": Failure.NOT_FOUND,
    "UnknownOperationException": Failure.NOT_FOUND,
    "ThrottlingException": Failure.RATE,
    "Throttling": Failure.RATE,
    "TooManyRequestsException": Failure.RATE,
    "RequestLimitExceeded": Failure.RATE,
    "ServiceQuotaExceededException": Failure.QUOTA,
    "ModelTimeoutException": Failure.TIMEOUT,
    "RequestExpired": Failure.AUTH,  # the moment of the signature has passed
    "ModelNotReadyException": Failure.OVERLOAD,
    "ServiceUnavailableException": Failure.OVERLOAD,
    "ServiceUnavailable": Failure.OVERLOAD,
    "InternalServerException": Failure.SERVER,
    "InternalFailure": Failure.SERVER,
    "InternalFailureException": Failure.SERVER,
    "ModelErrorException": Failure.SERVER,
    "ModelStreamErrorException": Failure.SERVER,
    "ValidationException": Failure.BAD_REQUEST,
    "ValidationError": Failure.BAD_REQUEST,
    "SerializationException": Failure.BAD_REQUEST,
    "ConflictException": Failure.BAD_REQUEST,
}
_SAYS_MORE: Final = frozenset({401, 403, 413, 429})  # than ValidationException; the caller's key is not meant by 401
_BY_STATUS: Final = USUAL | {424: Failure.SERVER}
STATUSES: Final = {
    "ThrottlingException": 429,
    "ValidationException": 400,
    "ModelStreamErrorException": 424,
    "ModelErrorException": 424,
    "ModelTimeoutException": 408,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ModelNotReadyException": 429,
    "ServiceQuotaExceededException": 400,
}
_NAMES: Final = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
}
_IN_STREAM: Final = frozenset(
    {
        "InternalServerException",
        "ModelStreamErrorException",
        "ValidationException",
        "ThrottlingException",
        "ServiceUnavailableException",
    }
)
# What hides behind one exception: only the words tell. All of a row's words stand in the text.
_BY_WORDS: Final[dict[Failure, tuple[tuple[Failure, tuple[str, ...]], ...]]] = {
    Failure.BAD_REQUEST: (
        (Failure.CONTEXT_LENGTH, ("input is too long",)),
        (Failure.CONTEXT_LENGTH, ("prompt is too long",)),
        (Failure.CONTEXT_LENGTH, ("too many input tokens",)),
        (Failure.CONTEXT_LENGTH, ("context length",)),
        (Failure.CONTEXT_LENGTH, ("context window",)),
        (Failure.CONTEXT_LENGTH, ("exceed context limit",)),
        (Failure.CONTEXT_LENGTH, ("maximum", "tokens", "exceed", "input")),
        (Failure.CONTEXT_LENGTH, ("expected maxlength", "inputtext")),
        (Failure.TOO_LARGE, ("request body is too large",)),
        (Failure.TOO_LARGE, ("image exceeds",)),
        (Failure.NOT_FOUND, ("model identifier is invalid",)),
        (Failure.NOT_FOUND, ("on-demand throughput",)),  # it is served through an inference profile alone
        (Failure.NOT_FOUND, ("operation not allowed",)),
        (Failure.NOT_FOUND, ("end of its life",)),
        (Failure.CONTENT_FILTER, ("content filter",)),
        (Failure.CONTENT_FILTER, ("content filtering policy",)),
        (Failure.CONTENT_FILTER, ("acceptable use policy",)),
        (Failure.QUOTA, ("payment instrument",)),
    ),
    Failure.RATE: ((Failure.QUOTA, ("per day",)),),
    Failure.PERMISSION: (
        (Failure.AUTH, ("security token", "invalid")),
        (Failure.AUTH, ("security token", "expired")),
        (Failure.AUTH, ("signature", "expired")),
        (Failure.QUOTA, ("payment instrument",)),
    ),
    Failure.NOT_FOUND: (),
}


def read(status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
    """What an error answer means; headers in small letters. Never raises."""
    name, text, inner = _said(body)
    said = headers.get(b"x-amzn-errortype")
    if said:
        name = said.decode("latin-1").partition(":")[0].rpartition("#")[2]
    failure = meaning(name, text, inner or status)
    told = text[:MAX_TEXT_LENGTH] or name or f"status {status}, no body"
    return AttemptFailed(failure, told, status=status, retry_after_s=retry_after_s(headers), code=name)


def meaning(name: str, text: str, status: int) -> Failure:
    """What an exception means, by its name, then its words; by the status where the name says nothing.

    Where the model behind Bedrock failed (ModelErrorException), status is what that one answered.
    """
    failure = _BY_NAME.get(name_of(name))
    vague = failure is Failure.BAD_REQUEST and status in _SAYS_MORE
    if failure is None or vague or (failure is Failure.SERVER and status not in {200, 424, 500}):
        failure = of_status(status, _BY_STATUS) if status else failure or Failure.SERVER
    low = text[:2_000].lower()
    for exact, words in _BY_WORDS.get(failure, ()):
        if all(word in low for word in words):
            return exact
    return failure


def name_of(name: str) -> str:
    """An exception's name as the service model writes it: in a stream it begins with a small letter."""
    return name[:1].upper() + name[1:]


def error_body(error: Error, decision: str) -> bytes:
    """An error in the shape AWS clients read. decision names the record that explains it ('' where there is none)."""
    return encode(_shape(error, decision) | {"__type": _name(error.vendor_code, error.status)})


def error_event(error: Error, decision: str) -> bytes:
    """The same as the last message of a stream."""
    return _exception(_name(error.vendor_code, error.status), encode(_shape(error, decision)))


def exception_of(code: str, status: int, text: str) -> bytes:
    """A provider's error, told on inside a stream."""
    return _exception(_name(code, status), encode({"message": text}))


def _exception(name: str, payload: bytes) -> bytes:
    """Streams know five exceptions; what is none of them is the model's."""
    known = name if name in _IN_STREAM else "ModelStreamErrorException"
    return write(known[0].lower() + known[1:], payload, "exception")


def _shape(error: Error, decision: str) -> dict[str, str]:
    text = f"{error.text}. Hint: {error.hint}" if error.hint else error.text
    shape = {"message": text, "poise_code": error.code}  # AWS clients take ``code`` for the exception's name
    return shape | {"decision": decision} if decision else shape


def _name(code: str, status: int) -> str:
    if name_of(code) in _BY_NAME:
        return name_of(code)
    return _NAMES.get(status) or ("ValidationException" if 400 <= status < 500 else "InternalServerException")


def _said(body: bytes) -> tuple[str, str, int]:
    """The exception's name, its text, and the status of the model behind Bedrock; '' and 0 for what is not said."""
    try:
        node = decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return "", body[:MAX_TEXT_LENGTH].decode(errors="replace"), 0
    if not isinstance(node, dict):
        return "", "", 0
    inner = node.get("error")
    node = inner if isinstance(inner, dict) else node  # what our own readers tell of an exception inside a stream
    name = node.get("__type") or node.get("code")
    text = node.get("message") or node.get("Message") or node.get("originalMessage")
    status = node.get("originalStatusCode")
    return (
        name.rpartition("#")[2] if isinstance(name, str) else "",
        text if isinstance(text, str) else "",
        status if type(status) is int and 400 <= status < 600 else 0,
    )
