"""The surfaces of Gemini's dialect, at Google's API for developers and on Vertex."""

from __future__ import annotations

from collections.abc import Callable

from poise.sim.content import embedding
from poise.sim.emulate import gemini_read, gemini_write
from poise.sim.emulate.asked import Asked, Obj, Refused
from poise.sim.emulate.field import Place, Wrong, of_kind
from poise.sim.emulate.message import Answered, Request, Whole
from poise.sim.emulate.surface import Here, body_of, decide, entire, size_of, streamed


def generate(request: Request, here: Here) -> Answered:
    """``:generateContent``"""
    asked = gemini_read.read(body_of(request), model=here.model)
    scenario, reply = decide(asked, here)
    return entire(_json(gemini_write.answer(asked, reply)), scenario)


def stream(request: Request, here: Here) -> Answered:
    """``:streamGenerateContent``: events with ``alt=sse``, else one array."""
    asked = gemini_read.read(body_of(request), model=here.model)
    scenario, reply = decide(asked, here)
    made = gemini_write.chunks(asked, reply)
    vertex = here.vendor == "vertex"
    if request.query.get("alt") == "sse":
        return streamed(gemini_write.events(made), scenario, lambda _: gemini_write.broken(vertex=vertex, sse=True))
    frames = gemini_write.array(made)
    return streamed(frames, scenario, lambda _: gemini_write.broken(vertex=vertex, sse=False), gemini_write.TYPE)


def count(request: Request, here: Here) -> Answered:
    """``:countTokens``: contents alone, or a whole request within."""
    body = gemini_read.fields(body_of(request))
    inner = body.get("generateContentRequest")
    asked = gemini_read.read(
        body if inner is None else of_kind(inner, "object", ("generateContentRequest",)), model=here.model
    )
    decide(asked, here)
    counted: Obj = {"totalTokens": asked.words, "promptTokensDetails": gemini_write.details_of(asked)}
    return _json(counted | ({"totalBillableCharacters": len(asked.last)} if here.vendor == "vertex" else {}))


def embed(request: Request, here: Here) -> Answered:
    """``:embedContent``"""
    return _json({"embedding": _vector(body_of(request), here, ())})


def batch_embed(request: Request, here: Here) -> Answered:
    """``:batchEmbedContents``"""
    given = of_kind(body_of(request).get("requests"), "array", ("requests",))
    vectors: list[Obj] = []
    for at, one in enumerate(given):
        node = of_kind(one, "object", ("requests", at))
        if node.get("model", "") not in (f"models/{here.model}", here.model):
            raise Wrong(
                ("requests", at, "model"),
                "other",
                text="* BatchEmbedContentsRequest.requests: model does not match the batch's.\n",
            )
        vectors.append(_vector(node, here, ("requests", at)))
    return _json({"embeddings": vectors})


def predict(request: Request, here: Here) -> Answered:
    """Vertex's ``:predict``, for embeddings."""
    body = body_of(request)
    _known_model(here)
    size = size_of(gemini_read.within(body, "parameters"), "outputDimensionality", ("parameters",))
    found: list[Obj] = []
    for at, one in enumerate(of_kind(body.get("instances"), "array", ("instances",))):
        text = of_kind(of_kind(one, "object", ("instances", at)).get("content"), "string", ("instances", at, "content"))
        statistics = {"truncated": False, "token_count": len(text.split())}
        found.append({"embeddings": {"values": embedding(text, 0, size), "statistics": statistics}})
    return _json({"predictions": found})


def models(request: Request, here: Here) -> Answered:
    """``GET models``"""
    return _json({"models": [_model(name) for name in ("emulate-plain", "emulate-reasoning", "emulate-embed")]})


def model(request: Request, here: Here) -> Answered:
    """``GET models/{model}``"""
    _known_model(here)
    return _json(_model(here.model))


METHODS: dict[str, Callable[[Request, Here], Answered]] = {
    "generateContent": generate,
    "streamGenerateContent": stream,
    "countTokens": count,
    "embedContent": embed,
    "batchEmbedContents": batch_embed,
    "predict": predict,
}


def _model(name: str) -> Obj:
    methods = ["generateContent", "countTokens", "embedContent", "batchEmbedContents"]
    return {"name": f"models/{name}", "version": "1", "displayName": name, "inputTokenLimit": 1048576, "outputTokenLimit": 65536,
            "supportedGenerationMethods": methods}  # fmt: skip


def _known_model(here: Here) -> None:
    if here.model.startswith("no-such"):
        raise Refused("no_model", here.model)


def _vector(given: Obj, here: Here, at: Place) -> Obj:
    _known_model(here)
    body = gemini_read.fields(given)
    content = of_kind(body.get("content"), "object", (*at, "content"))
    asked = gemini_read.read({"contents": [content]}, model=here.model)
    size = size_of(body, "outputDimensionality", at)
    return {"values": embedding(_text(asked), 0, size)}


def _text(asked: Asked) -> str:
    return asked.last


def _json(body: Obj) -> Whole:
    return Whole(body=gemini_write.pretty(body), type=gemini_write.TYPE)
