"""The emulated servers of tensors: their models compute, and they refuse what Triton would."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.clock import SystemClock
from poise.sim.emulate.emulator import Emulator
from poise.sim.emulate.message import Request, Seen, Whole
from poise.sim.emulate.tensor import LETTERS, BadTensor, Tensor, pack, unpack

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy
HEADER = "inference-header-content-length"


def ask(vendor: str, method: str, path: str, body: bytes = b"", **headers: str) -> Whole:
    """One answer, without the socket."""

    async def answer() -> object:
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(method, path, {}, lines, body)
        return Emulator(vendor, SystemClock()).answer(request, Seen(1, vendor, "", method, path, {}, {}, None), 0)

    found = asyncio.run(answer())
    assert isinstance(found, Whole)
    return found


def call(*inputs: dict[str, Any], **more: Any) -> bytes:  # noqa: ANN401 - any JSON
    """A body."""
    return json.dumps({"inputs": list(inputs)} | more).encode()


def tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    """An input."""
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


X = tensor("x", "FP32", [2, 3], [[1, 2, 4], [0, 0, 0]])
REFUSED = {
    "no input": (call(), "expected 1 inputs but got 0 inputs"),
    "another input": (call(X | {"name": "z"}), "unexpected inference input 'z'"),
    "another type": (call(X | {"datatype": "INT8"}), "data-type is 'INT8', but model 'linear' expects 'FP32'"),
    "another rank": (call(X | {"shape": [6]}), "unexpected shape for input 'x'"),
    "another width": (call(X | {"shape": [3, 2]}), "unexpected shape for input 'x'"),
    "too few": (call(X | {"shape": [3, 3]}), "unexpected number of elements 6"),
    "a negative shape": (call(X | {"shape": [-2, 3]}), "shape [-2, 3] is not one"),
    "a huge shape": (call(X | {"shape": [1 << 40, 3]}), "is not one of at most"),
    "another output": (call(X, outputs=[{"name": "q"}]), "unexpected inference output 'q'"),
    "words": (call(X | {"data": ["a"] * 6}), "failed to read the tensors"),
    "no JSON": (b"{", "failed to parse the request JSON buffer"),
}


@pytest.mark.parametrize("vendor", ["oip", "mlserver"])
def test_a_linear_model_is_linear(vendor: str) -> None:
    """2a - b + c/2 + 1 of each row."""
    answer = json.loads(ask(vendor, "POST", "/v2/models/linear/infer", call(X)).body)

    assert [{"name": "y", "datatype": "FP32", "shape": [2, 1], "data": [3.0, 1.0]}] == answer["outputs"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_contradicts_the_model_is_refused(name: str) -> None:
    body, words = REFUSED[name]
    answer = ask("oip", "POST", "/v2/models/linear/infer", body)

    assert 400 == answer.status
    assert words in json.loads(answer.body)["error"]


def test_each_manner_has_its_words_for_a_model_that_is_not_there() -> None:
    said = [ask(vendor, "GET", "/v2/models/nothing") for vendor in ("oip", "mlserver")]

    assert [404, 404] == [answer.status for answer in said]
    assert [
        "Request for unknown model: 'nothing' is not found",
        "Model nothing not found",
    ] == [json.loads(answer.body)["error"] for answer in said]
    assert 422 == ask("mlserver", "POST", "/v2/models/linear/infer", b"{").status


def test_bytes_behind_the_json_must_be_as_many_as_it_says() -> None:
    head = call({"name": "x", "datatype": "FP32", "shape": [1, 3], "parameters": {"binary_data_size": 12}})
    right = struct.pack("<3f", 1, 2, 4)
    found = [
        ask("oip", "POST", "/v2/models/linear/infer", head + tail, **{HEADER: str(len(head))}).status
        for tail in (right, right[:-1], right + b"\x00")
    ]

    assert [200, 400, 400] == found


@CALM
@given(st.sampled_from(sorted(LETTERS)), st.binary(max_size=64))
def test_numbers_are_packed_as_they_were_unpacked(datatype: str, raw: bytes) -> None:
    """But a truth, which is one byte and any but 0, and a number that is none, which equals nothing."""
    width = struct.calcsize(f"<{LETTERS[datatype]}")
    raw = raw[: len(raw) // width * width]
    data = unpack(datatype, raw)
    again = unpack(datatype, pack(Tensor("t", datatype, [len(data)], data)))

    assert repr(data) == repr(again)


@CALM
@given(st.lists(st.binary(max_size=9), max_size=5))
def test_texts_stand_behind_their_lengths(said: list[bytes]) -> None:
    raw = pack(Tensor("t", "BYTES", [len(said)], list(said)))

    assert said == unpack("BYTES", raw)
    if said:
        with pytest.raises(BadTensor):
            unpack("BYTES", raw[:-1] if said[-1] else raw[:-4] + b"\x01\x00\x00\x00")
