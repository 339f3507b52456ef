"""Providers, models' capabilities, and Targets: a model at a provider."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

# Facts that were added after the first records were written are UNSET, not None, where they are not known: so they are
# left out of what is encoded, and a policy of before still has the digest that its decisions name.


class Price(msgspec.Struct, frozen=True):
    """What a target charges, USD per million tokens; None or UNSET where it is not known.

    cache_write_long is what a token costs that stays in the cache for an hour, where a vendor charges that apart. Images that
    are read are charged as text where their price is UNSET. Prices hold for prompts of at most to_tokens tokens (any, where
    UNSET); per_thousand_requests is charged beside the tokens, USD for a thousand requests.
    """

    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    cached_input_usd_per_mtok: float | None = None
    cache_write_usd_per_mtok: float | UnsetType = UNSET
    cache_write_long_usd_per_mtok: float | UnsetType = UNSET
    image_input_usd_per_mtok: float | UnsetType = UNSET
    image_output_usd_per_mtok: float | UnsetType = UNSET
    audio_input_usd_per_mtok: float | UnsetType = UNSET
    audio_output_usd_per_mtok: float | UnsetType = UNSET
    per_thousand_requests_usd: float | UnsetType = UNSET
    to_tokens: int | UnsetType = UNSET


class Capabilities(msgspec.Struct, frozen=True):
    """What a model can do. ``None`` means unknown, which never drops a candidate and is shown as unknown."""

    context_tokens: int | None = None
    output_tokens: int | None = None
    tools: bool | None = None
    vision: bool | None = None
    audio: bool | None = None
    files: bool | None = None
    json_schema: bool | None = None
    prefill: bool | None = None
    embeddings: bool | None = None  # True: an embedding model; False: a chat model
    reasoning: bool | UnsetType = UNSET  # thinks before it answers
    image_output: bool | UnsetType = UNSET  # makes images


class Prior(msgspec.Struct, frozen=True):
    """What is assumed of a target's speed until it has been measured, microseconds."""

    first_token_us: int = 800_000
    total_us: int = 5_000_000


class Patience(msgspec.Struct, frozen=True):
    """How long a target may be silent at least, whatever the policy's timers say, microseconds; 0 asks for nothing."""

    first_token_us: int = 0
    stall_us: int = 0


class Target(msgspec.Struct, frozen=True):
    """A model at a provider: ``gpt-5.2@openai-eu``. Holds no address and no credential.

    id is ``model@provider``; upstream_model is what the provider calls the model; dialect is the wire format
    spoken there; concurrency is the most calls in flight, 0 for no limit; patience widens timers (models that think);
    version is the one asked for where the caller names none (Open Inference Protocol). images lists the surfaces of the
    images API that its provider has.
    """

    id: str
    model: str
    provider: str
    vendor: str
    region: str
    upstream_model: str
    dialect: str = "openai"
    can: Capabilities = Capabilities()
    price: Price = Price()
    prior: Prior = Prior()
    concurrency: int = 0
    patience: Patience | UnsetType = UNSET
    version: str | UnsetType = UNSET
    images: tuple[str, ...] | UnsetType = UNSET


class Provider(msgspec.Struct, frozen=True):
    """A vendor's account in a region, or a server you run: how to reach it.

    url is ``http(s)://host[:port]/base`` or ``unix:/path.sock:/base``; key, ca, client_cert and client_key are
    secret *references* (``env:NAME``, ``file:PATH``), never secrets; proxy is an HTTP proxy that is asked to CONNECT.
    connections is the most sockets a worker opens to it.

    Of clouds: project and location are parts of the address; credentials is the ``file:PATH`` of Google's, '' for the
    usual chain; profile and role say whose of AWS; api_version is that of Azure's older paths, '' for those without.
    """

    name: str
    vendor: str
    region: str
    url: str
    key: str = ""
    proxy: str = ""
    ca: str = ""
    client_cert: str = ""
    client_key: str = ""
    connections: int = 1024
    project: str = ""
    location: str = ""
    credentials: str = ""
    profile: str = ""
    role: str = ""
    api_version: str = ""
