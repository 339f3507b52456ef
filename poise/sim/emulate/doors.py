"""Where each vendor's surfaces are: which path leads to which, what key opens it, in whose shape it refuses."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from poise.sim.emulate import (
    surfaces_anthropic,
    surfaces_bedrock,
    surfaces_gemini,
    surfaces_images,
    surfaces_oip,
    surfaces_openai,
)
from poise.sim.emulate.asked import Refused
from poise.sim.emulate.chat_style import STYLES
from poise.sim.emulate.message import Request
from poise.sim.emulate.surface import Surface

Family = Literal["openai", "anthropic", "gemini", "bedrock", "oip"]


class Door(NamedTuple):
    """A path and what is behind it; a group ``model`` in the path names the model. query must be said, where it is set."""

    method: str
    path: re.Pattern[str]
    name: str
    surface: Surface
    family: Family = "openai"
    query: str = ""


class Vendor(NamedTuple):
    """url_path comes between the server's address and a dialect's own path; auth as auth.check takes it."""

    name: str
    doors: tuple[Door, ...]
    auth: tuple[str, ...] = ("bearer",)
    family: Family = "openai"
    url_path: str = ""


def _chat(base: str, *, query: str = "") -> tuple[Door, ...]:
    return (
        Door("POST", re.compile(rf"{base}/chat/completions"), "chat", surfaces_openai.chat, query=query),
        Door("POST", re.compile(rf"{base}/embeddings"), "embeddings", surfaces_openai.embeddings, query=query),
    )


def _models(base: str) -> tuple[Door, ...]:
    return (
        Door("GET", re.compile(rf"{base}/models"), "models", surfaces_openai.models),
        Door("GET", re.compile(rf"{base}/models/(?P<model>.+)"), "model", surfaces_openai.model),
    )


def _responses(base: str, *, query: str = "") -> Door:
    return Door("POST", re.compile(rf"{base}/responses"), "responses", surfaces_openai.responses, query=query)


def _images(base: str, edits: Surface) -> tuple[Door, ...]:
    return (
        Door("POST", re.compile(rf"{base}/images/generations"), "images", surfaces_images.generations),
        Door("POST", re.compile(rf"{base}/images/edits"), "image_edits", edits),
    )


def _google(base: str, *methods: str) -> tuple[Door, ...]:
    surfaces = surfaces_gemini.METHODS
    return tuple(
        Door("POST", re.compile(rf"{base}/models/(?P<model>[^/:]+):{name}"), name, surfaces[name], "gemini")
        for name in methods
    )


def _compatible(
    name: str,
    base: str,
    *more: Door,
    auth: tuple[str, ...] = ("bearer",),
    responses: bool = False,
) -> Vendor:
    """A vendor that speaks OpenAI's chat; base is a pattern of the path."""
    more = (_responses(base), *more) if responses else more
    return Vendor(name, (*_chat(base), *_models(base), *more), auth, url_path=STYLES[name].url_path)


def _tensors(name: str) -> Vendor:
    """A server of the Open Inference Protocol."""
    model = r"/v2/models/(?P<model>[^/]+)(?:/versions/[^/]+)?"
    rows = (
        ("GET", r"/v2/?", "server", surfaces_oip.server),
        ("GET", r"/v2/health/(?:live|ready)", "live", surfaces_oip.live),
        ("GET", rf"{model}", "metadata", surfaces_oip.metadata),
        ("GET", rf"{model}/ready", "ready", surfaces_oip.ready),
        ("POST", rf"{model}/infer", "infer", surfaces_oip.infer),
    )
    doors = tuple(Door(method, re.compile(path), what, surface, "oip") for method, path, what, surface in rows)
    return Vendor(name, doors, _OWN, "oip")


_VERTEX: Final = r"/v1(?:beta1)?(?:/projects/[^/]+/locations/[^/]+)?"
_DEPLOYED: Final = r"/openai/deployments/(?P<model>[^/]+)"
_OWN: Final = ("none", "bearer")

VENDORS: Final[dict[str, Vendor]] = {
    "openai": _compatible("openai", "/v1", *_images("/v1", surfaces_images.edits_or_form), responses=True),
    "azure": Vendor(
        "azure",
        (
            *_chat(_DEPLOYED, query="api-version"),
            *_chat("/models", query="api-version"),
            *_chat("/openai/v1"),
            *_models("/openai/v1"),
            _responses("/openai/v1"),
            _responses("/openai", query="api-version"),
            *_images("/openai/v1", surfaces_images.edits_or_form),
        ),
        ("api-key", "bearer"),
    ),
    "deepseek": _compatible("deepseek", "(?:/v1|/beta)?"),
    "xai": _compatible("xai", "/v1", *_images("/v1", surfaces_images.edits), responses=True),
    "mistral": _compatible("mistral", "/v1"),
    "groq": _compatible("groq", "/openai/v1", responses=True),
    "openrouter": _compatible("openrouter", "/api/v1", responses=True),
    "qwen": _compatible("qwen", "/compatible-mode/v1"),
    "together": _compatible("together", "/v1"),
    "perplexity": _compatible("perplexity", "(?:/v1)?"),
    "vllm": _compatible("vllm", "/v1", auth=_OWN, responses=True),
    "llamacpp": _compatible("llamacpp", "/v1", auth=_OWN, responses=True),
    "ollama": _compatible("ollama", "/v1", auth=("none",)),
    "anthropic": Vendor(
        "anthropic",
        (
            Door("POST", re.compile(r"/v1/messages"), "messages", surfaces_anthropic.messages, "anthropic"),
            Door("POST", re.compile(r"/v1/messages/count_tokens"), "count_tokens", surfaces_anthropic.count_tokens, "anthropic"),
            Door("GET", re.compile(r"/v1/models"), "models", surfaces_anthropic.models, "anthropic"),
        ),
        ("x-api-key", "bearer"),
        "anthropic",
    ),
    "gemini": Vendor(
        "gemini",
        (
            *_google(
                r"/v1(?:beta|alpha)?",
                *("generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"),
            ),
            Door("GET", re.compile(r"/v1(?:beta|alpha)?/models"), "models", surfaces_gemini.models, "gemini"),
            Door("GET", re.compile(r"/v1(?:beta|alpha)?/models/(?P<model>[^/:]+)"), "model", surfaces_gemini.model, "gemini"),
        ),
        ("x-goog-api-key", "?key"),
        "gemini",
    ),
    "vertex": Vendor(
        "vertex",
        (
            *_google(
                rf"{_VERTEX}/publishers/google",
                *("generateContent", "streamGenerateContent", "countTokens", "embedContent", "predict"),
            ),
            Door("POST", re.compile(rf"{_VERTEX}/publishers/anthropic/models/count-tokens:rawPredict"), "count_tokens",
                 surfaces_anthropic.raw_count, "anthropic"),
            Door("POST", re.compile(rf"{_VERTEX}/publishers/anthropic/models/(?P<model>[^/:]+):(?:streamR|r)awPredict"),
                 "messages", surfaces_anthropic.raw_predict, "anthropic"),
        ),
        ("bearer", "x-goog-api-key"),
        "gemini",
    ),
    "oip": _tensors("oip"),
    "mlserver": _tensors("mlserver"),
    "bedrock": Vendor(
        "bedrock",
        (
            Door("POST", re.compile(r"/model/(?P<model>.+)/converse"), "converse", surfaces_bedrock.converse, "bedrock"),
            Door("POST", re.compile(r"/model/(?P<model>.+)/converse-stream"), "converse-stream", surfaces_bedrock.converse_stream,
                 "bedrock"),
        ),
        ("sigv4", "bearer"),
        "bedrock",
    ),
}  # fmt: skip


def find(vendor: Vendor, request: Request) -> tuple[Door, str]:
    """The door that a request is for, and the model that its path names. Raises Refused."""
    tried = ""
    for door in vendor.doors:
        found = door.path.fullmatch(request.path)
        if found is None or (door.query and door.query not in request.query):
            continue
        if door.method != request.method:
            tried = door.method
            continue
        return door, found.groupdict().get("model") or ""
    raise Refused("method" if tried else "no_path", f"{request.method} {request.path}")
