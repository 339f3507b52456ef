from __future__ import annotations

import json

import pytest

from poise.errors import Error
from poise.wire.anthropic import count
from poise.wire.anthropic.codec import CODEC
from poise.wire.conversation.ask import Tool
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Kept
from tests.recordings import exchanges
from tests.wire.anthropic.recorded import ENDPOINTS, MISSHAPEN, requests
from tests.wire.crossing.plain import of_ask

SEEN = {
    "anthropic.messages": 236,
    "anthropic.count_tokens": 6,
    "ollama.messages": 7,
    "vertex.anthropic_rawPredict": 3,
    "vertex.anthropic_streamRawPredict": 1,
}
# Blocks that no other dialect has: whatever is kept must be one of these, or a new one has come and wants a look.
KEPT = {
    "container_upload", "server_tool_use", "tool_addition", "tool_search_tool_result", "web_fetch_tool_result",
    "web_search_tool_result", "search_result", "tool_reference",
}  # fmt: skip


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_recorded_request_is_written_as_it_was_read(endpoint: str) -> None:
    passed = 0
    for id, body in requests(endpoint):
        if id in MISSHAPEN:
            continue
        lost = Lost()
        ask = CODEC.read_ask(json.dumps(body).encode())
        again = CODEC.write_ask(ask, lost, Manner())

        assert body == json.loads(again), id
        assert [] == lost.losses, id
        assert of_ask(ask) == of_ask(CODEC.read_ask(again)), id
        passed += 1

    print(f"{endpoint}: {passed} requests equal")  # noqa: T201 - the table of the report
    assert SEEN[endpoint] <= passed


def test_requests_that_the_vendor_refused_as_misshapen_are_refused_with_the_path() -> None:
    told = {}
    for id, body in requests("anthropic.messages"):
        if id in MISSHAPEN:
            with pytest.raises(Error) as caught:
                CODEC.read_ask(json.dumps(body).encode())
            told[id] = caught.value

    assert told.keys() == MISSHAPEN
    assert {"invalid_field"} == {error.code for error in told.values()}
    assert 'messages[0] is "Invalid content"' == told["anthropic.messages-efae92153e8a"].text
    assert told["anthropic.messages-aaf963e4c6d5"].text.startswith("messages[0].content is ")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_text_tools_and_results_of_every_recorded_request_are_in_the_model(endpoint: str) -> None:
    """Counted on the raw JSON by other means than the reader's."""
    kept = set()
    for id, body in requests(endpoint):
        if id in MISSHAPEN:
            continue
        ask = CODEC.read_ask(json.dumps(body).encode())
        turns = [*body["messages"], {"content": body.get("system", [])}]
        blocks = [one for turn in turns for one in (turn["content"] if isinstance(turn["content"], list) else [])]
        bare = [turn["content"] for turn in turns if isinstance(turn["content"], str)]
        parts = [part for message in ask.messages for part in message.parts]
        names = [type(part).__name__ for part in parts]

        assert sum(one["type"] == "text" for one in blocks) + len(bare) == names.count("Text"), id
        assert sum(one["type"] == "tool_use" for one in blocks) == names.count("ToolCall"), id
        assert sum(one["type"] == "tool_result" for one in blocks) == names.count("ToolResult"), id
        assert sum(one["type"] in {"image", "document"} for one in blocks) == names.count("Media"), id
        assert sum(one["type"].endswith("thinking") for one in blocks) == names.count("Reasoning"), id
        assert sum("input_schema" in one for one in body.get("tools", [])) == sum(
            isinstance(tool, Tool) for tool in ask.tools
        ), id
        kept |= {part.what for part in parts if isinstance(part, Kept)}

    assert kept <= KEPT


def test_every_recorded_count_is_read_and_written() -> None:
    bodies = [row["response"]["body"] for row in exchanges("anthropic.count_tokens")]
    counts = [count.read_count(json.dumps(body).encode()) for body in bodies]

    assert [588, 14, 14, 1114, 1581, 641] == counts
    assert bodies == [json.loads(count.write_count(one)) for one in counts]
