"""Answers of OpenAI's chat dialect, whole and as chunks, each vendor's way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from poise.sim.emulate.asked import Call, Obj, Reply
from poise.sim.emulate.chat_style import Style
from poise.sim.emulate.chat_usage import usage_of
from poise.sim.emulate.message import encoded, event

_WORDS: Final = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tools": "tool_calls",
    "refusal": "stop",
    "filter": "content_filter",
}
_PADDING: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ARGUMENT_PIECE: Final = 6


def whole(style: Style, reply: Reply, *, model: str, created: int) -> Obj:
    """A whole completion."""
    message: Obj = {"role": "assistant", **style.whole_message, "content": reply.text or None}
    if reply.refused and style.refusal:
        message |= {"content": None, "refusal": reply.text}
    if reply.thought and style.thought == "parts":
        message["content"] = [
            _thinking(reply.thinking),
            *([{"type": "text", "text": reply.text}] if reply.text else []),
        ]
    elif reply.thought and style.thought != "hidden":
        message[style.thought] = reply.thinking
        if style.native:
            message["reasoning_details"] = [_detail(reply.thinking)]
    if reply.calls:
        message["tool_calls"] = [_call(style, call, at, whole=True) for at, call in enumerate(reply.calls)]
    word = _WORDS[reply.ending]
    choice: Obj = {"index": 0, "message": message, **style.whole_choice, "finish_reason": word}
    if style.native:
        choice["native_finish_reason"] = word
    if "stop_reason" in choice and reply.stopped_by:
        choice["stop_reason"] = reply.stopped_by
    named: Obj = {"id": f"{style.id}{reply.mark}", "object": "chat.completion", "created": created, "model": model}
    return {**named, "choices": [choice], "usage": usage_of(style.counts, reply), **style.whole}


def frames(style: Style, reply: Reply, *, model: str, created: int, usage_asked: bool) -> list[bytes]:
    """A streamed completion, in frames."""
    made = list(_chunks(style, reply, usage_asked=usage_asked))
    named: Obj = {
        "id": f"{style.id}{reply.mark}",
        "object": "chat.completion.chunk",
        "created": created,
        "model": model,
    }
    out = [style.prelude] if style.prelude else []
    if style.opening is not None:
        out.append(event(encoded(style.opening), line_end=style.line_end))
    for at, chunk in enumerate(made):
        full = {**named, **style.chunk, **(style.first_chunk if at == 0 else {}), **chunk}
        if at == len(made) - 1:
            full |= style.last_chunk
            full |= {"object": "chat.completion.done"} if style.cumulative else {}
        if style.padding and (style.padding != "p" or at):
            full[style.padding] = _PADDING[: 4 + (at * 7 + len(model)) % 28]
        out.append(event(encoded(full), line_end=style.line_end))
    if style.done:
        out.append(event(b"[DONE]", line_end=style.line_end))
    return out


def _chunks(style: Style, reply: Reply, *, usage_asked: bool) -> Iterator[Obj]:
    """The chunks without what stands on every one."""
    counted = usage_of(style.counts, reply)
    deltas = list(_deltas(style, reply))
    said = ""
    for at, delta in enumerate(deltas):
        ends = at == len(deltas) - 1
        word = _WORDS[reply.ending] if ends else None
        choice: Obj = {"index": 0, "delta": delta, **style.choice, **(style.last_choice if ends else {})}
        choice |= {} if at else style.first_choice
        if ends or style.finish_key:
            choice["finish_reason"] = word
        if "stop_reason" in choice and reply.stopped_by:
            choice["stop_reason"] = reply.stopped_by
        if style.native:
            choice["native_finish_reason"] = word
        if style.cumulative:
            said += delta.get("content") or ""
            choice["message"] = {"role": "assistant", "content": said}
        chunk: Obj = {"choices": [choice]}
        if style.usage == "every" or (ends and style.usage in {"finish", "groq"}):
            chunk["usage"] = counted
        elif style.usage_null and (usage_asked or style.usage == "finish"):
            chunk["usage"] = None
        if ends and style.usage == "groq":
            chunk["x_groq"] = {"id": "req_emulated", "usage": counted}
        yield chunk
    if style.usage == "choice":
        word = _WORDS[reply.ending]
        last: Obj = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": word}
        yield {"choices": [{**last, "native_finish_reason": word}], "usage": counted}
    elif style.usage == "always" or (usage_asked and style.usage in {"asked", "groq"}):
        yield {"choices": [], "usage": counted}


def _deltas(style: Style, reply: Reply) -> Iterator[Obj]:
    """All deltas, the last one ends the choice."""
    made: list[Obj] = [{"role": "assistant", **style.first}] if style.alone else []
    if reply.calls and style.alone and not style.whole_calls and not reply.pieces:
        made[0]["content"] = None
    made.extend(_thought(style, piece) for piece in reply.thought if style.thought != "hidden")
    for piece in reply.pieces:
        if reply.refused and style.refusal:
            made.append({"refusal": piece})
        else:
            made.append({"content": piece})
            if reply.thought and style.thought == "reasoning_content" and style.beside != "-":
                made[-1]["reasoning_content"] = style.beside
    joined = (style.joins == "calls" and bool(reply.calls)) or (
        style.joins == "text" and bool(reply.pieces) and not reply.calls
    )
    if style.whole_calls and reply.calls and style.joins == "calls":
        made.append({"tool_calls": [_call(style, call, at) for at, call in enumerate(reply.calls)]})
    else:
        for at, call in enumerate(reply.calls):
            made.extend(_growing(style, call, at))
    if not joined or not made:
        made.append(dict(style.last_delta))
    if not style.alone and made:
        made[0] = {"role": "assistant", **made[0]}
    for at, delta in enumerate(made):
        yield {**(style.later_delta if at else {}), **delta, **style.every_delta}


def _thought(style: Style, piece: str) -> Obj:
    if style.thought == "parts":
        return {"content": [_thinking(piece)]}
    delta: Obj = {} if style.beside == "-" else {"content": style.beside}
    delta[style.thought] = piece
    if style.native:
        delta["reasoning_details"] = [_detail(piece)]
    return delta


def _thinking(text: str) -> Obj:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _detail(text: str) -> Obj:
    return {"type": "reasoning.text", "text": text, "format": "unknown", "index": 0}


def _call(style: Style, call: Call, at: int, *, whole: bool = False) -> Obj:
    function = {"name": call.name, "arguments": encoded(call.arguments).decode()}
    said: Obj = {"id": f"{style.call_id}{call.mark[: style.call_id_size]}", "type": "function", "function": function}
    if whole:
        if not style.call_type:
            del said["type"]
        return said
    return {"index": at, **said}


def _growing(style: Style, call: Call, at: int) -> Iterator[Obj]:
    """A call as deltas: whole in one, or its head and then pieces of its arguments."""
    said = _call(style, call, at)
    content: Obj = {"content": None} if style.native else {}
    if style.whole_calls:
        yield {**content, "tool_calls": [said]}
        return
    text = said["function"]["arguments"]
    said["function"] = {"name": call.name, "arguments": ""}
    yield {**content, "tool_calls": [said]}
    for begin in range(0, len(text), _ARGUMENT_PIECE):
        more: Obj = {"index": at, **style.call_later, "function": {"arguments": text[begin : begin + _ARGUMENT_PIECE]}}
        yield {**content, "tool_calls": [more]}


def broken(style: Style, vendor: str, error: bytes, *, model: str) -> list[bytes]:
    """What stands in a stream that breaks: the error in the vendor's own way, and what it sends behind it."""
    if vendor == "groq":
        return [event(error, "error")]
    if vendor == "openrouter":
        said = {"code": 502, "message": "Provider disconnected"}
        choice: Obj = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error"}
        chunk: Obj = {"id": "gen-emulated", "object": "chat.completion.chunk", "created": 0, "model": model}
        chunk |= {"provider": "OpenAI", "error": said, "choices": [{**choice, "native_finish_reason": "error"}]}
        return [event(msgspec.json.encode(chunk))]
    out = [event(error, line_end=style.line_end)]
    if vendor in {"openai", "azure"}:
        zeros: Obj = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        chunk = {"id": "chatcmpl-emulated", "object": "chat.completion.chunk", "created": 0, "model": model}
        out.append(event(encoded({**chunk, "choices": [], "usage": zeros})))
        out.append(event(b"[DONE]"))
    return out
