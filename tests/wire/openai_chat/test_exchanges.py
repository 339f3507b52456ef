"""Recorded requests and whole answers of every vendor that speaks chat completions: read, and written again equal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.errors import Error
from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Kept, Reasoning, Text, ToolCall
from poise.wire.openai.codec import OpenAIChat
from poise.wire.openai.ending import MEANINGS, said_in
from tests.wire.crossing import plain
from tests.wire.openai_chat.vendors import AT_LEAST, ENDPOINTS, answers_of, asks_of

CODEC = OpenAIChat()


def _exact(value: object) -> str:
    return json.dumps(value, sort_keys=True)  # tells true from 1 and 1.0 from 1, which == does not


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_request_is_written_again_equal(endpoint: str) -> None:
    """Nothing added, nothing missing, nothing lost. Only what the vendor itself refused is refused."""
    rows = asks_of(endpoint)
    for name, status, body in rows:
        said = json.dumps(body).encode()
        if status in (400, 422) and any(isinstance(one.get("content"), dict) for one in body["messages"]):
            with pytest.raises(Error, match="content is"):
                CODEC.read_ask(said)
            continue
        lost = Lost()
        again = json.loads(CODEC.write_ask(CODEC.read_ask(said), lost, Manner()))

        assert _exact(body) == _exact(again), name
        assert 0 == lost.count, name
    assert len(rows) >= AT_LEAST[endpoint][0]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_ask_crosses_into_this_dialect_and_back(endpoint: str) -> None:
    """Written as if another dialect had asked, the conversation is the same; what is not is noted."""
    seen = 0
    for name, status, body in asks_of(endpoint):
        if status != 200:
            continue
        ask = CODEC.read_ask(json.dumps(body).encode())
        before = plain.of_ask(ask)
        ask.spoken = "another"
        lost = Lost()
        after = plain.of_ask(CODEC.read_ask(CODEC.write_ask(ask, lost, Manner())))
        seen += 1

        if not lost.count and not _lacks_ids(body):
            assert before == after, name
    assert seen >= AT_LEAST[endpoint][0] * 0.4


def _lacks_ids(body: dict[str, Any]) -> bool:
    """Calls, or results, that are given an id when they are written for others (docs/dialects.md, rule 5)."""
    messages = body["messages"]
    return any("function_call" in one or (one["role"] == "tool" and "tool_call_id" not in one) for one in messages)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_whole_answer_is_written_again_equal(endpoint: str) -> None:
    """Logprobs, filters, timings, citations, nulls: all of it; and no vendor's word for an ending is unknown."""
    rows = answers_of(endpoint)
    for name, body in rows:
        lost = Lost()
        answer = CODEC.read_answer(json.dumps(body).encode())
        again = json.loads(CODEC.write_answer(answer, lost))

        assert _exact(body) == _exact(again), name
        assert 0 == lost.count, name
        for choice, raw in zip(answer.choices, body["choices"], strict=True):
            assert said_in(raw) in MEANINGS, name
            assert Ending.UNFINISHED is not choice.ending, name
            _same_as_by_hand(name, raw.get("message") or {}, answer, choice.parts)
    assert len(rows) >= AT_LEAST[endpoint][1]


def _same_as_by_hand(name: str, raw: dict[str, Any], answer: Answer, parts: list[Any]) -> None:
    content = raw.get("content") or ""
    if isinstance(content, list):
        content = "".join(piece.get("text", "") for piece in content if piece["type"] == "text")
    calls = [call.get("function") or call["custom"] for call in raw.get("tool_calls") or []]
    calls += [raw["function_call"]] if raw.get("function_call") else []

    assert content == "".join(part.text for part in parts if isinstance(part, Text)), name
    assert [(c["name"], c.get("arguments", c.get("input", ""))) for c in calls] == [
        (part.name, part.arguments) for part in parts if isinstance(part, ToolCall)
    ], name
    assert not [part for part in parts if isinstance(part, Kept)], name
    thought = raw.get("reasoning_content") or raw.get("reasoning") or ""
    if thought:
        assert thought == "".join(part.text for part in parts if isinstance(part, Reasoning)), name


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_answer_crosses_into_this_dialect_and_back(endpoint: str) -> None:
    """Written as if another dialect had answered: text, thought, calls, usage and ending are the same."""
    for name, body in answers_of(endpoint):
        answer = CODEC.read_answer(json.dumps(body).encode())
        legacy = any((choice.get("message") or {}).get("function_call") for choice in body["choices"])
        before = plain.of_answer(answer)
        answer.spoken = "another"
        after = plain.of_answer(CODEC.read_answer(CODEC.write_answer(answer, Lost())))

        if not legacy:  # a legacy call has no id, and is given one
            assert before == after, name


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_buckets_sum_to_what_the_vendor_counted(endpoint: str) -> None:
    """The total is the vendor's; where thoughts stand beside it (xAI says so in its total, Vercel in its price), with them."""
    for name, body in answers_of(endpoint):
        raw, usage = body.get("usage"), CODEC.read_answer(json.dumps(body).encode()).usage
        if not raw:
            continue
        assert usage is not None, name
        thought = (raw.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
        beside = endpoint in ("xai.chat", "vercel-gateway.chat") and thought

        assert raw["total_tokens"] + (thought if endpoint == "vercel-gateway.chat" else 0) == usage.total, name
        assert raw["completion_tokens"] + beside == usage.completion, name
        assert min(usage.input, usage.cached, usage.output, usage.reasoning) >= 0, name
