"""The surfaces of OpenAI's dialects, for every vendor that has them: chat, responses, embeddings, models."""

from __future__ import annotations

from typing import Final

from poise.sim.content import embedding, packed
from poise.sim.emulate import chat_read, chat_write, openai_errors, responses_read
from poise.sim.emulate.asked import Obj, Refused
from poise.sim.emulate.chat_read import Rules
from poise.sim.emulate.chat_style import STYLES
from poise.sim.emulate.field import Wrong, look, of_kind
from poise.sim.emulate.message import SSE, Answered, Request, whole
from poise.sim.emulate.responses_write import Writer
from poise.sim.emulate.surface import Here, body_of, decide, entire, size_of, streamed

_RULES: Final[dict[str, Rules]] = {
    "openai": Rules(closed=True),
    "azure": Rules(closed=True),
    "mistral": Rules(call_id_size=9, refuses=frozenset({"logprobs"})),
    "groq": Rules(refuses=frozenset({"logprobs", "logit_bias", "top_logprobs", "messages.name"})),
}
_SSE: Final = {"qwen": "text/event-stream;charset=utf-8", "openai": "text/event-stream; charset=utf-8",
               "azure": "text/event-stream; charset=utf-8", "mistral": "text/event-stream; charset=utf-8",
               "deepseek": "text/event-stream; charset=utf-8"}  # fmt: skip


def chat(request: Request, here: Here) -> Answered:
    """``/chat/completions``"""
    vendor = here.vendor
    style = STYLES[vendor]
    body = body_of(request)
    if here.model:
        body = {**body, "model": here.model}
    asked = chat_read.read(body, _RULES.get(vendor, Rules()))
    usage_asked = chat_read.wants_usage(body)
    scenario, reply = decide(asked, here)
    if scenario.name == "filter" and vendor == "azure":
        raise Refused("filter")
    if not asked.stream:
        return entire(whole(chat_write.whole(style, reply, model=asked.model, created=here.now_s)), scenario)
    frames = chat_write.frames(style, reply, model=asked.model, created=here.now_s, usage_asked=usage_asked)
    error = openai_errors.refuse(vendor, Refused("stream-error")).body
    return streamed(
        frames,
        scenario,
        lambda _: chat_write.broken(style, vendor, error, model=asked.model),
        _SSE.get(vendor, SSE),
    )


def responses(request: Request, here: Here) -> Answered:
    """``/responses``"""
    body = body_of(request)
    asked = responses_read.read(body)
    scenario, reply = decide(asked, here)
    writer = Writer(reply, body, created=here.now_s, vendor=here.vendor)
    if not asked.stream:
        return entire(whole(writer.whole()), scenario)
    return streamed(writer.frames(), scenario, writer.broken, _SSE.get(here.vendor, SSE))


def embeddings(request: Request, here: Here) -> Answered:
    """``/embeddings``: equal inputs have equal vectors."""
    body = body_of(request)
    model = here.model or look(body, "model", "string", need=True)
    if model.startswith("no-such"):
        raise Refused("no_model", model)
    given = look(body, "input", "string|array", need=True)
    if given in ("", []):
        raise Wrong(("input",), "other", text="'input' cannot be an empty string or list.")
    several = isinstance(given, list) and not isinstance(given[0], int)
    inputs = given if several else [given]
    size = size_of(body, "dimensions", ())
    packs = look(body, "encoding_format", "string") == "base64"
    rows: list[Obj] = []
    tokens = 0
    for at, one in enumerate(inputs):
        value = of_kind(one, "string|array", ("input", at) if several else ("input",))
        tokens += len(value) if isinstance(value, list) else len(value.split())
        vector = embedding(value, 0, size)
        rows.append({"object": "embedding", "index": at, "embedding": packed(vector) if packs else vector})
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return whole({"object": "list", "data": rows, "model": model, "usage": usage})


def models(request: Request, here: Here) -> Answered:
    """``/models``"""
    names = ("emulate-plain", "emulate-reasoning", "emulate-embed")
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": here.vendor} for name in names]
    return whole({"object": "list", "data": rows})


def model(request: Request, here: Here) -> Answered:
    """``/models/{model}``"""
    if here.model.startswith("no-such"):
        raise Refused("no_model", here.model)
    return whole({"id": here.model, "object": "model", "created": 0, "owned_by": here.vendor})
