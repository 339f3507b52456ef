"""Reading calls: any bytes are a call or an error of the caller's, and what is a call goes on as it came."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.errors import Error
from poise.target import Target
from poise.wire.dialects import DIALECTS
from poise.wire.oip.dialect import in_path
from poise.wire.oip.request import at_version, json_bytes_of, lines_of, read_infer, read_metadata

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy
OIP = DIALECTS["oip"]
TARGET = Target("m@p", "m", "p", "open-inference", "", "m-up", dialect="oip")


@CALM
@given(st.binary(max_size=200), st.integers(-1, 250))
def test_any_bytes_are_a_call_or_the_callers_error(body: bytes, json_bytes: int) -> None:
    """Whatever a size says; a call's body is what was read, byte for byte."""
    sent, status = body, 400
    try:
        sent = OIP.upstream_body(read_infer(body, json_bytes, model="m"), TARGET)
    except Error as error:
        status = error.status

    assert (body, 400) == (sent, status)


@CALM
@given(
    st.lists(st.text(max_size=5)),
    st.dictionaries(st.text(), st.integers()),
    st.binary(),
    st.sampled_from([None, 1, "\t"]),
)
def test_a_call_goes_on_as_it_came(inputs: list[str], more: dict[str, int], tail: bytes, indent: int | str) -> None:
    """With its spaces, the order of its keys, fields that nobody knows, and the tensors behind it; no token is counted."""
    known = {"id", "parameters", "outputs"}
    head = json.dumps({k: v for k, v in more.items() if k not in known} | {"inputs": inputs}, indent=indent).encode()
    call = read_infer(head + tail, len(head), model="calc", version="2")

    assert head + tail == OIP.upstream_body(call, TARGET)
    assert ("infer", "calc", "2", 0, 0, False) == (
        call.surface, call.model, call.version, call.tokens, call.max_output, call.stream,
    )  # fmt: skip


@CALM
@given(st.binary(max_size=40) | st.from_regex(rb"[+-]?[0-9]{1,30}", fullmatch=True), st.integers(0, 1 << 25))
def test_a_size_is_within_the_body_or_refused(said: bytes, body_bytes: int) -> None:
    plain = said.isdigit() and int(said) <= body_bytes and len(said) <= 18
    code, size = "", int(said) if plain else 0
    found = size
    try:
        found = json_bytes_of(said, body_bytes)
    except Error as error:
        code = error.code

    assert ("" if plain else "bad_header", size) == (code, found)


def test_without_a_size_all_of_a_body_is_json() -> None:
    assert -1 == json_bytes_of(None, 7)
    with pytest.raises(Error, match="not a JSON object"):
        read_infer(b'{"inputs":[]}\x00', -1, model="m")


def test_size_0_is_one_raw_tensor() -> None:
    """Triton's raw binary request: nothing of it is JSON."""
    assert b"\x00\x01" == read_infer(b"\x00\x01", 0, model="m").body


@pytest.mark.parametrize(
    ("body", "code"),
    {
        b"": "invalid_json",
        b"[]": "invalid_json",
        b"{": "invalid_json",
        b'{"inputs":[],"x":"\xff"}': "invalid_json",
        b'{"inputs":' + b"[" * 3000 + b"]" * 3000 + b"}": "invalid_json",
        b'{"inputs":[NaN]': "invalid_json",
        b'[NaN,"inputs"]': "invalid_json",
        b'{"inputs":[NaN],"x":"\xff"}': "invalid_json",
        b'\xef\xbb\xbf{"inputs":[NaN]}': "invalid_json",
        b'{"inputs":[NaN,' + b"[" * 100_000: "invalid_json",
        b'{"inputs":[NaN],"id":"\\ud800"}': "invalid_json",
        b"{}": "invalid_field",
        b'{"inputs":{}}': "invalid_field",
        b'{"inputs":null}': "invalid_field",
        b'{"inputs":[],"outputs":{}}': "invalid_field",
        b'{"inputs":[],"parameters":[]}': "invalid_field",
        b'{"inputs":[],"id":7}': "invalid_field",
        b'{"inputs":[NaN],"id":7}': "invalid_field",
        b'{"inputs":[],"id":"' + b"x" * 300 + b'"}': "invalid_field",
        b'{"inputs":[],"inputs":[1]}': "duplicate_field",
        b'{"inputs":[],"\\u0069nputs":[1]}': "duplicate_field",
        b'{"inputs":[NaN],"inputs":[1]}': "duplicate_field",
    }.items(),
    ids=range(22),
)
def test_what_is_no_call_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Error) as caught:
        read_infer(body, -1, model="m")

    assert code == caught.value.code


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_numbers_that_json_does_not_have_are_the_servers_affair(number: bytes) -> None:
    """Triton's clients write them, and Triton reads them."""
    body = b'{"id":"7","parameters":{"a":{"a":1,"a":2}},"inputs":[{"data":[' + number + b"]}]}"

    assert body == read_infer(body, -1, model="m").body


def test_the_head_of_a_call_says_what_its_caller_said() -> None:
    """Or what the protocol's usual one is."""
    assert b"content-type: application/json\r\n" == lines_of({})
    sized = {b"inference-header-content-length": b"5"}
    assert b"content-type: application/octet-stream\r\ninference-header-content-length: 5\r\n" == lines_of(sized)
    assert b"content-type: a/b\r\n" == lines_of({b"content-type": b"a/b"})
    assert b"content-type: application/json\r\n" == lines_of({b"content-type": b"a" * 300})


@CALM
@given(st.text(min_size=1, max_size=30), st.sampled_from(["", "3", "v1.2"]), st.sampled_from(["infer", "metadata"]))
def test_a_version_takes_the_place_of_the_targets_own(model: str, own: str, surface: str) -> None:
    """Whatever the model is called upstream; the rest of the head stays."""
    path = OIP.upstream_path(surface, in_path(model, own), stream=False)
    wanted = OIP.upstream_path(surface, in_path(model, "9"), stream=False)
    rest = b" HTTP/1.1\r\nhost: h\r\nx: /v2/models/x HTTP/1.1\r\n"

    assert path.isascii() and b" " not in path and b"\n" not in path
    assert b"GET /base" + wanted + rest == at_version(b"GET /base" + path + rest, "9")


def test_a_name_is_one_step_of_the_path() -> None:
    assert b"/v2/models/a%2Fb%20c%3F/versions/1/infer" == OIP.upstream_path(
        "infer", in_path("a/b c?", "1"), stream=False
    )
    assert b"/v2/models/m" == OIP.upstream_path("metadata", in_path("m", ""), stream=False)


@pytest.mark.parametrize("version", ["..", ".x", "a/b", "1 ", "\n", "1\r\nx: y", "ä", "-1", "x" * 65])
def test_a_version_that_is_none_is_refused(version: str) -> None:
    with pytest.raises(Error, match="the model's version is"):
        read_metadata("m", version)
