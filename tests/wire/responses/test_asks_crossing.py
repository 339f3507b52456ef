"""What another dialect's asks lose when they are said as responses, and what they do not."""

from __future__ import annotations

import json
from typing import Any

from poise.wire.conversation.ask import Ask, HostedTool, OutputForm, Thinking, Tool, ToolChoice
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Kept, Media, Message, Part, Reasoning, Text, ToolCall, ToolResult
from poise.wire.gemini.codec import Gemini
from poise.wire.openai.codec import OpenAIChat
from poise.wire.responses.codec import Responses

CODEC = Responses()


def _read(**body: object) -> Ask:
    return CODEC.read_ask(json.dumps({"model": "m", **body}).encode())


def _write(ask: Ask, manner: Manner | None = None) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    lost = Lost()
    body = json.loads(CODEC.write_ask(ask, lost, manner or Manner()))
    return body, [(loss.where, loss.what) for loss in lost.losses]


def _parts(*items: object) -> list[Part]:
    return [part for message in _read(input=list(items)).messages for part in message.parts]


def test_another_dialect_s_ask_is_said_whole_and_its_losses_named() -> None:
    """What has a counterpart is written; each thing that has none is named where it stood."""
    video = Media(kind="video", media_type="video/mp4", data="aGk=")
    ask = Ask(
        spoken="another",
        model="m",
        messages=[
            Message(role="system", parts=[Text(text="be kind")]),
            Message(role="system", parts=[Text(text="be short")]),
            Message(role="user", parts=[Text(text="look"), Media(kind="image", media_type="image/png", data="aGk="), video]),
            Message(
                role="assistant",
                parts=[
                    Reasoning(text="hm", signature="sig"),
                    ToolCall(name="f", arguments="{}"),
                    ToolCall(name="g", arguments="{}", signature="x"),
                    Kept(what="server_tool_use", value={}),
                ],
            ),
            Message(role="tool", parts=[ToolResult(parts=[Text(text="2")], name="g"), ToolResult(parts=[], name="f", failed=True)]),
            Message(role="user", parts=[Text(text="go on")], name="ann"),
        ],
        tools=[Tool(name="f", parameters={"type": "object"}), HostedTool(what="google_search", value={})],
        tool_choice=ToolChoice(mode="any", names=["f"]),
        max_output=9,
        top_k=4,
        stop=["END"],
        count=2,
        output=OutputForm(kind="schema", schema={}),
        thinking=Thinking(budget_tokens=2000, shown=True),
        rest={"safetySettings": [1], "nothing": None},
    )  # fmt: skip
    body, lost = _write(ask)

    assert {
        "model": "m",
        "instructions": "be kind",
        "input": [
            {"role": "system", "content": "be short"},
            {"role": "user", "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
            ]},
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
            {"type": "function_call", "call_id": "call_poise_0", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "call_poise_1", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_poise_1", "output": "2"},
            {"type": "function_call_output", "call_id": "call_poise_0", "output": ""},
            {"role": "user", "content": "go on"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
        "tool_choice": {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        "max_output_tokens": 9,
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": {}}},
        "reasoning": {"effort": "low", "summary": "auto"},
        "store": False,
        "include": ["reasoning.encrypted_content"],
    } == body  # fmt: skip
    assert {
        "messages[2].content[2]", "messages[3].content[0]", "messages[3].content[2]", "messages[3].content[3]",
        "messages[4].content[1]", "messages[5].name", "tools[1]", "top_k", "stop", "count", "thinking.budget_tokens",
        "safetySettings",
    } == {where for where, _ in lost}  # fmt: skip


def test_a_message_of_nothing_but_losses_is_not_written() -> None:
    """An item without content would be refused."""
    video = Media(kind="video", media_type="video/mp4", data="aGk=")
    body, lost = _write(Ask(spoken="another", model="m", messages=[Message(role="user", parts=[video])]))

    assert [] == body["input"]
    assert 1 == len(lost)


def test_a_server_s_manner_is_kept_to() -> None:
    """The name of the limit, the role of system text, fields and forms that it refuses."""
    ask = Ask(
        spoken="another",
        model="m",
        messages=[
            Message(role="user", parts=[Text(text="a")]),
            Message(role="system", parts=[Text(text="b")]),
            Message(role="assistant", parts=[Reasoning(text="hm"), Text(text="c")]),
        ],
        max_output=5,
        temperature=1.0,
        output=OutputForm(kind="schema", schema={}),
    )
    manner = Manner(
        limit_field="max_tokens",
        developer=True,
        lacks=frozenset({"temperature", "store", "reasoning_items"}),
        schema=False,
        adds={"a": "b"},
    )
    body, lost = _write(ask, manner)

    assert {
        "model": "m",
        "input": [
            {"role": "user", "content": "a"},
            {"role": "developer", "content": "b"},
            {"role": "assistant", "content": "c"},
        ],
        "max_tokens": 5,
        "a": "b",
        "text": {"format": {"type": "json_object"}},
    } == body
    assert {"temperature", "text.format", "messages[2].content[0]"} == {where for where, _ in lost}


def test_formalities_of_this_dialect_are_no_loss_elsewhere() -> None:
    """Ids, states and spellings say nothing to another dialect; a search that was asked for does."""
    ask = _read(
        store=False,
        include=["reasoning.encrypted_content"],
        max_tool_calls=2,
        input=[{"type": "message", "role": "user", "status": "completed", "id": "msg_1", "content": "x"}],
    )
    lost = Lost()
    lost.rest("", ask.rest)
    for message in ask.messages:
        lost.rest("messages", message.rest)
        for part in message.parts:
            assert isinstance(part, Text)
            lost.rest("content", part.rest)

    assert ["max_tool_calls"] == [loss.where for loss in lost.losses]


def test_what_is_asked_of_the_provider_itself_is_named() -> None:
    """Labels, the class of service, cutting at a full context: another provider does not know of them."""
    said = _read(
        input="hi",
        metadata={"a": "b"},
        safety_identifier="u",
        service_tier="flex",
        truncation="auto",
        prompt_cache_key="k",
        store=True,
    )
    usual = _read(input="hi", metadata={}, service_tier="auto", truncation="disabled")
    lost, nothing = Lost(), Lost()
    OpenAIChat().write_ask(said, lost, Manner())
    OpenAIChat().write_ask(usual, nothing, Manner())

    assert {"metadata", "safety_identifier", "service_tier", "truncation"} == {loss.where for loss in lost.losses}
    assert [] == nothing.losses


def test_cached_content_is_named() -> None:
    """It may hold the system text and half of the conversation."""
    body = {"contents": [{"parts": [{"text": "hi"}]}], "cachedContent": "cachedContents/abc"}
    _, lost = _write(Gemini().read_ask(json.dumps(body).encode(), model="m"))

    assert ["cachedContent"] == [where for where, _ in lost]
