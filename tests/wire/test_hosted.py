"""Dialects at Vertex: embeddings by ``predict``, counts of tokens, and what of them is malformed or the caller's mistake."""

from __future__ import annotations

import json

import pytest

from poise.errors import AttemptFailed, Error, Failure
from poise.target import Target
from poise.wire.dialects import DIALECTS, counts, embeddings
from poise.wire.embed import BATCH, SINGLE
from poise.wire.hosted import read_predictions
from tests.recordings import exchanges

TARGET = Target("m@p", "m", "p", "vertex", "eu", "text-embedding-005", dialect="gemini-vertex")
ASKS = {
    "embeddings": {"model": "m", "input": ["a", "b"], "dimensions": 2},
    BATCH: {"requests": [{"content": {"parts": [{"text": text}]}, "outputDimensionality": 2} for text in "ab"]},
}
ANSWER = {
    "predictions": [
        {"embeddings": {"values": [n, 1], "statistics": {"token_count": 3, "truncated": False}}} for n in (0, 2)
    ]
}


def test_recorded_predictions_are_read() -> None:
    """All vectors; tokens where the model counts them."""
    for row in exchanges("vertex.predict"):
        told = row["response"]["body"]["predictions"]
        found = read_predictions(json.dumps(row["response"]["body"]).encode())

        assert [one["embeddings"]["values"] for one in told] == found.vectors
        assert sum(one["embeddings"].get("statistics", {}).get("token_count", 0) for one in told) == found.tokens


@pytest.mark.parametrize("door", ASKS)
def test_texts_go_and_vectors_come_in_order(door: str) -> None:
    """Whatever the caller's dialect, Vertex is asked the same."""
    dialect = embeddings(door, "gemini-vertex")
    call = dialect.read_call("embeddings", json.dumps(ASKS[door]).encode(), "m")
    asked = json.loads(dialect.upstream_body(call, TARGET))
    answer = dialect.read_answer(call, json.dumps(ANSWER).encode())
    told = json.loads(answer.body)

    assert {"instances": [{"content": "a"}, {"content": "b"}], "parameters": {"outputDimensionality": 2}} == asked
    assert b"/models/text-embedding-005:predict" == dialect.upstream_path(
        "embeddings", "text-embedding-005", stream=False
    )
    assert [[0, 1], [2, 1]] == [row.get("embedding") or row["values"] for row in told.get("data") or told["embeddings"]]
    assert answer.usage is not None
    assert 6 == answer.usage.input_tokens


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"predictions":[]}', b'{"predictions":[1]}', b'{"predictions":[{"embeddings":{}}]}', b"[" * 9000,
     b'{"predictions":[{"embeddings":{"values":["x"]}}]}', b'{"predictions":[{"embeddings":{"values":[1]}}]}', b"\xff"],
)  # fmt: skip
def test_an_answer_without_a_vector_for_each_text_is_malformed(body: bytes) -> None:
    dialect = embeddings("embeddings", "gemini-vertex")
    call = dialect.read_call("embeddings", json.dumps(ASKS["embeddings"]).encode())
    with pytest.raises(AttemptFailed) as caught:
        dialect.read_answer(call, body)

    assert Failure.MALFORMED is caught.value.failure


@pytest.mark.parametrize("back", ["openai", "gemini-vertex"])
def test_no_vector_at_all_is_malformed_for_one_text_too(back: str) -> None:
    """Gemini's method for one text has no list that could be empty."""
    dialect = embeddings(SINGLE, back)
    call = dialect.read_call("embeddings", b'{"content":{"parts":[{"text":"a"}]}}', "m")
    dialect.upstream_body(call, TARGET)
    with pytest.raises(AttemptFailed) as caught:
        dialect.read_answer(call, b'{"predictions":[],"data":[]}')

    assert Failure.MALFORMED is caught.value.failure


def test_counts_at_vertex_say_what_vertex_reads() -> None:
    """Claude's body names the model and the version; Gemini's is unwrapped, and holds only what is counted."""
    (claude,) = counts("anthropic-vertex").values()
    (gemini,) = counts("gemini-vertex").values()
    asked = claude.read_call("count_tokens", b'{"model":"m","messages":[]}')
    inner = b'{"model":"models/m","contents":[],"safetySettings":[],"tools":[]}'
    wrapped = gemini.read_call("countTokens", b'{"generateContentRequest":%b}' % inner, "m")
    body = json.loads(claude.upstream_body(asked, TARGET))

    assert {"model": "text-embedding-005", "messages": [], "anthropic_version": "vertex-2023-10-16"} == body
    assert b"/models/count-tokens:rawPredict" == claude.upstream_path("count_tokens", "m", stream=False)
    assert {"contents": [], "tools": []} == json.loads(gemini.upstream_body(wrapped, TARGET))
    assert DIALECTS["gemini-count"].upstream_path("countTokens", "m", stream=False) == gemini.upstream_path(
        "countTokens", "m", stream=False
    )


def test_a_count_of_no_object_is_the_callers_mistake() -> None:
    (gemini,) = counts("gemini-vertex").values()
    call = gemini.read_call("countTokens", b'{"generateContentRequest":5}', "m")
    with pytest.raises(Error, match="not an object"):
        gemini.upstream_body(call, TARGET)
