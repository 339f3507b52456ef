"""The surfaces of Anthropic's dialect, at Anthropic and on Vertex: messages, count_tokens, models."""

from __future__ import annotations

from poise.sim.emulate import messages_read, messages_write
from poise.sim.emulate.field import Wrong, look
from poise.sim.emulate.message import Answered, Request, whole
from poise.sim.emulate.surface import Here, body_of, decide, entire, streamed


def messages(request: Request, here: Here) -> Answered:
    """``/v1/messages``"""
    messages_read.check_headers(request)
    return _answer(request, here)


def raw_predict(request: Request, here: Here) -> Answered:
    """Vertex's rawPredict: the path names the model, the body the version."""
    body = body_of(request)
    look(body, "anthropic_version", "string", need=True)
    if "model" in body:
        raise Wrong(("model",), "unknown")
    return _answer(request, here)


def raw_count(request: Request, here: Here) -> Answered:
    """Vertex's count: a rawPredict of the model ``count-tokens``; the body names the one that is meant."""
    body = body_of(request)
    look(body, "anthropic_version", "string", need=True)
    asked = messages_read.read(body, counting=True)
    decide(asked, here)
    return whole({"input_tokens": asked.words})


def count_tokens(request: Request, here: Here) -> Answered:
    """``/v1/messages/count_tokens``"""
    messages_read.check_headers(request)
    asked = messages_read.read(body_of(request), counting=True)
    decide(asked, here)
    return whole({"input_tokens": asked.words})


def models(request: Request, here: Here) -> Answered:
    """``/v1/models``"""
    names = ("emulate-plain", "emulate-reasoning")
    rows = [{"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"} for name in names]
    return whole({"data": rows, "has_more": False, "first_id": names[0], "last_id": names[-1]})


def _answer(request: Request, here: Here) -> Answered:
    asked = messages_read.read(body_of(request), model=here.model)
    scenario, reply = decide(asked, here)
    tag = "vrtx_" if here.vendor == "vertex" else ""
    streams = asked.stream or request.path.endswith(":streamRawPredict")
    if not streams:
        return entire(whole(messages_write.message(reply, model=asked.model, tag=tag)), scenario)
    frames = messages_write.frames(reply, model=asked.model, tag=tag)
    return streamed(frames, scenario, lambda _: messages_write.broken(), "text/event-stream; charset=utf-8")
