"""What is carried into this dialect from others, in which words, and what is noted as lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.errors import AttemptFailed, Failure
from poise.wire.conversation.answer import Answer, Choice, Ending
from poise.wire.conversation.ask import Ask, HostedTool, OutputForm, Thinking
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import (
    Kept,
    Media,
    Message,
    Part,
    Text,
    ToolCall,
    ToolResult,
)
from poise.wire.openai.codec import OpenAIChat

CODEC = OpenAIChat()


def _ask(**body: Any) -> Ask:  # noqa: ANN401  # JSON
    return CODEC.read_ask(json.dumps({"model": "m", "messages": [], **body}).encode())


def _written(ask: Ask, manner: Manner | None = None, lost: Lost | None = None) -> dict[str, Any]:
    out: dict[str, Any] = json.loads(CODEC.write_ask(ask, lost or Lost(), manner or Manner()))
    return out


@pytest.mark.parametrize("ending", [e for e in Ending if e is not Ending.TOOL_CALLS])
def test_every_ending_survives_in_words_that_stock_clients_know(ending: Ending) -> None:
    """What is not whole never says ``stop``; what the word does not tell stands beside it."""
    answer = Answer(spoken="another", choices=[Choice(parts=[Text(text="a")], ending=ending)])
    body = CODEC.write_answer(answer, Lost())
    said = json.loads(body)["choices"][0]["finish_reason"]

    assert ending is CODEC.read_answer(body).choices[0].ending
    assert said in ("stop", "length", "content_filter")
    if ending in (Ending.LENGTH, Ending.ERROR, Ending.CANCELLED, Ending.UNFINISHED, Ending.MALFORMED_CALL):
        assert "length" == said


def test_an_error_in_place_of_an_answer_is_what_it_says() -> None:
    with pytest.raises(AttemptFailed) as quota:
        CODEC.read_answer(b'{"error":{"message":"no more","code":"insufficient_quota"}}')
    for body in (b"", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[{}]}', b'{"choices":[{"message":"a"}]}'):
        with pytest.raises(AttemptFailed) as caught:
            CODEC.read_answer(body)
        assert Failure.MALFORMED is caught.value.failure

    assert Failure.QUOTA is quota.value.failure


def test_one_server_s_manner_is_followed() -> None:
    """Name of the limit, refused fields, the developer's role, fields of its own, ids of nine characters, no schema."""
    call = ToolCall(name="f", arguments="{}", id="toolu_01ABC")
    ask = Ask(
        spoken="another",
        messages=[
            Message(role="system", parts=[Text(text="s")]),
            Message(role="assistant", parts=[call]),
            Message(role="tool", parts=[ToolResult(parts=[Text(text="ok")], call_id=call.id)]),
        ],
        max_output=5,
        seed=1,
        output=OutputForm(kind="schema", schema={}),
    )
    lost = Lost()
    manner = Manner(
        limit_field="max_tokens",
        developer=True,
        lacks=frozenset({"seed"}),
        schema=False,
        tool_ids="alnum9",
        adds={"version": "1"},
    )
    out = _written(ask, manner, lost)
    id = out["messages"][1]["tool_calls"][0]["id"]

    assert 5 == out["max_tokens"]
    assert {"type": "json_object"} == out["response_format"]
    assert "1" == out["version"]
    assert "developer" == out["messages"][0]["role"]
    assert (9, True) == (len(id), id.isalnum())
    assert id == out["messages"][2]["tool_call_id"]
    assert ["output.schema", "seed"] == [loss.where for loss in lost.losses]


def test_calls_without_ids_are_given_some_and_results_find_them() -> None:
    """By name, else in order (docs/dialects.md, rule 5)."""
    calls: list[Part] = [ToolCall(name=name, arguments="{}") for name in ("f", "g")]
    results = [
        Message(role="tool", parts=[ToolResult(parts=[Text(text=name)], name=name) for name in ("g", "f")]),
    ]
    out = _written(Ask(spoken="another", messages=[Message(role="assistant", parts=calls), *results]))["messages"]

    assert ["call_poise_0", "call_poise_1"] == [call["id"] for call in out[0]["tool_calls"]]
    assert [("call_poise_1", "g"), ("call_poise_0", "f")] == [(m["tool_call_id"], m["content"]) for m in out[1:]]


def test_what_cannot_be_carried_is_noted() -> None:
    """Hosted tools, top_k, files by id, other dialects' parts and rests, a budget of thought."""
    ask = Ask(
        spoken="another",
        messages=[
            Message(
                role="user",
                parts=[Media(kind="file", file_id="f1"), Kept(what="odd", value={}), Text(text="t", rest={"cache": 1})],
            )
        ],
        tools=[HostedTool(what="web_search", value={})],
        top_k=4,
        thinking=Thinking(budget_tokens=900),
        rest={"container": "c"},
    )
    lost = Lost()
    out = _written(ask, lost=lost)

    assert [
        "container",
        "messages[0].content[0]",
        "messages[0].content[1]",
        "messages[0].content[2].cache",
        "top_k",
        "tools[0]",
        "thinking.budget_tokens",
    ] == [loss.where for loss in lost.losses]
    assert "low" == out["reasoning_effort"]
    assert "tools" not in out


def test_formalities_are_no_loss_in_another_dialect() -> None:
    """What an ordinary client always sends says nothing that another dialect would have to carry."""
    body = {
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
        "logprobs": False,
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "c", "content": "ok"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "", "parameters": {}}}],
    }
    ask, lost = _ask(**body), Lost()
    lost.rest("", ask.rest)
    for message in ask.messages:
        lost.rest("m", message.rest)
        for part in message.parts:
            lost.rest("p", [] if isinstance(part, Kept) else part.rest)
    for tool in ask.tools:
        lost.rest("t", [] if isinstance(tool, HostedTool) else tool.rest)

    assert [] == lost.losses


_CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
