"""The protocol through a gateway of real processes, against its own text, before servers of two manners."""

from __future__ import annotations

import json
import struct

import msgspec
import pytest

from poise import __version__
from tests.oip.protocol import (
    DATATYPES,
    Failed,
    InferenceResponse,
    ModelMetadata,
    ModelReady,
    ServerHealth,
    ServerMetadata,
)
from tests.oip.world import HEADER, NARROW_KEY, UP_KEY, Said, Tensors, binary_pair, pair

FIRST, SECOND = list(range(16)), [3] * 16
SUMS = [a + b for a, b in zip(FIRST, SECOND, strict=True)]
ERRORS = {
    "no key": (401, "GET", "/v2/models/calc", "no key was sent"),
    "no such model": (404, "POST", "/v2/models/nothing/infer", "this key may use: add-sub, add-sub@mlserver"),
    "no such model at the server": (502, "POST", "/v2/models/gone/infer", "Request for unknown model: 'no-such'"),
    "no such version": (404, "POST", "/v2/models/calc/versions/9/infer", "version 9 is not found"),
    "no such version for metadata": (404, "GET", "/v2/models/calc/versions/9", "version 9 is not found"),
    "a version of the file's that there is not": (502, "GET", "/v2/models/gone-version", "version 9 is not found"),
    "not of this protocol": (400, "POST", "/v2/models/gpt/infer", "gpt@openai: dialect"),
    "overloaded": (503, "POST", "/v2/models/busy/infer", "Exceeds maximum queue size"),
    "too many requests": (429, "POST", "/v2/models/limited/infer", "too many requests"),
    "failed": (502, "POST", "/v2/models/broken/infer", "status 500"),
    "cut": (502, "POST", "/v2/models/cut/infer", "all attempts failed (2)"),
    "out of reach": (502, "GET", "/v2/models/unreachable", "unreachable@nobody"),
    "out of reach for tensors": (502, "POST", "/v2/models/unreachable/infer", "unreachable@nobody"),
    "no path": (404, "GET", "/v2/models/calc/stats", "there is nothing at /v2/models/calc/stats"),
    "no method": (405, "GET", "/v2/models/calc/infer", "use POST"),
    "the server's own": (400, "POST", "/v2/models/linear@oip/infer", "expected 1 inputs but got 2 inputs"),
}


def infer(running: Tensors, model: str, *, key: str = "key-of-the-app-0123456789") -> Said:
    """A call of add-sub in JSON."""
    return running.ask("POST", f"/v2/models/{model}/infer", pair(FIRST, SECOND, id="r-7"), key=key)


def test_the_server_tells_of_itself(running: Tensors) -> None:
    """With and without the slash that the protocol's own description has."""
    for path in ("/v2", "/v2/"):
        told = msgspec.json.decode(running.ask("GET", path).body, type=ServerMetadata)

        assert ServerMetadata("poise", __version__, ["binary_tensor_data"]) == told


def test_the_probes_are_open(running: Tensors) -> None:
    for path in ("/v2/health/live", "/v2/health/ready"):
        said = running.ask("GET", path, key="")

        assert 200 == said.status
        assert msgspec.json.decode(said.body, type=ServerHealth).live


@pytest.mark.parametrize("model", ["calc", "old-calc", "team%2Fcalc", "add-sub@mlserver", "pinned", "calc-mlserver"])
def test_a_model_is_told_of_under_the_callers_own_name(running: Tensors, model: str) -> None:
    """Workflow, alias, a target, one whose version the file says; with and without a version in the path."""
    for ending in ("", "/versions/1"):
        said = running.ask("GET", f"/v2/models/{model}{ending}")
        told = msgspec.json.decode(said.body, type=ModelMetadata)

        assert (200, model.replace("%2F", "/"), ["1"]) == (said.status, told.name, told.versions)
        assert ["INPUT0", "INPUT1"] == [tensor.name for tensor in told.inputs]
        assert {tensor.datatype for tensor in (*told.inputs, *told.outputs)} <= DATATYPES
        assert said.headers["x-poise-target"].startswith(("add-sub@", "pinned@"))


def test_a_model_is_ready_where_a_target_of_its_speaks_the_protocol(running: Tensors) -> None:
    """Nobody is asked: also what cannot be reached is ready until it has failed. Not ready is a 400."""
    for model, status in {"calc": 200, "mixed": 200, "never-asked": 200, "gpt": 400}.items():
        said = running.ask("GET", f"/v2/models/{model}/ready")

        assert (status, ModelReady(model, status == 200)) == (
            said.status,
            msgspec.json.decode(said.body, type=ModelReady),
        )
    assert 403 == running.ask("GET", "/v2/models/linear/ready", key=NARROW_KEY).status


@pytest.mark.parametrize("model", ["calc", "calc-mlserver", "pinned", "add-sub"])
def test_tensors_in_json(running: Tensors, model: str) -> None:
    """The answer is the server's own: its name of the model, its version, the caller's id."""
    said = infer(running, model)
    found = msgspec.json.decode(said.body, type=InferenceResponse)

    assert (200, "application/json") == (said.status, said.headers["content-type"])
    assert ("add-sub", "1", "r-7") == (found.model_name, found.model_version, found.id)
    assert [SUMS, [a - b for a, b in zip(FIRST, SECOND, strict=True)]] == [output.data for output in found.outputs]


def test_tensors_as_bytes(running: Tensors) -> None:
    body, json_bytes = binary_pair(FIRST, SECOND)
    said = running.ask("POST", "/v2/models/calc/infer", body, **{HEADER: str(json_bytes)})
    size = int(said.headers[HEADER])
    found = msgspec.json.decode(said.body[:size], type=InferenceResponse)

    assert (200, "application/octet-stream") == (said.status, said.headers["content-type"])
    assert [{"binary_data_size": 64}] * 2 == [output.parameters for output in found.outputs]
    assert SUMS == list(struct.unpack("<16i", said.body[size : size + 64]))
    assert size + 128 == len(said.body)


def test_one_raw_tensor(running: Tensors) -> None:
    """Size 0: the body is the one input's bytes, and the answer comes as bytes."""
    said = running.ask("POST", "/v2/models/linear@oip/infer", struct.pack("<3f", 1, 2, 4), **{HEADER: "0"})

    assert 200 == said.status, said
    assert [3.0] == list(struct.unpack("<f", said.body[int(said.headers[HEADER]) :]))


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_of_the_protocols_shape(running: Tensors, name: str) -> None:
    """Text under ``error`` that says what was the matter; the provider's key is not in it."""
    status, method, path, words = ERRORS[name]
    body = pair(FIRST, SECOND) if method == "POST" else None
    said = running.ask(method, path, body, key="" if name == "no key" else "key-of-the-app-0123456789")
    error = msgspec.json.decode(said.body, type=Failed).error

    assert (status, "application/json") == (said.status, said.headers["content-type"])
    assert words in error
    assert UP_KEY not in error
    assert said.json["decision"] == said.headers["x-poise-decision"]


def test_fail_over_is_seen_on_the_record_and_not_by_the_caller(running: Tensors) -> None:
    """503 of one server, the answer of the other, which is of another make."""
    said = infer(running, "fail-over")
    shown = running.explain(said.headers["x-poise-decision"])

    assert (200, "add-sub@mlserver") == (said.status, said.headers["x-poise-target"])
    assert ["busy@oip", "add-sub@mlserver"] == [attempt["target"] for attempt in shown["ended"]["attempts"]]


def test_what_does_not_speak_the_protocol_is_dropped(running: Tensors) -> None:
    """The workflow's first candidate chats; tensors go to the second."""
    body = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [[1, 2, 4]]}]}
    said = running.ask("POST", "/v2/models/mixed/infer", json.dumps(body).encode())

    assert [3.0] == said.json["outputs"][0]["data"]
    assert "dialect" in json.dumps(running.explain(said.headers["x-poise-decision"]))


def test_tensors_cost_by_the_request(running: Tensors) -> None:
    """2.50 USD for a thousand; no token is counted."""
    found = [
        running.explain(infer(running, model).headers["x-poise-decision"])
        for model in ("add-sub@oip", "add-sub@mlserver")
    ]

    assert [(2_500, True), (0, False)] == [(shown["cost_usd_e6"], shown["price_known"]) for shown in found]
    assert [(0, 0)] * 2 == [(shown["input_tokens"], shown["output_tokens"]) for shown in found]


def test_the_server_is_asked_with_its_own_name_and_key(running: Tensors) -> None:
    """Never with the caller's; a model whose version the file says is asked for in that one."""
    running.arrived("oip")
    infer(running, "pinned")
    running.ask("GET", "/v2/models/pinned/versions/1")
    seen = running.arrived("oip")

    assert ["/v2/models/add-sub/versions/1/infer", "/v2/models/add-sub/versions/1"] == [row["path"] for row in seen]
    assert ["POST", "GET"] == [row["method"] for row in seen]
    assert "key-of-the-app" not in json.dumps(seen)


def test_a_key_reaches_only_what_it_may(running: Tensors) -> None:
    """403 is for what there is; 404 names what would have worked."""
    refused = infer(running, "linear", key=NARROW_KEY)

    assert 200 == infer(running, "old-calc", key=NARROW_KEY).status
    assert (403, "key_not_allowed") == (refused.status, refused.json["code"])
    assert "this key may use: calc, old-calc, team/calc" in refused.json["error"]
