"""Reading answers: what is one goes on untouched, what is none is the server's failure, and metadata gets its name."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.decision import Usage
from poise.errors import AttemptFailed, Failure
from poise.wire.call import Answer
from poise.wire.dialects import DIALECTS
from poise.wire.oip.request import HEADER, read_infer, read_metadata

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy
OIP = DIALECTS["oip"]
GOOD = b'{"model_name":"m","model_version":"1","id":"7","outputs":[{"name":"y","data":[1]}]}'


def answered(body: bytes, said: bytes | None = None) -> Answer:
    """An answer to infer as it is read."""
    call = read_infer(b"", 0, model="calc")
    call.head = [(b"content-type", b"x")] + ([] if said is None else [(HEADER, said)])
    return OIP.read_answer(call, body)


@CALM
@given(st.binary(max_size=100))
def test_an_answer_stays_as_it_came(tail: bytes) -> None:
    """Also the model's name in it: that of the model that really answered. Tensors are no tokens."""
    found = answered(GOOD + tail, b"%d" % len(GOOD))

    assert ("m", Usage(), b"") == (found.model, found.usage, found.body)


@CALM
@given(st.binary(max_size=100), st.none() | st.binary(max_size=4) | st.from_regex(rb"[0-9]{1,4}", fullmatch=True))
def test_any_bytes_are_an_answer_or_the_servers_failure(body: bytes, said: bytes | None) -> None:
    status = 200
    try:
        answered(body, said)
    except AttemptFailed as failed:
        status = failed.status

    assert 200 == status


@pytest.mark.parametrize("number", [b"NaN", b"Infinity"])
def test_numbers_that_json_does_not_have_are_let_through(number: bytes) -> None:
    body = b'{"model_name":"m","outputs":[{"data":[' + number + b"]}]}"

    assert "m" == answered(body).model
    assert b"" == answered(body).body


def test_an_error_in_a_200_is_an_error() -> None:
    with pytest.raises(AttemptFailed, match="Request for unknown model") as caught:
        answered(b'{"error":"Request for unknown model: \'m\' is not found"}')

    assert Failure.NOT_FOUND is caught.value.failure


@pytest.mark.parametrize("body", [b"", b"{}", b"NaN", b'{"outputs":7}', b"\xff", b'{"outputs":[]}x', b"[" * 5000])
def test_what_is_no_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(AttemptFailed) as caught:
        answered(body)

    assert Failure.MALFORMED is caught.value.failure


@CALM
@given(st.text(max_size=20), st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)))
def test_metadata_is_told_under_the_name_that_was_asked_for(name: str, more: dict[str, object]) -> None:
    """And nothing else of it changes."""
    said = more | {"name": "m-up"}
    found = OIP.read_answer(read_metadata(name), json.dumps(said).encode())

    assert said | {"name": name} == json.loads(found.body)
    assert list(said) == list(json.loads(found.body))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"name":7}', b'{"error":"x"}', b"\xff", b"<html>", b'{"name":"m"']
)
def test_what_is_no_metadata_is_a_failure(body: bytes) -> None:
    with pytest.raises(AttemptFailed):
        OIP.read_answer(read_metadata("m"), body)
