"""poise.yaml as it is written: a struct for each mapping, a line for each setting with its type, default and meaning.

These lines are the only place where a setting is declared: reading, ``poise check --print``, the JSON Schema and the
table in the documentation all come from them. None as a default means that there is none, or that the meaning tells it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from poise.edge.config.address import ADDRESS, ADMIN, DATA, PATH, PROXY, SECRET, URL, Secret
from poise.edge.config.clouds import API_VERSION, PROFILE, PROJECT, ROLE
from poise.edge.config.leaf import (
    BOOL,
    GLOB,
    MODEL,
    NAME,
    PERCENT,
    PLAIN_NAME,
    POSTURE_WHEN,
    REPLICAS,
    TEXT,
    WHEN,
    Replicas,
    check_name,
    check_plain_name,
    choice,
    duration,
    money,
    number,
    size,
    whole,
)
from poise.edge.config.leaf_recover import HEDGE, HOLD, Hedging, Holding
from poise.edge.config.spec import Anything, Either, ListOf, MapOf, Record
from poise.edge.vendors import VENDORS

_SECRETS = Either("reference to a secret, or two", scalar=SECRET, other=ListOf(SECRET, least=1, most=2))
_S = 1_000_000
_TOKENS = whole(1, 1_000_000_000)
_PRICE = money(100_000)


class PriceShape(msgspec.Struct, frozen=True):
    """What a model costs, USD per million tokens."""

    input: Annotated[float | None, _PRICE, "USD per million input tokens"] = None
    output: Annotated[float | None, _PRICE, "USD per million output tokens"] = None
    cached_input: Annotated[float | None, _PRICE, "USD per million input tokens read from the vendor's cache"] = None
    cache_write: Annotated[float | None, _PRICE, "USD per million input tokens written to the vendor's cache"] = None
    cache_write_long: Annotated[float | None, _PRICE, "the same where they stay for an hour (Anthropic)"] = None
    image_input: Annotated[float | None, _PRICE, "USD per million tokens of images read; as input where not said"] = (
        None
    )
    image_output: Annotated[float | None, _PRICE, "USD per million tokens of images made"] = None
    audio_input: Annotated[float | None, _PRICE, "USD per million tokens of sound read"] = None
    audio_output: Annotated[float | None, _PRICE, "USD per million tokens of sound made"] = None
    per_thousand_requests: Annotated[float | None, _PRICE, "USD per thousand requests, beside the tokens"] = None
    to_tokens: Annotated[int | None, _TOKENS, "longest prompt these prices hold for; any where not said"] = None


class PatienceShape(msgspec.Struct, frozen=True):
    """How long a model may be silent at least, whatever timers say."""

    first_token: Annotated[int, duration(0), "it may think so long before the first token"] = 0
    stall: Annotated[int, duration(0), "it may be silent so long within a stream"] = 0


class PriorShape(msgspec.Struct, frozen=True):
    """What is assumed of a target's speed until it has been measured."""

    first_token: Annotated[int, duration(), "time to the first token, until measured"] = 800_000
    total: Annotated[int, duration(), "time to the whole answer, until measured"] = 5 * _S


class ModelShape(msgspec.Struct, frozen=True):
    """A model at a provider. What is not said is taken from the catalogue, and what that does not know is unknown."""

    name: Annotated[str, NAME, "what the model is called here"]
    id: Annotated[str | None, TEXT, "what the provider calls it; its name where not said"] = None
    version: Annotated[str, PLAIN_NAME, "open-inference: the version to ask for where the caller names none"] = ""
    context_tokens: Annotated[int | None, _TOKENS, "most tokens of prompt and answer together"] = None
    output_tokens: Annotated[int | None, _TOKENS, "most tokens of an answer"] = None
    tools: Annotated[bool | None, BOOL, "can call tools"] = None
    vision: Annotated[bool | None, BOOL, "takes images"] = None
    audio: Annotated[bool | None, BOOL, "takes audio"] = None
    files: Annotated[bool | None, BOOL, "takes files"] = None
    json_schema: Annotated[bool | None, BOOL, "answers by a JSON Schema"] = None
    prefill: Annotated[bool | None, BOOL, "continues an answer that the caller began"] = None
    embeddings: Annotated[bool | None, BOOL, "true: makes embeddings; false: chats"] = None
    reasoning: Annotated[bool | None, BOOL, "thinks before it answers"] = None
    image_output: Annotated[bool | None, BOOL, "makes images"] = None
    price: Annotated[PriceShape | None, Record(PriceShape), "what it costs"] = None
    concurrency: Annotated[int, whole(0, 1_000_000), "most calls in flight; 0: no limit"] = 0
    prior: Annotated[PriorShape | None, Record(PriorShape), "its speed until measured"] = None
    patience: Annotated[PatienceShape | None, Record(PatienceShape), "timers are at least so long for it"] = None


class ProviderShape(msgspec.Struct, frozen=True):
    """An account you rent from, or a server you run."""

    vendor: Annotated[str, choice(VENDORS, "a vendor"), "whose wire format and habits"]
    models: Annotated[
        tuple[str | ModelShape, ...],
        ListOf(Either("model", scalar=NAME, other=Record(ModelShape, kind="model")), least=1),
        "the models it serves, by name or with what is known of them",
    ]
    region: Annotated[str, PLAIN_NAME, "where it stands, for workflows' regions; none where not said"] = ""
    key: Annotated[Secret | None, SECRET, "its API key: env:NAME or file:PATH"] = None
    url: Annotated[str, URL, "its address with the path, as https://host/v1; the vendor's where not said"] = ""
    proxy: Annotated[
        Secret | None, PROXY, "an HTTP proxy on the way, asked to CONNECT; env:NAME if it holds credentials"
    ] = None
    ca: Annotated[str, PATH, "a file of certificates to trust, beside the system's"] = ""
    client_cert: Annotated[str, PATH, "the file of a client certificate to show"] = ""
    client_key: Annotated[str, PATH, "the file of its key"] = ""
    connections: Annotated[int, whole(1, 65_536), "most sockets a worker opens to it"] = 1024
    project: Annotated[str, PROJECT, "vertex: the project; the one its credentials name where not said"] = ""
    location: Annotated[
        str, PLAIN_NAME, "vertex, bedrock: the cloud's own name of the place; region where not said"
    ] = ""
    credentials: Annotated[
        str, PATH, "vertex: a file of credentials, file:PATH; from where every Google client looks where not said"
    ] = ""
    profile: Annotated[str, PROFILE, "bedrock: a profile of ~/.aws/config; the usual one where not said"] = ""
    role: Annotated[str, ROLE, "bedrock: a role to take on with the credentials that were found"] = ""
    api_version: Annotated[
        str, API_VERSION, "azure: the version of the deployments' paths; the /openai/v1 paths where not said"
    ] = ""


class HostedShape(msgspec.Struct, frozen=True):
    """A model that Poise itself runs."""

    run: Annotated[str, TEXT, "what is run, as python:module:Class"]
    replicas: Annotated[Replicas | None, REPLICAS, "how many copies, as 2 or 0..4"] = None
    memory: Annotated[int | None, size(), "most memory of a copy"] = None


class CandidateShape(msgspec.Struct, frozen=True):
    """A candidate with a condition."""

    model: Annotated[str, MODEL, "a model, or model@provider"]
    when: Annotated[str, WHEN, "CEL over facts.*; it is a candidate only while this is true"] = ""


class ObjectiveShape(msgspec.Struct, frozen=True):
    """What the workflow promises."""

    first_token: Annotated[int, duration(0), "the first token within; nothing promised where not said"] = 0
    deadline: Annotated[int, duration(10_000, 86_400 * _S), "the whole answer within; the request's budget of time"] = (
        60 * _S
    )
    success: Annotated[int, PERCENT, "share of requests that succeed; nothing promised where not said"] = 0


_WEIGHT = number(0, 1_000_000)


class WeightsShape(msgspec.Struct, frozen=True):
    """How much each score part counts; only their ratios matter."""

    health: Annotated[float, _WEIGHT, "free of recent failures"] = 3.0
    latency: Annotated[float, _WEIGHT, "fast"] = 2.0
    load: Annotated[float, _WEIGHT, "few calls in flight"] = 1.0
    cost: Annotated[float, _WEIGHT, "cheap"] = 1.0


class ChooseShape(msgspec.Struct, frozen=True):
    """How a candidate is picked: by weights, or by fixed shares. The word ``order`` in its place: as listed."""

    weights: Annotated[WeightsShape | None, Record(WeightsShape), "what counts, and how much"] = None
    split: Annotated[dict[str, float] | None, MapOf(check_name, _WEIGHT), "fixed shares, model: share"] = None
    spread: Annotated[
        float | None, number(0, 10), "how readily a lower score is picked too; 0: the best always; 0.05 by default"
    ] = None
    stick: Annotated[
        str, choice(("conversation",), "something to stick to"), "requests of one conversation choose alike"
    ] = ""


class TimersShape(msgspec.Struct, frozen=True):
    """How long an attempt may be silent. All but connect hold for streams only."""

    connect: Annotated[int, duration(), "to be connected"] = 2 * _S
    headers: Annotated[int, duration(), "to the head of the answer"] = 10 * _S
    first_token: Annotated[int, duration(), "to the first token"] = 10 * _S
    stall: Annotated[
        int | None, duration(), "between tokens, soft; so far it only makes stall_hard three times it; 10s"
    ] = None
    stall_hard: Annotated[
        int | None, duration(), "between tokens, then the stream is given up; three times stall where not said"
    ] = None
    rate: Annotated[
        float | None, number(0, 1000), "least tokens a second over 30 s of a stream, else it is given up; 0.3; 0: none"
    ] = None


_STREAM = choice(("error", "restart", "continue"), "a way to repair a stream")


class RecoverShape(msgspec.Struct, frozen=True):
    """What may be spent on getting an answer in spite of failures."""

    attempts: Annotated[int, whole(1, 20), "most attempts of one request"] = 3
    spend: Annotated[float, money(1_000_000), "most USD of one request over all attempts; 0: no bound"] = 0.0
    stream: Annotated[
        str | tuple[str, ...],
        Either("way to repair a stream, or several", scalar=_STREAM, other=ListOf(_STREAM, least=1, most=3)),
        "a stream that breaks after its first token: restart runs it again elsewhere and sends what is new, continue has "
        "the rest written, error ends it with an error in-band; a list is tried in order",
    ] = "error"
    keepalive: Annotated[int, duration(_S, 3600 * _S), "a stream with nothing to send gets a comment this often"] = (
        15 * _S
    )
    hedge: Annotated[
        Hedging | None,
        HEDGE,
        "a second attempt beside a first without a token: after p95 of its target's first tokens, or after 800ms",
    ] = None
    hedge_tools: Annotated[bool, BOOL, "hedge requests that bring tools too; both may then call them"] = False


OVERLAY = Record(msgspec.Struct, kind="change to the policy")  # of Controls, which hold postures themselves: see below


class PostureShape(msgspec.Struct, frozen=True, rename={"for_": "for"}):
    """An operating condition and what it changes."""

    set: Annotated[Any, OVERLAY, "what it changes: a merge over the policy"] = None
    when: Annotated[str, POSTURE_WHEN, "CEL over signals; in force while true"] = ""
    for_: Annotated[int, duration(0), "enter after it held this long"] = 0
    leave_after: Annotated[int, duration(0), "leave after it was false this long"] = 0
    observe: Annotated[bool, BOOL, "only tell when it would stand"] = False


class Controls(msgspec.Struct, frozen=True):
    """What a profile and a workflow may both say."""

    owner: Annotated[str, TEXT, "who it belongs to, for reports of cost"] = ""
    regions: Annotated[
        tuple[str, ...], ListOf(PLAIN_NAME), "the only regions that may serve it; any where not said"
    ] = ()
    candidates: Annotated[
        tuple[str | CandidateShape, ...],
        ListOf(Either("candidate", scalar=MODEL, other=Record(CandidateShape, kind="candidate")), least=1),
        "models that may serve it, each at every provider that has it, or model@provider",
    ] = ()
    objective: Annotated[ObjectiveShape, Record(ObjectiveShape), "what it promises"] = ObjectiveShape()
    choose: Annotated[
        str | ChooseShape,
        Either(
            "way to choose",
            scalar=choice(("order", "weights"), "a way to choose"),
            other=Record(ChooseShape, kind="way to choose"),
        ),
        "how a candidate is picked: order, {weights: ...} or {split: ...}",
    ] = "weights"
    priority: Annotated[str, choice(("interactive", "standard", "background"), "a priority"), "who goes first"] = (
        "standard"
    )
    timers: Annotated[TimersShape, Record(TimersShape), "how long an attempt may be silent"] = TimersShape()
    recover: Annotated[RecoverShape, Record(RecoverShape), "attempts after a failure"] = RecoverShape()
    record: Annotated[
        str, choice(("normal", "required"), "a way to record"), "required: refuse what cannot be recorded"
    ] = "normal"
    postures: Annotated[
        dict[str, PostureShape],
        MapOf(check_plain_name, Record(PostureShape, kind="posture")),
        "conditions and what they change",
    ] = {}
    cache: Annotated[Any, Anything(), "answers from a cache"] = None
    review: Annotated[Any, Anything(), "a person looks before it goes on"] = None
    hold: Annotated[
        Holding | None, HOLD, "how much of a stream must have come before any of it goes out: 0, 16 tokens, 2s, whole"
    ] = None


class WorkflowShape(Controls, frozen=True):
    """A named class of traffic."""

    use: Annotated[str, PLAIN_NAME, "the profile it builds on"] = ""
    aliases: Annotated[tuple[str, ...], ListOf(NAME), "names that clients send already"] = ()


class KeyShape(msgspec.Struct, frozen=True):
    """Who may call, and what. Without workflows and models: everything."""

    secret: Annotated[Secret | tuple[Secret, ...], _SECRETS, "env:NAME or file:PATH; two of them during a rotation"]
    workflows: Annotated[
        tuple[str, ...] | None, ListOf(GLOB), "the workflows it may use, with their aliases; * ? [abc] as in file names"
    ] = None
    models: Annotated[tuple[str, ...] | None, ListOf(GLOB), "the models, or model@provider, it may name itself"] = None
    passthrough: Annotated[
        tuple[str, ...] | None,
        ListOf(GLOB),
        "the providers that /passthrough/ leads it to; not said: all where it may use everything, else none",
    ] = None


class LimitsShape(msgspec.Struct, frozen=True):
    """Bounds of the data port, of each worker."""

    body: Annotated[int, size(1024, 1 << 30), "largest request body"] = 32 << 20
    bodies: Annotated[int, size(1024, 1 << 40), "all request bodies held at once"] = 256 << 20
    headers: Annotated[int, size(1024, 1 << 20), "largest request head"] = 64 << 10
    header_count: Annotated[int, whole(10, 10_000), "most header lines"] = 100
    connections: Annotated[int, whole(1, 1_000_000), "most client connections"] = 16_384
    connections_per_address: Annotated[int, whole(1, 1_000_000), "most client connections from one address"] = 8192
    calls_per_key: Annotated[int, whole(1, 1_000_000), "most calls of one key under way"] = 8192
    header_time: Annotated[int, duration(100_000, 3600 * _S), "for a request head to arrive"] = 10 * _S
    body_rate: Annotated[int, size(1, 1 << 30), "least a request body moves in each second"] = 1024
    idle: Annotated[int, duration(100_000, 86_400 * _S), "a connection without a request is closed after"] = 75 * _S
    write_stall: Annotated[int, duration(100_000, 86_400 * _S), "a client that reads nothing is cut off after"] = (
        60 * _S
    )


class RetentionShape(msgspec.Struct, frozen=True):
    """What the store keeps; the oldest goes first."""

    age: Annotated[int, duration(60 * _S, 3650 * 86_400 * _S), "decisions are kept this long"] = 30 * 86_400 * _S
    size: Annotated[int, size(1 << 20), "and no more than this much of them"] = 4 << 30


class TlsShape(msgspec.Struct, frozen=True):
    """The data port's certificate."""

    cert: Annotated[str, PATH, "the file of the certificate chain, PEM"]
    key: Annotated[str, PATH, "the file of its key, PEM"]


class FileShape(msgspec.Struct, frozen=True):
    """The whole file."""

    version: Annotated[int, whole(1, 1), "the version of this format: 1"]
    include: Annotated[tuple[str, ...], ListOf(TEXT, most=100), "more files, as patterns relative to this one"] = ()
    listen: Annotated[str, ADDRESS, "the data port"] = "127.0.0.1:8700"
    listen_tls: Annotated[TlsShape | None, Record(TlsShape), "TLS on the data port"] = None
    admin: Annotated[str, ADMIN, "console, admin API, /metrics, /healthz, /readyz; or none"] = "127.0.0.1:8701"
    data: Annotated[str, DATA, "the folder of the embedded store, beside this file; or none"] = ".poise"
    open: Annotated[bool, BOOL, "callers need no key; only where listen is on loopback"] = False
    allow_literal_secrets: Annotated[bool, BOOL, "secrets may stand in the file itself"] = False
    grace: Annotated[int, duration(0, 86_400 * _S), "how long streams may go on after SIGTERM"] = 30 * _S
    limits: Annotated[LimitsShape, Record(LimitsShape), "bounds of the data port"] = LimitsShape()
    retention: Annotated[RetentionShape, Record(RetentionShape), "what the store keeps"] = RetentionShape()
    observe: Annotated[Any, Anything(), "export of traces and metrics"] = None
    providers: Annotated[
        dict[str, ProviderShape],
        MapOf(check_plain_name, Record(ProviderShape, kind="provider")),
        "accounts and servers",
    ] = {}
    models: Annotated[
        dict[str, HostedShape], MapOf(check_name, Record(HostedShape, kind="model")), "models that Poise itself runs"
    ] = {}
    profiles: Annotated[
        dict[str, Controls], MapOf(check_plain_name, Record(Controls, kind="profile")), "shared by workflows"
    ] = {}
    workflows: Annotated[
        dict[str, WorkflowShape], MapOf(check_name, Record(WorkflowShape, kind="workflow")), "classes of traffic"
    ] = {}
    keys: Annotated[dict[str, KeyShape], MapOf(check_plain_name, Record(KeyShape, kind="key")), "who may call"] = {}


FILE = Record(FileShape, kind="configuration")
WORKFLOW = Record(WorkflowShape, kind="workflow")
OVERLAY.struct = Controls
