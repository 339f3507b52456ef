"""Every recorded error is read as what people who looked at it say it is; shapes nobody recorded are read by example."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.errors import FAILURES, Failure
from poise.wire.failures import classify
from poise.wire.failures_tables import BY_CODE, BY_STATUS, BY_VENDOR, BY_WORD, GOOGLE
from tests.recordings import FOLDER, exchanges
from tests.wire.failures_reviewed import REVIEWED, Row
from tests.wire.failures_shapes import SHAPES, Shape

F = Failure


def _raw(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _recorded() -> list[tuple[str, dict[str, Any]]]:
    """Each recorded error with its vendor."""
    found = []
    for path in sorted(FOLDER.glob("*.jsonl")):
        vendor = path.name.partition(".")[0]
        found += [(vendor, row) for row in exchanges(path.stem) if row["response"]["status"] >= 400]
    if not found:
        pytest.skip(f"no recordings at {FOLDER}: set POISE_RECORDINGS")
    return found


def _headers(row: dict[str, Any]) -> dict[bytes, bytes]:
    return {name.lower().encode(): str(value).encode() for name, value in row["response"]["headers"].items()}


def test_every_recorded_error_means_what_was_reviewed() -> None:
    """With its vendor named, and without: 323 errors of all endpoints."""
    wrong = []
    met: set[Row] = set()
    recorded = _recorded()
    for vendor, row in recorded:
        status, raw = row["response"]["status"], _raw(row["response"]["body"])
        text = raw.decode().lower()
        fits = (r for r in REVIEWED if r.vendor in {"", vendor} and r.status == status and r.words in text)
        expected = next(fits, None)
        if expected is None:
            wrong.append(f"{row['id']}: {status} {text[:200]}: nobody has looked at it")
            continue
        met.add(expected)
        found = classify(status, _headers(row), raw, vendor)
        if (found.failure, found.status) != (expected.means, status):
            wrong.append(f"{row['id']}: {found.failure}, not {expected.means}: {text[:200]}")

    assert [] == wrong
    assert 323 <= len(recorded)
    assert [] == [row for row in REVIEWED if row not in met]


def test_recorded_errors_mean_the_same_without_their_vendor_s_name() -> None:
    """Numbered codes alone need it: whose number it is."""
    differ = {
        vendor
        for vendor, row in _recorded()
        if classify(row["response"]["status"], {}, _raw(row["response"]["body"])).failure
        is not classify(row["response"]["status"], {}, _raw(row["response"]["body"]), vendor).failure
    }

    assert set() == differ


def test_no_recorded_error_keeps_its_words_to_itself() -> None:
    """Where the body names a message, that is the text; it is bounded, and the vendor's own code goes along."""
    for vendor, row in _recorded():
        body = row["response"]["body"]
        found = classify(row["response"]["status"], {}, _raw(body), vendor)
        error = body.get("error") if isinstance(body, dict) else None
        if isinstance(error, dict) and "raw" not in (error.get("metadata") or {}):
            assert error["message"][:1000] == found.text, row["id"]
            assert found.code or not (error.get("code") or error.get("type") or error.get("status")), row["id"]
        assert found.text and len(found.text) <= 1000


def test_errors_recorded_inside_a_success() -> None:
    """Anthropic's only event, and Vertex' JSON after its events."""
    body = next(r for r in exchanges("anthropic.messages") if r["id"].endswith("2acad9ca683e"))["response"]["body"]
    found = classify(200, {}, body.encode(), "anthropic")

    assert (F.OVERLOAD, "overloaded_error", "Overloaded") == (found.failure, found.code, found.text)

    body = next(r for r in exchanges("vertex.streamGenerateContent") if r["id"].endswith("2a85f6a8479d"))["response"][
        "body"
    ]
    found = classify(200, {}, body[body.index('\n\n{\n  "error"') :].encode(), "vertex")

    assert (F.SERVER, "CANCELLED", 499) == (found.failure, found.code, found.status)


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_shapes_that_nobody_recorded(shape: Shape) -> None:
    """Class, the vendor's own code, and words."""
    found = classify(shape.status, dict(shape.headers), shape.raw, shape.vendor)

    assert (shape.means, shape.code) == (found.failure, found.code)
    assert found.text


def _wait(body: str = "", **headers: str) -> float | None:
    said = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return classify(429, said, body.encode()).retry_after_s


def test_how_long_to_wait_is_read_in_every_form() -> None:
    """Headers first, then what the body says, in fields or in words; at most a minute."""
    now = "Mon, 23 Nov 2026 10:00:00 GMT"
    message = '{{"error":{{"message":"Slow down. {}"}}}}'
    retry = '{"error":{"code":429,"message":"x","details":[{"@type":"google.rpc.RetryInfo","retryDelay":"34.4s"}]}}'

    assert 7 == _wait(retry_after="7")
    assert 0.5 == _wait(retry_after="0.5")
    assert 0.66 == _wait(retry_after_ms="660", retry_after="1")
    assert 5 == _wait(retry_after="Mon, 23 Nov 2026 10:00:05 GMT", date=now)
    assert 60 == _wait(retry_after="65")
    assert 34.4 == _wait(retry)
    assert 7 == _wait(retry, retry_after="7")
    assert 6.78 == _wait(message.format("Please try again in 6.78s."))
    assert 0.12 == _wait(message.format("Please try again in 120ms."))
    assert 60 == _wait(message.format("Please try again in 6m3.5s."))
    assert 12 == _wait(message.format("Please retry after 12 seconds."))
    assert 1 == _wait(message.format("Please retry after 1 second."))
    assert 60 == _wait(message.format("try again in 2 minutes"))
    assert 60 == _wait(message.format("try again in 1 hour"))
    assert 20.5 == _wait('{"error":"Model x is currently loading","estimated_time":20.5}')
    assert None is _wait(message.format("Please try again later"))
    assert None is _wait(retry_after="soon")


def test_recorded_pauses_are_read() -> None:
    """Of each recorded error that asks for one in its headers."""
    asked = [
        row
        for _, row in _recorded()
        if any(name.lower().startswith("retry-after") for name in row["response"]["headers"])
    ]

    assert 10 <= len(asked)
    for row in asked:
        assert (
            None is not classify(row["response"]["status"], _headers(row), _raw(row["response"]["body"])).retry_after_s
        )


@pytest.mark.parametrize("words", ["Rate limit exceeded, model overloaded, at capacity, too many requests"])
def test_a_caller_cannot_make_a_target_look_bad_by_being_quoted(words: str) -> None:
    """A vendor quotes the request in what it refuses; only a status of its own makes a failure the target's."""
    for status in (400, 413, 422):
        body = json.dumps({"error": {"message": f"Invalid value: '{words}'", "type": "invalid_request_error"}})

        assert "target" != FAILURES[classify(status, {}, body.encode()).failure].blame


def test_the_tables_hold_together() -> None:
    """Codes are written the one way they are looked up; each class that a vendor can tell of can be reached."""
    reached = {
        *BY_CODE.values(),
        *BY_STATUS.values(),
        *BY_VENDOR.values(),
        *GOOGLE.values(),
        *(row.failure for row in BY_WORD),
    }

    assert all(name == name.lower() and not set(name) & set("_- ") for name in BY_CODE)
    assert {F.TLS, F.CUT, F.STALLED, F.DIFFERED, F.LOCAL, F.NOT_CARRIED} == set(F) - reached
    assert all(words == words.lower() for row in BY_WORD for group in row.groups for words in group)


_NAMES = [
    "error",
    "errors",
    "message",
    "code",
    "type",
    "detail",
    "details",
    "metadata",
    "raw",
    "status",
    "innererror",
    "response",
    "loc",
    "msg",
    "violations",
    "quotaId",
    "retryDelay",
    "reason",
    "estimated_time",
    "error_type",
]
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(tree=_TREES, status=st.integers(200, 599), vendor=st.sampled_from(["", "zai", "mistral"]))
def test_any_json_is_some_failure(tree: object, status: int, vendor: str) -> None:
    found = classify(status, {}, msgspec.json.encode(tree), vendor)

    assert found.failure in F and found.text and len(found.text) <= 1000


@given(body=st.binary(max_size=200), status=st.integers(100, 599))
def test_any_bytes_are_some_failure(body: bytes, status: int) -> None:
    assert classify(status, {b"retry-after": body, b"x-amzn-errortype": body}, body).failure in F
