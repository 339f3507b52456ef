"""Embeddings between OpenAI's and Gemini's API: what is asked and what comes survives, or is told as lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.errors import AttemptFailed, Error
from poise.target import Target
from poise.wire import embed
from poise.wire.conversation.lost import Lost
from poise.wire.dialects import DIALECTS
from tests.recordings import exchanges

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
VECTORS = st.lists(st.lists(FLOATS, min_size=1, max_size=4), min_size=1, max_size=3)


@given(st.lists(st.text(), min_size=1), st.none() | st.integers(1, 4096))
def test_what_is_asked_survives_both_ways(texts: list[str], size: int | None) -> None:
    """Texts, their order and the size."""
    wanted = embed.Wanted(texts, size)
    lost = Lost()

    assert wanted == embed.read_openai(embed.write_openai(wanted, "m"))
    assert wanted == embed.read_gemini(embed.write_gemini(wanted, "m"), lost)
    assert [] == lost.losses


@given(VECTORS, st.integers(0, 1000), st.booleans())
def test_vectors_survive_both_ways(vectors: list[list[float]], tokens: int, packed: bool) -> None:
    """As numbers and as base64 of 32-bit floats."""
    found = embed.Embedded(vectors, tokens)
    openai = embed.write_answer_openai(found, embed.Wanted([], None, packed), "m")
    gemini = embed.write_answer_gemini(found, batch=True)

    assert found == embed.read_answer_openai(json.dumps(openai).encode())
    assert found == embed.read_answer_gemini(json.dumps(gemini).encode())


def test_recorded_batches_are_read() -> None:
    """Every text and every vector of Gemini's, and the fields that have no counterpart are told."""
    seen = 0
    for row in exchanges("gemini.batchEmbedContents"):
        if row["response"]["status"] != 200:
            continue
        seen += 1
        requests: list[dict[str, Any]] = row["request"]["body"]["requests"]
        lost = Lost()
        wanted = embed.read_gemini(row["request"]["body"], lost)
        found = embed.read_answer_gemini(json.dumps(row["response"]["body"]).encode())

        assert [one["content"]["parts"][0]["text"] for one in requests] == wanted.texts
        assert len(requests) == len(found.vectors)
        assert any("taskType" in one for one in requests) == any("taskType" in one.where for one in lost.losses)
    assert seen


def test_recorded_answers_of_openai_are_read() -> None:
    """Numbers or base64, whatever was asked for."""
    seen = 0
    for row in exchanges("openai.embeddings"):
        if row["response"]["status"] != 200:
            continue
        seen += 1
        body = row["response"]["body"]
        found = embed.read_answer_openai(json.dumps(body).encode())

        assert len(body["data"]) == len(found.vectors)
        assert body["usage"]["prompt_tokens"] == found.tokens
        assert all(found.vectors)
    assert seen


@pytest.mark.parametrize("given_input", [None, 3, [], [1, 2], ["a", 1], {"text": "a"}])
def test_what_is_no_text_is_refused_by_its_field(given_input: object) -> None:
    """Tokens are another vocabulary's."""
    with pytest.raises(Error, match="input") as caught:
        embed.read_openai({"input": given_input})

    assert "invalid_field" == caught.value.code


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"data": [{}]}', b'{"data": 3}', b'{"embeddings": [3]}', b"\xff"]
)
def test_an_answer_without_vectors_is_malformed(body: bytes) -> None:
    """And never an exception of another kind."""
    with pytest.raises(AttemptFailed):
        embed.read_answer_openai(body)
    with pytest.raises(AttemptFailed):
        embed.read_answer_gemini(body)


def test_parts_that_are_not_text_are_told() -> None:
    """An image in what is embedded has no place in OpenAI's API."""
    lost = Lost()
    parts = [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AA=="}}]
    wanted = embed.read_gemini({"content": {"parts": parts}}, lost)

    assert ["a"] == wanted.texts
    assert ["content.parts[1]"] == [one.where for one in lost.losses]


@pytest.mark.parametrize("requests", [[], [3], [{"content": {"parts": [{"text": "a"}]}}, None], 3, None])
def test_no_request_of_a_batch_is_left_out(requests: object) -> None:
    """Vectors are told apart by their order alone: one less would move all that follow. A target is not asked at all."""
    door = DIALECTS["gemini-embeds"]
    call = door.read_call("embeddings", json.dumps({"requests": requests}).encode(), "m")
    tongue = embed.Embeddings(embed.BATCH, door, DIALECTS["gemini"])
    target = Target("m@g", "m", "g", "gemini", "us", "m", "gemini")
    with pytest.raises(Error, match="requests") as caught:
        tongue.upstream_body(call, target)

    assert "invalid_field" == caught.value.code


@pytest.mark.parametrize(
    ("front", "back", "asked", "told"),
    [
        ("openai", "gemini", {"input": ["a", "b"]}, {"embeddings": [{"values": [1.0]}]}),
        (
            "gemini-embeds",
            "openai",
            {"requests": [{"content": {"parts": [{"text": name}]}} for name in "ab"]},
            {"data": [{"index": 1, "embedding": [1.0]}]},
        ),
    ],
)
def test_a_text_without_a_vector_is_no_answer(
    front: str, back: str, asked: dict[str, object], told: dict[str, object]
) -> None:
    """Given out as they came, the vectors would belong to other texts."""
    door = DIALECTS[front]
    name = door.name if door.name.startswith("gemini") else "embeddings"
    call = door.read_call("embeddings", json.dumps({"model": "m", **asked}).encode(), "m")
    with pytest.raises(AttemptFailed, match="1 embeddings of 2 texts"):
        embed.Embeddings(name, door, DIALECTS[back]).read_answer(call, json.dumps(told).encode())
