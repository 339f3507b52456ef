from __future__ import annotations

import json
from typing import Any

import pytest

from poise.wire.anthropic.codec import CODEC
from poise.wire.anthropic.ending import ENDINGS
from poise.wire.conversation.answer import Ending
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Kept, Reasoning, Text, ToolCall
from tests.wire.anthropic.recorded import answers

SEEN = {"anthropic.messages": 132, "ollama.messages": 6, "vertex.anthropic_rawPredict": 3}
KEPT = {
    "advisor_tool_result", "bash_code_execution_tool_result", "code_execution_tool_result", "fallback",
    "mcp_tool_result", "mcp_tool_use", "server_tool_use", "web_fetch_tool_result", "web_search_tool_result",
}  # fmt: skip


@pytest.mark.parametrize("endpoint", SEEN)
def test_every_recorded_answer_is_written_as_it_was_read(endpoint: str) -> None:
    passed = 0
    for id, body in answers(endpoint):
        lost = Lost()
        again = CODEC.write_answer(CODEC.read_answer(json.dumps(body).encode()), lost)

        assert body == json.loads(again), id
        assert [] == lost.losses, id
        passed += 1

    print(f"{endpoint}: {passed} answers equal")  # noqa: T201 - the table of the report
    assert SEEN[endpoint] <= passed


@pytest.mark.parametrize("endpoint", SEEN)
def test_parts_ending_and_usage_of_every_recorded_answer_are_in_the_model(endpoint: str) -> None:
    for id, body in answers(endpoint):
        answer = CODEC.read_answer(json.dumps(body).encode())
        choice = answer.choices[0]
        blocks = body["content"]

        assert body["stop_reason"] in ENDINGS, id
        assert ENDINGS[body["stop_reason"]] is choice.ending is not Ending.UNFINISHED, id
        assert (body.get("stop_sequence") or "") == choice.stopped_by, id
        assert (body["id"], body["model"]) == (answer.id, answer.model), id
        assert [one["text"] for one in blocks if one["type"] == "text"] == [
            part.text for part in choice.parts if isinstance(part, Text)
        ], id
        assert [(one["id"], one["name"], one["input"]) for one in blocks if one["type"] == "tool_use"] == [
            (part.id, part.name, json.loads(part.arguments)) for part in choice.parts if isinstance(part, ToolCall)
        ], id
        assert [one.get("thinking", one.get("data")) for one in blocks if one["type"].endswith("thinking")] == [
            part.sealed or part.text for part in choice.parts if isinstance(part, Reasoning)
        ], id
        assert {part.what for part in choice.parts if isinstance(part, Kept)} <= KEPT, id
        assert answer.usage is not None
        assert total(body["usage"]) == answer.usage.total, id
        assert (body["usage"].get("cache_read_input_tokens") or 0) == answer.usage.cached, id


def total(usage: dict[str, Any]) -> int:
    """All tokens: what was cached is counted beside input_tokens, not inside it; thought is inside output_tokens."""
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(usage.get(name) or 0 for name in names)
