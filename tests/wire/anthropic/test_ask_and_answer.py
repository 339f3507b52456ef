"""How single things of a request or an answer are read, and what is said of bad ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.errors import AttemptFailed, Error, Failure
from poise.wire.anthropic.codec import CODEC
from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.ask import Ask, HostedTool, Pin, Thinking, ToolChoice
from poise.wire.conversation.part import FORMAL, Json, Kept, Media, Text, ToolCall, ToolResult

TURN = [{"role": "user", "content": "hi"}]


def ask_of(**fields: object) -> Ask:
    return CODEC.read_ask(json.dumps({"messages": TURN, **fields}).encode())


def answer_of(**fields: object) -> Answer:
    usage = {"input_tokens": 1, "output_tokens": 2}
    return CODEC.read_answer(json.dumps({"content": [], "stop_reason": "end_turn", "usage": usage, **fields}).encode())


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"messages": None}, "messages is null"),
        ({"messages": [3]}, "messages[0] is 3"),
        ({"messages": [{"role": "tool", "content": ""}]}, 'messages[0].role is "tool"'),
        ({"messages": [{"role": "user", "content": [{"text": "a"}]}]}, "messages[0].content[0].type is null"),
        ({"messages": [*TURN, {"role": "user", "content": [{"type": "text", "text": 5}]}]}, "messages[1].content[0].text is 5"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [7]}]}]},
            "messages[0].content[0].content[0] is 7",
        ),
        ({"system": {"a": 1}}, 'system is {"a":1}'),
        ({"system": ["x"]}, 'system[0] is "x"'),
        ({"tools": {}}, "tools is {}"),
        ({"tools": [{"description": "d"}]}, "tools[0].name is null"),
        ({"tool_choice": "auto"}, 'tool_choice is "auto"'),
        ({"tool_choice": {"type": "all"}}, 'tool_choice.type is "all"'),
        ({"max_tokens": "5"}, 'max_tokens is "5"'),
        ({"max_tokens": 5.5}, "max_tokens is 5.5"),
        ({"temperature": True}, "temperature is true"),
        ({"stop_sequences": "x"}, 'stop_sequences is "x"'),
        ({"stop_sequences": [1]}, "stop_sequences is [1]"),
        ({"stream": "yes"}, 'stream is "yes"'),
        ({"system": {"long": "x" * 500}}, 'system is {"long":"' + "x" * 68 + "..."),
    ],
)  # fmt: skip
def test_a_bad_field_is_named_with_its_path_and_value(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Error) as caught:
        ask_of(**fields)

    assert ("invalid_field", where, 400) == (caught.value.code, caught.value.text, caught.value.status)
    assert " wants " in caught.value.hint


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b'{"a":1}x', b"\xff"])
def test_a_body_that_is_no_object_is_no_request_and_no_answer(body: bytes) -> None:
    with pytest.raises(Error) as caught:
        CODEC.read_ask(body)
    assert "invalid_json" == caught.value.code
    with pytest.raises(AttemptFailed) as failed:
        CODEC.read_answer(body)
    assert Failure.MALFORMED is failed.value.failure


@pytest.mark.parametrize("content", [None, "text", [3], [{"type": "text"}], [{"type": "tool_use", "id": "a"}]])
def test_an_answer_whose_content_cannot_be_read_is_malformed(content: object) -> None:
    with pytest.raises(AttemptFailed) as failed:
        answer_of(content=content)
    assert Failure.MALFORMED is failed.value.failure


def test_a_users_turn_is_cut_where_results_begin_and_end() -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": "r", "is_error": True}
    text = {"type": "text", "text": "t"}
    ask = ask_of(messages=[{"role": "user", "content": [result, result, text, result]}])

    assert [("tool", 2), ("user", 1), ("tool", 1)] == [(one.role, len(one.parts)) for one in ask.messages]
    part = ask.messages[0].parts[0]
    assert isinstance(part, ToolResult)
    assert ("a", True, [Text(text="r")]) == (part.call_id, part.failed, part.parts)


def test_what_is_only_a_way_of_writing_says_nothing_to_other_dialects() -> None:
    call = {"type": "tool_use", "id": "a", "name": "f", "input": {}, "caller": {"type": "direct"}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "r", "is_error": False}
    ask = ask_of(
        messages=[{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}],
        tools=[{"type": "custom", "name": "f", "input_schema": {}}],
        stream=False,
    )

    said = [ask, *ask.tools, *(part for message in ask.messages for part in message.parts)]
    rests = [one.rest for one in said if not isinstance(one, Kept | HostedTool)]
    assert [{FORMAL}] * 4 == [set(rest) for rest in rests]


def test_blocks_out_of_their_place_and_unknown_ones_are_kept() -> None:
    image: Json = {"type": "image", "source": {"type": "url", "url": "https://x"}}
    new: Json = {"type": "brand_new", "x": 1}
    ask = ask_of(messages=[{"role": "assistant", "content": [image, new]}])

    assert [Kept(what="image", value=image), Kept(what="brand_new", value=new)] == ask.messages[0].parts


def test_a_document_of_blocks_is_kept_and_one_of_text_is_a_file() -> None:
    blocks: Json = {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "t"}]}}
    text = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "é"}, "title": "n"}
    kept, file = ask_of(messages=[{"role": "user", "content": [blocks, text]}]).messages[0].parts

    assert Kept(what="document", value=blocks) == kept
    assert isinstance(file, Media)
    assert ("file", "text/plain", "w6k=", "n") == (file.kind, file.media_type, file.data, file.name)


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Thinking(budget_tokens=2000)),
        ({"thinking": {"type": "adaptive"}}, Thinking(budget_tokens=-1)),
        ({"thinking": {"type": "disabled"}}, Thinking(off=True)),
        ({"output_config": {"effort": "high"}}, Thinking(effort="high")),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "low"}},
            Thinking(budget_tokens=-1, effort="low", shown=False),
        ),
    ],
)
def test_thinking_and_effort_are_one_thing(fields: dict[str, Any], thinking: Thinking) -> None:
    ask = ask_of(**fields)
    assert (thinking, {}) == (ask.thinking, ask.rest)


@pytest.mark.parametrize(
    ("said", "choice", "parallel"),
    [
        ({"type": "auto"}, ToolChoice(mode="auto"), None),
        ({"type": "any", "disable_parallel_tool_use": True}, ToolChoice(mode="any"), False),
        ({"type": "tool", "name": "f", "disable_parallel_tool_use": False}, ToolChoice(mode="one", names=["f"]), True),
        ({"type": "none"}, ToolChoice(mode="none"), None),
    ],
)
def test_tool_choice(said: dict[str, Any], choice: ToolChoice, *, parallel: bool | None) -> None:
    ask = ask_of(tool_choice=said)
    assert (choice, parallel) == (ask.tool_choice, ask.parallel_tools)


def test_what_only_its_provider_can_read_pins_the_request() -> None:
    blocks = [
        {"type": "thinking", "thinking": "", "signature": "sig"},
        {"type": "redacted_thinking", "data": "xyz"},
    ]
    file = {"type": "image", "source": {"type": "file", "file_id": "file_1"}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [file]}
    turns = [{"role": "assistant", "content": blocks}, {"role": "user", "content": [file, result]}]
    pins = ask_of(messages=turns, container="c_1").pins

    assert [
        Pin(what="thinking", value="sig"), Pin(what="thinking", value="xyz"), Pin(what="file_id", value="file_1"),
        Pin(what="file_id", value="file_1"), Pin(what="container", value="c_1"),
    ] == pins  # fmt: skip


def test_the_paths_model_and_stream_are_taken_where_the_body_says_none() -> None:
    body = json.dumps({"messages": TURN, "anthropic_version": "vertex-2023-10-16"}).encode()
    ask = CODEC.read_ask(body, model="claude-vertex", stream=True)
    assert ("claude-vertex", True) == (ask.model, ask.stream)


@pytest.mark.parametrize(
    ("word", "content", "ending"),
    [
        ("model_context_window_exceeded", [], Ending.LENGTH),
        ("refusal", [], Ending.REFUSAL),
        ("brand_new", [{"type": "text", "text": "t"}], Ending.STOP),
        ("brand_new", [], Ending.ERROR),
        (None, [], Ending.UNFINISHED),
    ],
)
def test_endings(word: str | None, content: list[object], ending: Ending) -> None:
    choice = answer_of(stop_reason=word, content=content).choices[0]
    assert (ending, word or "") == (choice.ending, choice.said)


def test_cached_tokens_are_counted_beside_the_input_and_thought_inside_the_output() -> None:
    usage = answer_of(usage={
        "input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 1000, "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 3},
    }).usage  # fmt: skip

    assert usage is not None
    assert (10, 100, 1000, 4, 3) == (usage.input, usage.cached, usage.cache_write, usage.output, usage.reasoning)
    assert (1110, 7) == (usage.prompt, usage.completion)


def test_a_call_without_arguments_has_an_empty_object() -> None:
    part = answer_of(content=[{"type": "tool_use", "id": "a", "name": "f", "input": {}}]).choices[0].parts[0]
    assert ToolCall(name="f", arguments="{}", id="a") == part
