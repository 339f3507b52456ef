"""Real vendors' requests and whole answers in the responses dialect: read and written back, they are equal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.errors import AttemptFailed
from poise.wire.conversation.answer import Ending
from poise.wire.conversation.ask import Tool
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Text, ToolCall
from poise.wire.responses.codec import Responses
from poise.wire.responses.ending import COMPLETE, REASONS, STATUSES
from tests.recordings import exchanges

# endpoint -> requests, whole answers: what the recordings at hand hold, at least.
COUNTS = {
    "azure.responses": (12, 12),
    "chatgpt.responses": (8, 0),
    "copilot.responses": (5, 5),
    "deepseek.responses": (5, 4),
    "llamacpp.responses": (1, 1),
    "lmstudio.responses": (0, 1),
    "mistralrs.responses": (3, 3),
    "openai.responses": (254, 151),
    "openai.responses_compact": (3, 3),
    "openai.responses_input_tokens": (2, 0),  # its answer is a number, not an answer: it is passed on untranslated
    "openrouter.responses": (4, 2),
    "xai.responses": (47, 34),
}
CODEC = Responses()


def _bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def _wholes(endpoint: str) -> list[dict[str, Any]]:
    return [
        row
        for row in exchanges(endpoint)
        if isinstance(row["response"]["body"], dict)
        and row["response"]["status"] < 300
        and "output" in row["response"]["body"]
    ]


@pytest.mark.parametrize("endpoint", COUNTS)
def test_requests_written_again_are_equal(endpoint: str) -> None:
    """Every recorded request, refused ones too, says the same after it was read and written, and nothing is lost."""
    seen = 0
    for row in exchanges(endpoint):
        sent = row["request"]["body"]
        if not isinstance(sent, dict):
            continue
        lost = Lost()
        written = json.loads(CODEC.write_ask(CODEC.read_ask(_bytes(sent)), lost, Manner()))
        seen += 1

        assert sent == written, row["id"]
        assert [] == lost.losses, row["id"]
    print(f"{endpoint}: {seen} requests")  # noqa: T201 - the table of what was seen
    assert seen >= COUNTS[endpoint][0]


@pytest.mark.parametrize("endpoint", COUNTS)
def test_answers_written_again_are_equal(endpoint: str) -> None:
    """Every recorded whole answer says the same after it was read and written, and nothing is lost."""
    seen = 0
    for row in _wholes(endpoint):
        said = row["response"]["body"]
        lost = Lost()
        written = json.loads(CODEC.write_answer(CODEC.read_answer(_bytes(said)), lost))
        seen += 1

        assert said == written, row["id"]
        assert [] == lost.losses, row["id"]
    print(f"{endpoint}: {seen} whole answers")  # noqa: T201  # the table of the run
    assert seen >= COUNTS[endpoint][1]


@pytest.mark.parametrize("endpoint", [name for name, counts in COUNTS.items() if counts[0]])
def test_what_is_asked_is_in_the_model(endpoint: str) -> None:
    """Texts, calls and tools of the recorded requests are found in the ask, not only kept beside it."""
    for row in exchanges(endpoint):
        sent = row["request"]["body"]
        if not isinstance(sent, dict):
            continue
        ask = CODEC.read_ask(_bytes(sent))
        parts = [part for message in ask.messages for part in message.parts]
        items: list[dict[str, Any]] = sent["input"] if isinstance(sent.get("input"), list) else []
        calls = [(i["call_id"], i["name"], i["arguments"]) for i in items if i.get("type") == "function_call"]
        texts = [i["content"] for i in items if isinstance(i.get("content"), str)]
        named = [t["name"] for t in sent.get("tools", ()) if t["type"] in ("function", "custom")]

        assert calls == [(p.id, p.name, p.arguments) for p in parts if isinstance(p, ToolCall)], row["id"]
        assert set(texts) <= {p.text for p in parts if isinstance(p, Text)}, row["id"]
        assert named == [tool.name for tool in ask.tools if isinstance(tool, Tool)], row["id"]
        for name in ("previous_response_id", "conversation", "prompt"):
            assert bool(sent.get(name)) == any(name == pin.what for pin in ask.pins), row["id"]


@pytest.mark.parametrize("endpoint", [name for name, counts in COUNTS.items() if counts[1]])
def test_answers_are_understood(endpoint: str) -> None:
    """Text, calls, usage and ending of every whole answer, against a plain reading of its JSON; no word is unknown."""
    for row in _wholes(endpoint):
        said = row["response"]["body"]
        answer = CODEC.read_answer(_bytes(said))
        (choice,) = answer.choices
        calls = [item for item in said["output"] if item["type"] in ("function_call", "custom_tool_call")]
        texts = [
            part["text"]
            for item in said["output"]
            if item["type"] == "message"
            for part in item["content"]
            if "text" in part
        ]
        counted = said["usage"]

        assert texts == [part.text for part in choice.parts if isinstance(part, Text)], row["id"]
        assert [call["call_id"] for call in calls] == [p.id for p in choice.parts if isinstance(p, ToolCall)], row["id"]
        assert answer.usage is not None, row["id"]
        assert counted["input_tokens"] == answer.usage.prompt, row["id"]
        assert counted["output_tokens"] == answer.usage.completion, row["id"]
        assert counted["total_tokens"] == answer.usage.total, row["id"]
        assert (counted.get("input_tokens_details") or {}).get("cached_tokens", 0) == answer.usage.cached, row["id"]
        assert _ending(said, calls=bool(calls)) == choice.ending, row["id"]
        assert choice.said in {"", *COMPLETE, *STATUSES, *REASONS}, row["id"]


def _ending(said: dict[str, Any], *, calls: bool) -> Ending:
    if said.get("status") == "incomplete":
        assert {"reason": "max_output_tokens"} == said["incomplete_details"]
        return Ending.LENGTH
    return Ending.TOOL_CALLS if calls else Ending.STOP


def test_no_answer_at_all_is_malformed() -> None:
    """What input_tokens answers, and what is no answer: MALFORMED, each."""
    bodies = [json.dumps(row["response"]["body"]).encode() for row in exchanges("openai.responses_input_tokens")]
    for body in [*bodies, b"", b"[]", b"null", b"{}", b'{"output":{}}', b'{"output":[1]}', b"\xff", b"[" * 100_000]:
        with pytest.raises(AttemptFailed) as caught:
            CODEC.read_answer(body)

        assert "malformed" == caught.value.failure, body[:40]
