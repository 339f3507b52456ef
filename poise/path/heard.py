"""What an upstream said, read for those above: its errors, and which of its headers go on."""

from __future__ import annotations

from typing import Final

from poise.errors import AttemptFailed
from poise.path.service import Dispatch
from poise.wire.call import StreamReader
from poise.wire.conversation.lost import Lost

# What goes on of an upstream's own headers: what a client of the dialect reads, nothing that speaks of the account.
_PASSED: Final = frozenset(
    {b"content-type", b"openai-processing-ms", b"openai-version", b"x-request-id", b"content-language"}
    | {b"inference-header-content-length"}  # tensors: where the JSON ends and the bytes begin
)


def refused(dispatch: Dispatch, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> AttemptFailed:
    """What an answer by an error status means."""
    signing = dispatch.tongue.signing
    if signing is not None and status in (401, 403):
        signing.signer.refused()
    told = redacted(dispatch, body)
    return dispatch.tongue.dialect.failure(status, dict(headers), told, dispatch.lane.target.vendor)


def faulted(dispatch: Dispatch, status: int, reader: StreamReader) -> AttemptFailed:
    """What an error inside the stream means; the answer had begun, so its status stays what it was."""
    text = f"error in the stream: {reader.error}"
    if not reader.fault:
        return AttemptFailed(reader.failure, text, status=status)
    body = redacted(dispatch, reader.fault)
    failure = dispatch.tongue.dialect.failure(status, {}, body, dispatch.lane.target.vendor)
    failure.text, failure.status = text, status
    return failure


def left_out(dispatch: Dispatch, events: int) -> None:
    """Note for the record that events of the stream reached nobody: words may be missing, and nobody can say which."""
    call = dispatch.attempt.plan.request.call
    lost = call.lost = call.lost or Lost()
    lost.add("the stream", f"{events} events that were no JSON in UTF-8 were left out")


def passed_headers(dispatch: Dispatch, headers: list[tuple[bytes, bytes]], kind: bytes) -> bytes:
    """What goes on of the upstream's own headers; kind is the content type of an answer that was translated."""
    attempt = dispatch.attempt
    if kind:
        lines = [b"content-type: ", kind, b"\r\n"]
        lost = attempt.plan.request.call.lost
        if lost is not None and lost.count:
            lines.append(b"x-poise-lost: %b\r\n" % lost.line())
    else:
        lines = [b"%s: %s\r\n" % pair for pair in headers if pair[0] in _PASSED]
    lines.append(attempt.lane.poise_head)
    lines.append(b"x-poise-attempts: %d\r\n" % attempt.number)
    return b"".join(lines)


def attempts_below(headers: list[tuple[bytes, bytes]]) -> int:
    """How many attempts a gateway below says it made: they are ours too."""
    for name, value in headers:
        if name == b"x-poise-attempts" and value.isdigit() and len(value) < 4:
            return max(1, int(value))
    return 1


def redacted(dispatch: Dispatch, body: bytes) -> bytes:
    """Without what shows who we are, should the upstream have echoed it."""
    secret = dispatch.attempt.lane.secret
    signing = dispatch.tongue.signing
    if signing is not None:
        body = signing.signer.redacted(body)
    return body.replace(secret.encode(), b"[key]") if secret else body
