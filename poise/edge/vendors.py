"""Vendors by name: where each is, which wire formats it speaks there, who it wants to see, and its habits, as data.

Addresses, headers and habits are those of the vendors' own documentation; ``url:`` in the file overrides the address. What
is not known stands as UNKNOWN or is left out.
"""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from poise.wire.conversation.codec import Manner


class Auth(NamedTuple):
    """How a caller shows who it is: kind is bearer, header, query, google, aws, azure or none; name that of the header
    or query parameter. google, aws and azure are credentials of those clouds, from their usual chains.
    """

    kind: str
    name: str = ""


class Surface(NamedTuple):
    """A wire format that a vendor speaks: at its url where path is None, else at path on the same host, with query.

    The dialect's own path (``/chat/completions``, ``/v1/messages``, ``/models/{model}:generateContent``) comes after it.
    ``{model}`` in a path is the model's id (a deployment's name at Azure), ``{project}`` and ``{location}`` the cloud's;
    a surface with ``{api_version}`` in its query is the one for providers that say one. models are patterns of the ids it
    is for, all where there are none.
    """

    dialect: str
    path: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    models: tuple[str, ...] = ()

    @property
    def versioned(self) -> bool:
        """Whether the provider says the version."""
        return any(value == "{api_version}" for _, value in self.query)

    def serves(self, model: str, *, versioned: bool) -> bool:
        """Whether a model of this id is asked here."""
        fits = not self.models or any(fnmatchcase(model, pattern) for pattern in self.models)
        return fits and versioned == self.versioned


class Cancel(StrEnum):
    """What a caller pays who hangs up while an answer is being made."""

    STOPS = "stops"  # the vendor stops, and bills what it made until then
    BILLS = "bills"  # the vendor goes on, and bills the whole answer
    FREE = "free"  # nobody bills: a server of one's own; that it stops is its own matter
    UNKNOWN = "unknown"


BEARER: Final = (Auth("bearer"),)
NOBODY: Final = (Auth("none"), Auth("bearer"))
_PLAIN: Final = Manner(limit_field="max_tokens")
_NEWER: Final = Manner(limit_field="max_completion_tokens", developer=True, prefill=None)
_JSON_ONLY: Final = Manner(limit_field="max_tokens", schema=False)
_PREFIX: Final = "prefix"  # api-docs.deepseek.com (chat prefix completion, at /beta), docs.mistral.ai (prefix)
_GOES_ON: Final = Manner(limit_field="max_tokens", prefill="continue_final_message")  # docs.vllm.ai, docs.sglang.ai
_CHAT: Final = (Surface("openai"),)
_BOTH: Final = (Surface("openai"), Surface("responses"))
_IMAGES: Final = ("images", "image_edits", "image_forms")


class Vendor(NamedTuple):
    """dialect is the wire format; url its usual address, '' where only the user knows it; variable holds its key by
    custom, '' for servers that usually need none.

    auth lists what it accepts, the usual first; speaks every wire format it has, the usual first; headers go with
    every call; manner is how it differs from its dialect; cancel what hanging up costs (source: OpenRouter's
    documentation of stream cancellation, which lists the vendors behind it); chained: it may be a gateway that tries again
    by itself, and is told how many attempts are left (``x-poise-attempts-left``); images what it has of OpenAI's images
    API: images (generations), image_edits (as JSON), image_forms (edits as a form).

    Of clouds: settings are the provider's settings that it knows, needs those it cannot do without; ``{location}`` in url
    is the place, and places are patterns of those that have another address.
    """

    dialect: str
    url: str
    variable: str = ""
    auth: tuple[Auth, ...] = BEARER
    speaks: tuple[Surface, ...] = _CHAT
    headers: tuple[tuple[str, str], ...] = ()
    manner: Manner = _PLAIN
    cancel: Cancel = Cancel.UNKNOWN
    chained: bool = False
    images: tuple[str, ...] = ()
    settings: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    places: tuple[tuple[str, str], ...] = ()

    def url_at(self, location: str) -> str:
        """Its address at a place; '' where only the user knows it."""
        url = next((url for pattern, url in self.places if fnmatchcase(location, pattern)), self.url)
        return url.replace("{location}", location)


def _own(url: str, *more: Surface, manner: Manner = _PLAIN) -> Vendor:
    """A server that people run."""
    return Vendor("openai", url, auth=NOBODY, speaks=(*_CHAT, *more), manner=manner, cancel=Cancel.FREE)


_VERTEX: Final = "/v1/projects/{project}/locations/{location}"
_ANTHROPIC_VERSION: Final = (("anthropic-version", "2023-06-01"),)

VENDORS: dict[str, Vendor] = {
    # rented, and they speak OpenAI's format
    "openai": Vendor(
        "openai",
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        speaks=_BOTH,
        manner=_NEWER,
        cancel=Cancel.STOPS,
        images=_IMAGES,
    ),
    "deepseek": Vendor(
        "openai",
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
        speaks=(*_CHAT, Surface("responses", ""), Surface("anthropic", "/anthropic")),
        manner=Manner(limit_field="max_tokens", schema=False, prefill=_PREFIX),
        cancel=Cancel.STOPS,
    ),
    "xai": Vendor(
        "openai",
        "https://api.x.ai/v1",
        "XAI_API_KEY",
        speaks=_BOTH,
        cancel=Cancel.STOPS,
        images=("images", "image_edits"),
    ),
    "groq": Vendor(
        "openai",
        "https://api.groq.com/openai/v1",
        "GROQ_API_KEY",
        speaks=_BOTH,
        # console.groq.com/docs/openai: these are answered with 400
        manner=Manner(
            limit_field="max_completion_tokens",
            lacks=frozenset({"logprobs", "logit_bias", "top_logprobs", "messages[].name"}),
        ),
        cancel=Cancel.BILLS,
    ),
    "mistral": Vendor(
        "openai",
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
        manner=Manner(limit_field="max_tokens", prefill=_PREFIX),
        cancel=Cancel.BILLS,
    ),
    "together": Vendor(
        "openai", "https://api.together.xyz/v1", "TOGETHER_API_KEY", cancel=Cancel.STOPS, images=("images",)
    ),
    "fireworks": Vendor("openai", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", cancel=Cancel.STOPS),
    "openrouter": Vendor(
        "openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", speaks=(*_BOTH, Surface("anthropic", "/api"))
    ),
    "cerebras": Vendor(
        "openai",
        "https://api.cerebras.ai/v1",
        "CEREBRAS_API_KEY",
        manner=Manner(limit_field="max_completion_tokens"),
    ),
    "deepinfra": Vendor("openai", "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY", cancel=Cancel.STOPS),
    "sambanova": Vendor("openai", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
    "nvidia": Vendor("openai", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
    "perplexity": Vendor("openai", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", cancel=Cancel.BILLS),
    "moonshot": Vendor("openai", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    "zai": Vendor("openai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", manner=_JSON_ONLY, images=("images",)),
    "qwen": Vendor(
        "openai",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
        speaks=(*_CHAT, Surface("dashscope", "/api/v1")),
    ),
    "huggingface": Vendor("openai", "https://router.huggingface.co/v1", "HF_TOKEN", cancel=Cancel.BILLS),
    "meta": Vendor(
        "openai",
        "https://api.llama.com/compat/v1",
        "LLAMA_API_KEY",
        speaks=(*_CHAT, Surface("llama", "/v1")),
        manner=Manner(limit_field="max_completion_tokens"),
    ),
    "vercel": Vendor("openai", "https://ai-gateway.vercel.sh/v1", "AI_GATEWAY_API_KEY"),
    # servers that people run
    "openai-compatible": _own("")._replace(chained=True, images=_IMAGES),  # what is behind it only its owner knows
    "vllm": _own("http://127.0.0.1:8000/v1", Surface("responses"), manner=_GOES_ON),
    "sglang": _own("http://127.0.0.1:30000/v1", manner=_GOES_ON),
    "llamacpp": _own("http://127.0.0.1:8080/v1", Surface("responses")),
    "ollama": _own("http://127.0.0.1:11434/v1", Surface("ollama", "/api"), Surface("anthropic", "")),
    "lmstudio": _own("http://127.0.0.1:1234/v1", Surface("responses")),
    # other wire formats: rows of not_yet.NOT_YET
    "anthropic": Vendor(
        "anthropic",
        "https://api.anthropic.com",
        "ANTHROPIC_API_KEY",
        auth=(Auth("header", "x-api-key"), Auth("bearer")),
        speaks=(Surface("anthropic"), Surface("openai", "/v1")),
        headers=_ANTHROPIC_VERSION,
        cancel=Cancel.STOPS,
    ),
    "gemini": Vendor(
        "gemini",
        "https://generativelanguage.googleapis.com",
        "GEMINI_API_KEY",
        auth=(Auth("header", "x-goog-api-key"), Auth("query", "key")),
        speaks=(Surface("gemini", "/v1beta"), Surface("openai", "/v1beta/openai")),
        manner=Manner(),
        cancel=Cancel.BILLS,
    ),
    "vertex": Vendor(
        "vertex",
        "https://{location}-aiplatform.googleapis.com",
        auth=(Auth("google"),),
        speaks=(
            Surface("anthropic-vertex", f"{_VERTEX}/publishers/anthropic", models=("claude-*",)),
            Surface("openai", f"{_VERTEX}/endpoints/openapi", models=("*/*",)),  # meta/llama-...-maas and its like
            Surface("gemini-vertex", f"{_VERTEX}/publishers/google"),
        ),
        manner=_PLAIN,
        cancel=Cancel.BILLS,
        settings=frozenset({"project", "location", "credentials"}),
        needs=frozenset({"project", "location"}),
        places=(
            ("global", "https://aiplatform.googleapis.com"),
            ("us", "https://aiplatform.us.rep.googleapis.com"),
            ("eu", "https://aiplatform.eu.rep.googleapis.com"),
        ),
    ),
    "bedrock": Vendor(
        "bedrock",
        "https://bedrock-runtime.{location}.amazonaws.com",
        auth=(Auth("aws"), Auth("bearer")),
        speaks=(Surface("bedrock"), Surface("openai", "/openai/v1")),
        manner=Manner(),
        cancel=Cancel.BILLS,
        settings=frozenset({"location", "profile", "role"}),
        needs=frozenset({"location"}),
        places=(("cn-*", "https://bedrock-runtime.{location}.amazonaws.com.cn"),),
    ),
    "azure": Vendor(
        "azure",
        "",
        "AZURE_OPENAI_API_KEY",
        auth=(Auth("header", "api-key"), Auth("azure"), Auth("bearer")),
        speaks=(
            Surface("openai", "/openai/v1"),
            Surface("responses", "/openai/v1"),
            Surface("openai", "/openai/deployments/{model}", (("api-version", "{api_version}"),)),
            Surface("openai", "/models", (("api-version", "2024-05-01-preview"),)),  # models of other makers
        ),
        manner=_NEWER,
        cancel=Cancel.STOPS,
        settings=frozenset({"api_version"}),
        images=("images", "image_forms"),
    ),
    "cohere": Vendor(
        "cohere",
        "https://api.cohere.com",
        "COHERE_API_KEY",
        speaks=(Surface("cohere", ""), Surface("openai", "/compatibility/v1")),
        cancel=Cancel.STOPS,
    ),
    "watsonx": Vendor("watsonx", "", auth=(Auth("bearer"),), speaks=(Surface("watsonx"),), manner=Manner()),
    # tensors: Triton, MLServer, KServe, and any other server of the Open Inference Protocol
    "open-inference": Vendor("oip", "", auth=NOBODY, speaks=(Surface("oip"),), manner=Manner(), cancel=Cancel.FREE),
}

# The wire formats that are spoken to targets (``poise.wire.dialects.BACKS``).
SPOKEN: Final = ("openai", "responses", "anthropic", "gemini", "anthropic-vertex", "gemini-vertex", "bedrock", "oip")
SETTINGS: Final = ("project", "location", "credentials", "profile", "role", "api_version")  # of clouds
CLOUDS: Final = ("google", "aws", "azure")  # kinds of auth that are looked for where each cloud's clients look


def surface_for(vendor: Vendor, model: str, *, versioned: bool = False) -> Surface | None:
    """The first of a vendor's wire formats that is spoken here, and that it has for this model; None where none is."""
    of = (surface for surface in vendor.speaks if surface.dialect in SPOKEN)
    return next((surface for surface in of if surface.serves(model, versioned=versioned)), None)


def spoken(vendor: str, model: str = "", *, versioned: bool = False) -> str:
    """The name of that wire format; '' where there is none."""
    surface = surface_for(VENDORS[vendor], model, versioned=versioned)
    return surface.dialect if surface is not None else ""


def auth_of(vendor: Vendor, *, key: bool) -> Auth:
    """How a provider of this vendor shows who it is: by its key where it has one, else by its cloud's credentials."""
    if key:
        return next((auth for auth in vendor.auth if auth.kind in ("bearer", "header")), BEARER[0])
    return next((auth for auth in vendor.auth if auth.kind in CLOUDS), NOBODY[0])
