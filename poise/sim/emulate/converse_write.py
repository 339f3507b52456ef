"""Answers of Bedrock's Converse, whole and as binary messages, and Bedrock's errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from poise.sim.emulate.asked import Call, Obj, Refused, Reply
from poise.sim.emulate.event_stream import message
from poise.sim.emulate.message import Whole, encoded, whole
from poise.sim.emulate.reply import seal

_WORDS: Final = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tools": "tool_use",
    "refusal": "content_filtered",
    "filter": "content_filtered",
}
_ARGUMENT_PIECE: Final = 8
_BY_STATUS: Final = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
_SAID: Final[dict[str, tuple[int, str, str]]] = {
    "key_missing": (403, "MissingAuthenticationTokenException", "Missing Authentication Token"),
    "key_wrong": (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
    "signature": (
        403,
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. {text}",
    ),
    "expired": (403, "ExpiredTokenException", "The security token included in the request is expired"),
    "forbidden": (403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
    "no_path": (404, "UnknownOperationException", "{text}"),
    "method": (405, "UnknownOperationException", "{text}"),
    "no_model": (400, "ValidationException", "The provided model identifier is invalid."),
    "bad_json": (400, "SerializationException", "{text}"),
    "invalid": (400, "ValidationException", "{text}"),
    "rate": (429, "ThrottlingException", "Too many requests, please wait before trying again."),
    "quota": (400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account."),
    "context": (
        400,
        "ValidationException",
        "The model returned the following errors: Input is too long for requested model.",
    ),
    "overloaded": (503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
    "stream-error": (500, "InternalServerException", "The system encountered an unexpected error during processing."),
}


def answer(reply: Reply) -> Obj:
    """A whole answer."""
    content: list[Obj] = []
    if reply.thought:
        content.append(
            {"reasoningContent": {"reasoningText": {"text": reply.thinking, "signature": seal(reply.thinking)}}}
        )
    if reply.pieces:
        content.append({"text": reply.text})
    content.extend({"toolUse": {**_call(call), "input": call.arguments}} for call in reply.calls)
    return {
        "metrics": {"latencyMs": 551},
        "output": {"message": {"content": content, "role": "assistant"}},
        "stopReason": _WORDS[reply.ending],
        "usage": _usage(reply),
    }


def frames(reply: Reply) -> list[bytes]:
    """A streamed answer."""
    out = [_frame("messageStart", {"role": "assistant"})]
    for at, (start, deltas) in enumerate(_blocks(reply)):
        if start is not None:
            out.append(_frame("contentBlockStart", {"contentBlockIndex": at, "start": start}))
        out.extend(_frame("contentBlockDelta", {"contentBlockIndex": at, "delta": delta}) for delta in deltas)
        out.append(_frame("contentBlockStop", {"contentBlockIndex": at}))
    out.append(_frame("messageStop", {"stopReason": _WORDS[reply.ending]}))
    out.append(_frame("metadata", {"metrics": {"latencyMs": 551}, "usage": _usage(reply)}))
    return out


def broken() -> list[bytes]:
    """What stands in a stream that breaks."""
    said = _SAID["stream-error"][2]
    return [message("internalServerException", encoded({"message": said}), "exception")]


def refuse(refused: Refused) -> Whole:
    """Bedrock's answer to a refused request."""
    status = refused.status or 500
    name = _BY_STATUS.get(status, "ValidationException" if status < 500 else "InternalServerException")
    status, name, text = _SAID.get(refused.what, (status, name, refused.text or "emulated error"))
    headers = {
        "x-amzn-errortype": f"{name}:http://internal.amazon.com/coral/com.amazon.bedrock/",
        "x-amzn-requestid": "0",
    }
    return whole({"message": text.replace("{text}", refused.text)}, status, headers)


def _usage(reply: Reply) -> Obj:
    """What was read from the cache is counted beside the input."""
    output = reply.output + reply.reasoning
    usage: Obj = {
        "inputTokens": reply.prompt - reply.cached,
        "outputTokens": output,
        "totalTokens": reply.prompt + output,
    }
    return usage | ({"cacheReadInputTokens": reply.cached, "cacheWriteInputTokens": 0} if reply.cached else {})


def _call(call: Call) -> Obj:
    return {"name": call.name, "toolUseId": f"tooluse_{call.mark}"}


def _blocks(reply: Reply) -> Iterator[tuple[Obj | None, list[Obj]]]:
    """Only calls say how they start."""
    if reply.thought:
        deltas: list[Obj] = [{"reasoningContent": {"text": piece}} for piece in reply.thought]
        yield None, [*deltas, {"reasoningContent": {"signature": seal(reply.thinking)}}]
    if reply.pieces:
        yield None, [{"text": piece} for piece in reply.pieces]
    for call in reply.calls:
        text = encoded(call.arguments).decode()
        cut = [text[at : at + _ARGUMENT_PIECE] for at in range(0, len(text), _ARGUMENT_PIECE)]
        yield {"toolUse": _call(call)}, [{"toolUse": {"input": piece}} for piece in ("", *cut)]


def _frame(name: str, fields: Obj) -> bytes:
    """A message, padded with letters as Bedrock's are, so that its length does not tell that of the token."""
    padding = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
    return message(name, encoded({**fields, "p": padding[: 4 + len(str(fields)) % 29]}))
