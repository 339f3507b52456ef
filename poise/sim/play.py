"""A Step turned into moves: what is sent, after which wait, how it ends. Pure; a connection plays them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from poise.sim import content
from poise.sim.content import Reply
from poise.sim.script import Step

End = Literal["", "done", "close", "reset", "never"]


class Move(msgspec.Struct, frozen=True):
    """One move: wait, send, then perhaps end. ``never`` waits for the caller to go; token: the data carries one."""

    wait_s: float = 0.0
    data: bytes = b""
    token: bool = False
    end: End = ""


class Asked(msgspec.Struct):
    """A request as the player needs it. id names the answer; now_s is wall time for its ``created``."""

    surface: str
    body: dict[str, Any]
    model: str
    id: str
    seed: int
    now_s: int


_REASONS = {200: b"OK", 307: b"Temporary Redirect", 400: b"Bad Request", 401: b"Unauthorized", 404: b"Not Found"}
_JSON = b"content-type: application/json\r\n"
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
}


def moves(step: Step, asked: Asked) -> Iterator[Move]:
    """All moves of one answer, in order; the last one ends it."""
    wait_s = step.wait_s
    if step.do == "silent":
        yield Move(end="never")
    elif step.do in ("reset", "hang_up"):
        yield Move(wait_s, end="reset" if step.do == "reset" else "close")
    elif step.do == "raw":
        yield Move(wait_s, step.raw.encode("latin-1"), end="close")
    elif step.do in ("status", "redirect", "header_bomb", "error_body", "html"):
        yield Move(wait_s, _odd(step), end="done")
    elif asked.body.get("stream") and asked.surface == "chat":
        yield from _stream(step, asked)
    else:
        yield from _whole(step, asked)


def whole(status: int, body: bytes, headers: bytes = _JSON) -> bytes:
    """A complete HTTP answer with its length."""
    reason = _REASONS.get(status, b"Status")
    return b"HTTP/1.1 %d %b\r\n%bcontent-length: %d\r\n\r\n%b" % (status, reason, headers, len(body), body)


def error(status: int, message: str = "", code: str = "") -> bytes:
    """An error object in OpenAI's shape."""
    text = message or f"simulated failure with status {status}"
    kind = _TYPES.get(status, "server_error")
    return msgspec.json.encode({"error": {"message": text, "type": kind, "param": None, "code": code or None}})


def _odd(step: Step) -> bytes:
    if step.do == "redirect":
        return whole(307, b"", b"location: %b\r\n" % step.location.encode())
    if step.do == "header_bomb":
        return whole(200, b"{}", _JSON + b"".join(b"x-bomb-%d: boom\r\n" % at for at in range(step.events)))
    if step.do == "error_body":
        return whole(200, error(step.status, step.message, step.code))
    if step.do == "html":
        return whole(200, b"<html><body>please log in</body></html>", b"content-type: text/html\r\n")
    after = b"retry-after: %b\r\n" % step.retry_after.encode() if step.retry_after else b""
    return whole(step.status, error(step.status, step.message, step.code), _JSON + after)


def _whole(step: Step, asked: Asked) -> Iterator[Move]:
    wait_s = step.wait_s + step.first_token_s
    if asked.surface == "embeddings":
        body = msgspec.json.encode(_embeddings(step, asked))
    else:
        reply = content.reply_to(asked.body, asked.seed, step.tokens)
        wait_s += len(reply.pieces) / step.tokens_per_s if step.tokens_per_s else 0.0
        body = msgspec.json.encode(_completion(step, asked, reply))
    if step.do == "malformed":
        body = body[:-2]
    data = whole(200, body)
    if step.do in ("cut", "stall"):
        yield Move(wait_s, data[: len(data) - len(body) // 2])
        yield Move(end=_break(step))
    else:
        yield Move(wait_s, data, token=True, end="done")


def _stream(step: Step, asked: Asked) -> Iterator[Move]:
    reply = content.reply_to(asked.body, asked.seed, step.tokens)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    yield Move(
        step.wait_s, head + _framed(_chunk(step, asked, {"role": "assistant", "content": None if reply.tool else ""}))
    )
    gap_s = 1 / step.tokens_per_s if step.tokens_per_s else 0.0
    resumes = step.do == "stall" and step.stall_s > 0
    breaks_at = -1 if step.do == "answer" or resumes else min(step.events, len(reply.pieces))
    for at, piece in enumerate(reply.pieces):
        wait_s = gap_s if at else step.first_token_s
        if at == breaks_at:
            yield from _broken_off(step, wait_s)
            return
        if resumes and at == step.events:
            wait_s += step.stall_s
        yield Move(wait_s, _framed(_chunk(step, asked, _delta(asked, reply, at, piece))), token=True)
    if breaks_at >= 0:
        yield from _broken_off(step, gap_s)
        return
    yield Move(gap_s, _framed(_chunk(step, asked, {}, reply.finish)))
    if step.usage and _wants_usage(asked):
        yield Move(data=_framed(_usage_chunk(step, asked, reply)))
    yield Move(data=(_framed(b"[DONE]") if step.done else b"") + b"0\r\n\r\n", end="done")


def _broken_off(step: Step, wait_s: float) -> Iterator[Move]:
    if step.do == "stream_error":
        yield Move(wait_s, _framed(error(step.status, step.message, step.code)) + b"0\r\n\r\n", end="done")
    elif step.do == "malformed":
        yield Move(wait_s, _framed(b'{"choices": [{"delta"') + b"0\r\n\r\n", end="done")
    else:
        yield Move(wait_s, end=_break(step))


def _break(step: Step) -> End:
    if step.do == "stall":
        return "never"
    return "reset" if step.reset else "close"


def _framed(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


def _delta(asked: Asked, reply: Reply, at: int, piece: str) -> dict[str, Any]:
    if not reply.tool:
        return {"content": piece}
    if at:
        return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
    call = {
        "index": 0,
        "id": f"call_{asked.id}",
        "type": "function",
        "function": {"name": reply.tool, "arguments": piece},
    }
    return {"tool_calls": [call]}


def _chunk(step: Step, asked: Asked, delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = _named(step, asked, "chat.completion.chunk") | {"choices": [choice]}
    if step.usage and _wants_usage(asked):
        chunk["usage"] = None
    return msgspec.json.encode(chunk)


def _usage_chunk(step: Step, asked: Asked, reply: Reply) -> bytes:
    chunk = _named(step, asked, "chat.completion.chunk") | {"choices": [], "usage": _usage(asked, reply)}
    return msgspec.json.encode(chunk)


def _completion(step: Step, asked: Asked, reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.tool:
        function = {"name": reply.tool, "arguments": reply.text}
        message |= {
            "content": None,
            "tool_calls": [{"id": f"call_{asked.id}", "type": "function", "function": function}],
        }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reply.finish}
    usage = {"usage": _usage(asked, reply)} if step.usage else {}
    return _named(step, asked, "chat.completion") | {"choices": [choice]} | usage


def _named(step: Step, asked: Asked, kind: str) -> dict[str, Any]:
    model = step.model or asked.model
    return {
        "id": f"chatcmpl-{asked.id}",
        "object": kind,
        "created": asked.now_s,
        "model": model,
        "system_fingerprint": "sim",
    }


def _usage(asked: Asked, reply: Reply) -> dict[str, Any]:
    prompt, completion = content.prompt_tokens(asked.body), len(reply.pieces)
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return counts | {"prompt_tokens_details": {"cached_tokens": 0}}


def _embeddings(step: Step, asked: Asked) -> dict[str, Any]:
    size = asked.body.get("dimensions") or content.EMBEDDING_SIZE
    vectors = [content.embedding(one, asked.seed, size) for one in content.inputs_of(asked.body)]
    as_text = asked.body.get("encoding_format") == "base64"
    rows = [
        {"object": "embedding", "index": at, "embedding": content.packed(vector) if as_text else vector}
        for at, vector in enumerate(vectors)
    ]
    tokens = content.prompt_tokens(asked.body)
    answer: dict[str, Any] = {"object": "list", "data": rows, "model": step.model or asked.model}
    return answer | ({"usage": {"prompt_tokens": tokens, "total_tokens": tokens}} if step.usage else {})


def _wants_usage(asked: Asked) -> bool:
    return bool((asked.body.get("stream_options") or {}).get("include_usage"))
