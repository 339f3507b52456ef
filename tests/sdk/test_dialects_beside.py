"""What the SDKs do beside talking: embeddings, counts of tokens, lists of models - through one gateway, to every vendor."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from google.genai import types
from openai import BadRequestError

from poise.sim.content import EMBEDDING_SIZE, embedding
from tests.sdk.dialects import EVERY, KEY, VENDORS
from tests.sdk.speaking import Clients

EMBEDDERS = [vendor for vendor in VENDORS if vendor != "anthropic"]
WORDS = "one two three four five"


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}])
@pytest.mark.parametrize("vendor", EMBEDDERS)
def test_openais_embeddings_come_from_every_vendor_that_has_some(
    clients: Clients, vendor: str, encoding: dict[str, Any]
) -> None:
    """The SDK asks for base64 unless it is told otherwise; the vectors are the vendor's, in order."""
    made = clients.openai.embeddings.create(model=f"at-{vendor}", input=["a b", "c"], dimensions=8, **encoding)

    assert [0, 1] == [row.index for row in made.data]
    assert pytest.approx(embedding("a b", 0, 8), rel=1e-6) == made.data[0].embedding
    assert pytest.approx(embedding("c", 0, 8), rel=1e-6) == made.data[1].embedding
    assert f"m-{vendor}@" in clients.heads.last["x-poise-target"]


@pytest.mark.parametrize("vendor", EMBEDDERS)
def test_geminis_embeddings_come_from_every_vendor_that_has_some(clients: Clients, vendor: str) -> None:
    """The SDK sends a batch of one; a field that OpenAI's API has no place for is told as lost."""
    config = types.EmbedContentConfig(output_dimensionality=8, task_type="RETRIEVAL_QUERY")
    made = clients.gemini.models.embed_content(model=f"at-{vendor}", contents="a b", config=config)

    assert made.embeddings is not None
    assert [pytest.approx(embedding("a b", 0, 8), rel=1e-6)] == [one.values for one in made.embeddings]
    assert ("gemini" != vendor) == ("requests[0].taskType" in clients.heads.last.get("x-poise-lost", ""))


@pytest.mark.parametrize("vendor", EMBEDDERS)
def test_one_text_is_embedded_by_embed_content(clients: Clients, vendor: str) -> None:
    """The method for one text, as Google's REST documentation has it."""
    made = post(clients, f"/v1beta/models/at-{vendor}:embedContent", {"content": {"parts": [{"text": "a b"}]}})

    assert pytest.approx(embedding("a b", 0, EMBEDDING_SIZE), rel=1e-6) == made["embedding"]["values"]


@pytest.mark.parametrize("vendor", EMBEDDERS)
def test_a_batch_keeps_its_order(clients: Clients, vendor: str) -> None:
    """One vector for each text."""
    texts = ["a b", "c", "d e f"]
    requests = [{"model": f"models/at-{vendor}", "content": {"parts": [{"text": text}]}} for text in texts]
    made = post(clients, f"/v1beta/models/at-{vendor}:batchEmbedContents", {"requests": requests})
    vectors = [row["values"] for row in made["embeddings"]]

    assert [pytest.approx(embedding(text, 0, EMBEDDING_SIZE), rel=1e-6) for text in texts] == vectors


def test_tokens_cannot_be_embedded_by_gemini(clients: Clients) -> None:
    """They are another vocabulary's."""
    with pytest.raises(BadRequestError, match="input is not text"):
        clients.openai.embeddings.create(model="at-gemini", input=[[1, 2]])


@pytest.mark.parametrize("vendor", VENDORS)
def test_anthropics_count_is_the_vendors_own_or_an_estimate_that_says_so(clients: Clients, vendor: str) -> None:
    """Exact where the same API is behind it."""
    turn: Any = {"role": "user", "content": WORDS}
    counted = clients.anthropic.messages.count_tokens(model=f"at-{vendor}", messages=[turn])
    exact = "x-poise-note" not in clients.heads.last

    assert exact == (vendor == "anthropic")
    assert counted.input_tokens == 5 if exact else 5 < counted.input_tokens < 50


@pytest.mark.parametrize("vendor", VENDORS)
def test_geminis_count_is_the_vendors_own_or_an_estimate_that_says_so(clients: Clients, vendor: str) -> None:
    """Exact where the same API is behind it."""
    counted = clients.gemini.models.count_tokens(model=f"at-{vendor}", contents=WORDS)
    exact = "x-poise-note" not in clients.heads.last

    assert exact == (vendor == "gemini")
    assert counted.total_tokens is not None
    assert counted.total_tokens == 5 if exact else 5 < counted.total_tokens < 50


def test_a_whole_request_is_counted_too(clients: Clients) -> None:
    """Gemini's other form; the model within it is the target's own."""
    inner = {"model": "models/at-gemini", "contents": [{"role": "user", "parts": [{"text": WORDS}]}]}
    made = post(clients, "/v1beta/models/at-gemini:countTokens", {"generateContentRequest": inner})
    sent = clients.doors.arrived("gemini")[-1]

    assert 5 == made["totalTokens"]
    assert "models/emulate-plain" == sent["body"]["generateContentRequest"]["model"]


def test_models_are_listed_as_each_sdk_reads_them(clients: Clients) -> None:
    """By the same path for OpenAI and Anthropic, told apart by the header that Anthropic wants."""
    names = {f"at-{vendor}" for vendor in EVERY}
    ours = {row.id for row in clients.openai.models.list()}
    anthropics = {row.id for row in clients.anthropic.models.list()}
    googles = {(row.name or "").removeprefix("models/") for row in clients.gemini.models.list()}

    assert names <= ours
    assert ours == anthropics == googles
    assert "at-xai" == clients.openai.models.retrieve("at-xai").id
    assert "at-xai" == clients.anthropic.models.retrieve("at-xai").display_name
    assert "models/at-xai" == clients.gemini.models.get(model="at-xai").name


def post(clients: Clients, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """An answer without an SDK."""
    answer = httpx2.post(clients.doors.url + path, json=body, headers={"x-goog-api-key": KEY}, timeout=30)
    assert 200 == answer.status_code, answer.text
    made: dict[str, Any] = answer.json()
    return made
