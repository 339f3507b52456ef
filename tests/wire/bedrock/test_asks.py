"""Requests: what each field means, what another dialect's ask becomes, and what is lost on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.errors import Error
from poise.wire.bedrock.codec import CODEC
from poise.wire.conversation.ask import Ask, OutputForm, Thinking, Tool, ToolChoice
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Media, Message, Part, Reasoning, Text, ToolCall, ToolResult
from tests.clouds.installed import Foreign

CLAUDE, NOVA, OPEN = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-2-lite-v1:0", "openai.gpt-oss-20b-1:0"
FULL: dict[str, Any] = {
    "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"text": "What is this?"},
                {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}},
                {
                    "document": {
                        "format": "pdf",
                        "name": "plan",
                        "source": {"s3Location": {"uri": "s3://bucket/plan.pdf"}},
                    }
                },
                {
                    "document": {
                        "format": "txt",
                        "name": "note",
                        "source": {"text": "words"},
                        "citations": {"enabled": True},
                    }
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
                {"reasoningContent": {"redactedContent": "c2VhbGVk"}},
                {"text": "I look."},
                {"toolUse": {"toolUseId": "t1", "name": "look", "input": {"at": 1}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "toolResult": {
                        "toolUseId": "t1",
                        "content": [{"json": {"seen": [1, 2]}}, {"text": "x"}],
                        "status": "error",
                    }
                },
                {"text": "and?"},
            ],
        },
    ],
    "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
    "toolConfig": {
        "tools": [
            {
                "toolSpec": {
                    "name": "look",
                    "description": "Looks.",
                    "inputSchema": {"json": {"type": "object"}},
                    "strict": True,
                }
            },
            {"cachePoint": {"type": "default"}},
        ],
        "toolChoice": {"tool": {"name": "look"}},
    },
    "outputConfig": {
        "textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"schema": '{"type": "object"}', "name": "n"}},
        },
        "effort": "high",
    },
    "additionalModelRequestFields": {
        "top_k": 5,
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "anthropic_beta": ["x"],
    },
    "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
    "requestMetadata": {"team": "a"},
}


def _read(body: dict[str, Any], model: str = CLAUDE) -> Ask:
    return CODEC.read_ask(json.dumps(body).encode(), model=model, stream=True)


def _written(ask: Ask, manner: Manner | None = None) -> tuple[dict[str, Any], list[str]]:
    lost = Lost()
    raw = CODEC.write_ask(ask, lost, manner or Manner())
    return json.loads(raw), [loss.where for loss in lost.losses]


def _ask(*parts: Part, model: str = CLAUDE, **more: Foreign) -> Ask:
    return Ask(
        spoken="openai", model=model, messages=[Message(role="user", parts=list(parts or (Text(text="hi"),)))], **more
    )


def test_every_field_is_read() -> None:
    """Into the model's own, and the rest beside it."""
    ask = _read(FULL)

    assert ["system", "user", "assistant", "tool", "user"] == [message.role for message in ask.messages]
    assert (100, 0.5, 0.9, ["END"], 5, True) == (
        ask.max_output,
        ask.temperature,
        ask.top_p,
        ask.stop,
        ask.top_k,
        ask.stream,
    )
    assert ask.thinking is not None
    assert (2000, "high") == (ask.thinking.budget_tokens, ask.thinking.effort)
    assert ask.output is not None
    assert {"type": "object"} == ask.output.schema
    assert ask.tool_choice is not None
    assert ["look"] == ask.tool_choice.names
    assert ["s3", "thinking", "thinking"] == [pin.what for pin in ask.pins]
    result = ask.messages[3].parts[0]
    assert isinstance(result, ToolResult)
    assert ('{"seen":[1,2]}', True) == (
        result.parts[0].text if isinstance(result.parts[0], Text) else "",
        result.failed,
    )
    assert {"anthropic_beta": ["x"]} == ask.rest["additionalModelRequestFields"]
    assert CLAUDE == ask.model


def test_every_field_is_written_back_as_it_was() -> None:
    """Nothing added, nothing missing."""
    assert (FULL, []) == _written(_read(FULL))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"system": []},
        {"inferenceConfig": {}, "toolConfig": {}, "outputConfig": {}, "additionalModelRequestFields": {}},
        {"inferenceConfig": {"maxTokens": None, "stopSequences": [], "topK": 3}},
        {"additionalModelRequestFields": {"reasoning_effort": "low"}},
        {"additionalModelRequestFields": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}},
        {"additionalModelRequestFields": {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}},
        {
            "additionalModelRequestFields": {
                "thinking": {"type": "adaptive"},
                "output_config": {"effort": "low", "x": 1},
            }
        },
        {"outputConfig": {"effort": "max"}},
        {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}], "toolChoice": {"any": {}}}},
        {"messages": [{"role": "user", "content": [{"audio": {"format": "wav", "source": {"bytes": "aGk="}}}]}]},
        {"messages": [{"role": "user", "content": [{"video": {"format": "three_gp", "source": {"bytes": "aGk="}}}]}]},
        {
            "messages": [
                {"role": "user", "content": [{"document": {"name": "n", "source": {"content": [{"text": "a"}]}}}]}
            ]
        },
        {"messages": [{"role": "system", "content": [{"text": "later"}]}]},
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [{"toolUse": {"toolUseId": "s", "name": "n", "input": {}, "type": "server_tool_use"}}],
                }
            ]
        },
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": [
                        {
                            "citationsContent": {
                                "content": [{"text": "a"}, {"text": "b"}],
                                "citations": [{"title": "t", "location": {"web": {"url": "http://x", "domain": "x"}}}],
                            }
                        }
                    ],
                }
            ]
        },
    ],
)
def test_odd_forms_are_written_back_as_they_were(more: dict[str, Any]) -> None:
    """What may be said in two ways, is empty, or is only the vendor's."""
    body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}], **more}

    assert (body, []) == _written(_read(body))


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"{", "JSON"),
        (b"[]", "JSON object"),
        (b'{"messages":5}', "messages"),
        (b'{"messages":[{"role":"bot","content":[]}]}', "messages[0].role"),
        (b'{"messages":[{"role":"user","content":[{"text":1}]}]}', "messages[0].content[0].text"),
        (b'{"messages":[{"role":"user","content":"hi"}]}', "messages[0].content"),
        (b'{"messages":[],"inferenceConfig":{"maxTokens":"1"}}', "inferenceConfig.maxTokens"),
        (b'{"messages":[],"inferenceConfig":{"stopSequences":[1]}}', "inferenceConfig.stopSequences"),
        (b'{"messages":[],"toolConfig":{"tools":[{"toolSpec":{}}]}}', "toolConfig.tools[0].name"),
        (b'{"messages":[],"outputConfig":1}', "outputConfig"),
    ],
)
def test_a_bad_request_is_told_by_its_place(body: bytes, where: str) -> None:
    """With what was there, and what is wanted."""
    with pytest.raises(Error) as refused:
        CODEC.read_ask(body)

    assert where in f"{refused.value.text} {refused.value.hint}"
    assert refused.value.code in {"invalid_json", "invalid_field"}


def test_turns_alternate() -> None:
    """As Converse wants them: what follows in one role is one turn, results of tools and the user's words too."""
    messages = [
        Message(role="user", parts=[Text(text="a")]),
        Message(role="user", parts=[Text(text="b")]),
        Message(
            role="assistant",
            parts=[ToolCall(name="f", arguments="", id="call|1"), ToolCall(name="g", arguments="[1]", id="x" * 80)],
        ),
        Message(role="tool", parts=[ToolResult(parts=[Text(text="1")], call_id="call|1")]),
        Message(role="tool", parts=[ToolResult(parts=[Text(text="2")], call_id="x" * 80, failed=True)]),
        Message(role="user", parts=[Text(text="c")]),
    ]
    body, lost = _written(Ask(spoken="openai", messages=messages, model=CLAUDE))

    assert ["user", "assistant", "user"] == [message["role"] for message in body["messages"]]
    one, two = (block["toolUse"] for block in body["messages"][1]["content"])
    assert ("call_1", {}, {"input": "[1]"}) == (one["toolUseId"], one["input"], two["input"])
    assert 64 == len(two["toolUseId"])
    results = [block["toolResult"] for block in body["messages"][2]["content"][:2]]
    assert [one["toolUseId"], two["toolUseId"]] == [result["toolUseId"] for result in results]
    assert "error" == results[1]["status"]
    assert ["f", "g"] == [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]], (
        "wanted where calls were made"
    )
    assert ["messages[2].content[1].arguments"] == lost


def test_what_has_no_counterpart_is_noted() -> None:
    """Never silent."""
    tools = [Tool(name="f", parameters={"type": "object"})]
    ask = _ask(
        Text(text="  "),
        Text(text="x"),
        Media(kind="image", url="https://example.com/a.png"),
        Media(kind="audio", data="aGk=", media_type="audio/midi"),
        seed=1,
        user="u",
        count=2,
        presence_penalty=0.5,
        temperature=1.5,
        top_k=3,
        tools=tools,
        tool_choice=ToolChoice(mode="none"),
        parallel_tools=False,
        output=OutputForm(kind="json"),
        model=NOVA,
    )
    body, lost = _written(ask)

    assert [{"role": "user", "content": [{"text": "x"}]}] == body["messages"]
    assert {"temperature": 1} == body["inferenceConfig"]
    assert "toolConfig" not in body
    assert {
        "messages[0].content[0]",
        "messages[0].content[2]",
        "messages[0].content[3]",
        "seed",
        "user",
        "n",
        "presence_penalty",
        "temperature",
        "top_k",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
    } == set(lost)


@pytest.mark.parametrize(
    ("model", "thinking", "where"),
    [
        (
            CLAUDE,
            Thinking(effort="low"),
            {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 2048}}},
        ),
        (CLAUDE, Thinking(off=True), {"additionalModelRequestFields": {"thinking": {"type": "disabled"}}}),
        (
            NOVA,
            Thinking(effort="xhigh"),
            {"additionalModelRequestFields": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}},
        ),
        (NOVA, Thinking(off=True), {"additionalModelRequestFields": {"reasoningConfig": {"type": "disabled"}}}),
        (OPEN, Thinking(budget_tokens=100), {"additionalModelRequestFields": {"reasoning_effort": "low"}}),
    ],
)
def test_each_maker_is_asked_to_think_in_its_own_words(model: str, thinking: Thinking, where: dict[str, Any]) -> None:
    """By the model's id."""
    body, lost = _written(_ask(model=model, thinking=thinking))

    assert where == {key: value for key, value in body.items() if key != "messages"}
    assert [] == lost


def test_a_model_that_decides_by_itself_is_told_the_effort() -> None:
    """Its row lacks budget_tokens; the effort is a field of Converse."""
    body, lost = _written(_ask(thinking=Thinking(effort="high")), Manner(lacks=frozenset({"budget_tokens"})))

    assert {"effort": "high"} == body["outputConfig"]
    assert {"thinking": {"type": "adaptive"}} == body["additionalModelRequestFields"]
    assert [] == lost


def test_a_model_nobody_knows_how_to_ask_is_not_asked_to_think() -> None:
    """And that is said."""
    body, lost = _written(_ask(model="meta.llama3-1-8b-instruct-v1:0", thinking=Thinking(effort="low")))

    assert (["messages"], ["reasoning"]) == (list(body), lost)


def test_sealed_thought_goes_on_and_unsealed_thought_stays_behind() -> None:
    """Claude's seals hold wherever Claude runs."""
    parts: list[Part] = [
        Reasoning(text="a", signature="s"),
        Reasoning(sealed="c2U="),
        Reasoning(text="b"),
        Text(text="c"),
    ]
    messages = [Message(role="user", parts=[Text(text="q")]), Message(role="assistant", parts=parts)]
    body, lost = _written(Ask(spoken="anthropic", messages=messages, model=CLAUDE))

    assert [
        {"reasoningContent": {"reasoningText": {"text": "a", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "c2U="}},
        {"text": "c"},
    ] == body["messages"][1]["content"]
    assert ["messages[1].content[2]"] == lost


def test_documents_get_names_that_are_taken() -> None:
    """In few characters, no two alike, the ending left to the format."""
    files = [
        Media(kind="file", data="JVBERi0=", name=name) for name in ("Plan_2026 (v1).pdf", "Plan/2026  (v1).pdf", "")
    ]
    files.append(Media(kind="file", data="aGk=", media_type="text/x-python", name="a.py"))
    body, _ = _written(_ask(*files))
    said = [block["document"] for block in body["messages"][0]["content"]]

    assert ["Plan 2026 (v1)", "Plan 2026 (v1) 2", "document", "a"] == [one["name"] for one in said]
    assert ["pdf", "pdf", "pdf", "txt"] == [one["format"] for one in said]


def test_a_vendors_row_takes_fields_out_and_adds_some() -> None:
    """Also one level down; what goes is noted."""
    manner = Manner(lacks=frozenset({"inferenceConfig.topP", "outputConfig"}), adds={"serviceTier": "x"})
    schema = OutputForm(kind="schema", name="n", schema={"type": "object"})
    body, lost = _written(_ask(top_p=0.5, max_output=5, output=schema, model=NOVA), manner)

    assert ({"maxTokens": 5}, "x") == (body["inferenceConfig"], body["serviceTier"])
    assert "outputConfig" not in body
    assert {"inferenceConfig.topP", "outputConfig"} == set(lost)
