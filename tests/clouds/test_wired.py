"""What goes to each cloud: host, path, body and what shows who we are, as a target's tongues and its signer make them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.edge.clouds.sigv4 import SigV4
from poise.edge.snapshot import Endpoint
from poise.edge.tongues import tongues_of
from poise.edge.vendors import VENDORS, spoken
from poise.sim.clock import EPOCH_US
from poise.sim.emulate.asked import Refused
from poise.sim.emulate.aws_signature import ACCESS_KEY, SECRET_KEY, check
from poise.sim.emulate.message import Request, read_request
from poise.target import Provider, Target
from poise.wire.dialects import DIALECTS
from tests.clouds.test_sigv4 import _keeper, _ours, _theirs
from tests.recordings import exchanges

REGION = "eu-central-1"
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":5}'
KEYS = (ACCESS_KEY, SECRET_KEY, "")
SESSION = (*KEYS[:2], "FwoGZXIvYXdzE/session+token==")
IDS = (
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "eu.amazon.nova-pro-v1:0",
    "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/ab12cd34",
    "arn:aws:bedrock:us-east-1::foundation-model/meta.llama4-scout-17b-instruct-v1:0",
    "arn:aws:sagemaker:eu-central-1:1:endpoint/a.b~c_d-e",
    "with space/and%25percent",
    "a//b/../c/./d",
    "ünï+côde?&=#",
)


def _endpoint(vendor: str, location: str = "", project: str = "") -> Endpoint:
    return Endpoint(Provider("p", vendor, "eu", VENDORS[vendor].url_at(location), location=location, project=project))


def _target(vendor: str, model: str, *, versioned: bool = False) -> Target:
    return Target("m@p", "m", "p", vendor, "eu", model, dialect=spoken(vendor, model, versioned=versioned))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("values", [KEYS, SESSION], ids=["key", "session"])
@pytest.mark.parametrize("model", IDS)
def test_a_signature_holds_for_any_models_id(model: str, values: tuple[str, ...], stream: bool) -> None:
    """Of what is sent, to the byte: as botocore signs it, and as a reading of the description finds it."""
    signer = SigV4(_keeper(values), REGION)
    tongue = tongues_of(_target("bedrock", model), _endpoint("bedrock", location=REGION), signer)["openai"]
    assert tongue.signing is not None
    lines = tongue.signing.lines("chat", stream, BODY, EPOCH_US)
    request = read_request(tongue.heads["chat", stream] + lines, BODY)
    path = request.target.encode()
    host = b"bedrock-runtime.eu-central-1.amazonaws.com"

    check(request, EPOCH_US // 1_000_000)
    assert _theirs(b"POST", path, host, BODY, EPOCH_US, values, {}) == _ours(lines)
    assert f"/model/{model}/converse{'-stream' * stream}" == request.path
    assert 1 == request.target.count("/converse")
    assert request.target.startswith("/model/")
    assert 3 == request.target.count("/"), "an ARN's own slashes are escaped"


@pytest.mark.parametrize("model", [model for model in IDS if ":" in model])
def test_a_signature_of_the_path_as_it_is_not_sent_would_be_refused(model: str) -> None:
    """Signed with the id's colons as they are, sent with them escaped."""
    signer = SigV4(_keeper(KEYS), REGION)
    sent = tongues_of(_target("bedrock", model), _endpoint("bedrock", location=REGION), signer)["openai"]
    lines = signer.lines(b"POST", f"/model/{model}/converse".encode(), b"h", BODY, EPOCH_US)
    with pytest.raises(Refused, match="signature"):
        check(read_request(sent.heads["chat", False] + lines, BODY), EPOCH_US // 1_000_000)


def _claude(said: dict[str, Any], stream: bool) -> tuple[bytes, dict[str, object]]:
    """Head and body of a call to Claude at Vertex by a client of Anthropic's dialect."""
    target, dialect = _target("vertex", "claude-3-7-sonnet@20250219"), DIALECTS["anthropic"]
    endpoint = _endpoint("vertex", location="us-east5", project="PROJECT")
    tongue = tongues_of(target, endpoint)["anthropic"]
    body = tongue.dialect.upstream_body(dialect.read_call("chat", json.dumps(said).encode()), target)
    return tongue.heads["chat", stream], json.loads(body)


@pytest.mark.parametrize("stream", [False, True])
def test_claude_at_vertex_is_asked_as_was_recorded(stream: bool) -> None:
    """What a client sends to Anthropic becomes the recorded path and body: the version in the body, the model in the path."""
    name = "vertex.anthropic_streamRawPredict" if stream else "vertex.anthropic_rawPredict"
    for row in exchanges(name):
        recorded = row["request"]
        said = {key: value for key, value in recorded["body"].items() if key != "anthropic_version"}
        head, body = _claude({"model": "claude", **said}, stream)

        assert head.startswith(b"POST %b HTTP/1.1\r\n" % recorded["path"].encode())
        assert b"\r\nhost: us-east5-aiplatform.googleapis.com\r\n" in head
        assert b"anthropic-version" not in head
        assert recorded["body"] == body


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_vertexs_places_have_their_hosts(location: str, host: str) -> None:
    """The place is in the path, too."""
    tongue = tongues_of(_target("vertex", "gemini-2.5-pro"), _endpoint("vertex", location=location, project="p1"))
    head = tongue["gemini"].heads["chat", True].decode()
    path = f"/v1/projects/p1/locations/{location}/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse"

    assert head.startswith(f"POST {path} HTTP/1.1\r\nhost: {host}\r\n")


def test_other_makers_models_at_vertex_speak_openai() -> None:
    """By the endpoint that Vertex has for them; their ids hold a slash."""
    model = "meta/llama-4-maverick-17b-128e-instruct-maas"
    tongue = tongues_of(_target("vertex", model), _endpoint("vertex", location="us-east5", project="p1"))["openai"]
    path = b"/v1/projects/p1/locations/us-east5/endpoints/openapi/chat/completions"

    assert tongue.heads["chat", False].startswith(b"POST %b HTTP/1.1\r\n" % path)


def test_bedrock_in_china_has_a_host_of_its_own() -> None:
    tongue = tongues_of(_target("bedrock", "m"), _endpoint("bedrock", location="cn-north-1"))["openai"]

    assert b"\r\nhost: bedrock-runtime.cn-north-1.amazonaws.com.cn\r\n" in tongue.heads["chat", False]


def test_a_key_of_bedrock_is_a_bearer_token() -> None:
    """And nothing is signed."""
    endpoint = Endpoint(_endpoint("bedrock", location=REGION).provider, "bedrock-api-key")
    tongue = tongues_of(_target("bedrock", "m"), endpoint)["openai"]

    assert b"\r\nauthorization: Bearer bedrock-api-key\r\n" in tongue.heads["chat", False]
    assert tongue.signing is None


@pytest.mark.parametrize(
    ("version", "path"),
    [
        ("", "/openai/v1/chat/completions"),
        ("2024-10-21", "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
    ],
)
def test_azures_paths_are_by_version_or_without(version: str, path: str) -> None:
    """With a version, those of the deployment; the model's id is its name."""
    endpoint = Endpoint(Provider("p", "azure", "eu", "https://r.openai.azure.com", api_version=version), "k")
    tongue = tongues_of(_target("azure", "my gpt", versioned=bool(version)), endpoint)["openai"]

    assert tongue.heads["chat", False].startswith(f"POST {path} HTTP/1.1\r\nhost: r.openai.azure.com\r\n".encode())
    assert b"\r\napi-key: k\r\n" in tongue.heads["chat", False]


def test_nobody_else_is_signed() -> None:
    """The one check on the way of every other request finds None."""
    for vendor, row in VENDORS.items():
        if spoken(vendor):
            endpoint = Endpoint(Provider("p", vendor, "eu", row.url_at("x") or "https://h", project="p"), "k")
            tongues = tongues_of(_target(vendor, "m"), endpoint)
            assert {None} == {tongue.signing for tongue in tongues.values()}, vendor


def _request(lines: bytes, target: str = "/model/m/converse", body: bytes = BODY) -> Request:
    return read_request(f"POST {target} HTTP/1.1\r\nhost: h\r\n".encode() + lines, body)


def test_the_emulator_refuses_what_was_not_signed_so() -> None:
    """Another path, body, header, moment, key or service, and no signature at all."""
    signer = SigV4(_keeper(KEYS), REGION)
    now_s = EPOCH_US // 1_000_000
    lines = signer.lines(b"POST", b"/model/m/converse", b"h", BODY, EPOCH_US)
    other = SigV4(_keeper((ACCESS_KEY, "another", "")), REGION).lines(
        b"POST", b"/model/m/converse", b"h", BODY, EPOCH_US
    )
    stranger = SigV4(_keeper(("AKIAOTHER", SECRET_KEY, "")), REGION)
    wrong: list[tuple[Request, int]] = [
        (_request(lines, "/model/n/converse"), now_s),
        (_request(lines, "/model/m/converse?x=1"), now_s),
        (_request(lines, body=BODY + b" "), now_s),
        (_request(lines + b"x-amz-extra: 1\r\n"), now_s),
        (_request(lines.replace(b"x-amz-date: 2", b"x-amz-date: 1")), now_s),
        (_request(lines), now_s + 301),
        (_request(lines), now_s - 301),
        (_request(other), now_s),
        (_request(stranger.lines(b"POST", b"/model/m/converse", b"h", BODY, EPOCH_US)), now_s),
        (
            _request(SigV4(_keeper(KEYS), REGION, "s3").lines(b"POST", b"/model/m/converse", b"h", BODY, EPOCH_US)),
            now_s,
        ),
        (_request(b""), now_s),
    ]
    check(_request(lines), now_s)
    for request, at_s in wrong:
        with pytest.raises(Refused):
            check(request, at_s)
