"""What another dialect's ask or answer becomes in Anthropic's words, and what is said to be lost."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from poise.wire.anthropic import count
from poise.wire.anthropic.codec import CODEC
from poise.wire.conversation.answer import Answer, Choice, Ending, Usage
from poise.wire.conversation.ask import Ask, HostedTool, OutputForm, Pin, Thinking, Tool, ToolChoice
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import (
    Citation,
    Json,
    Kept,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)

HI = Message(role="user", parts=[Text(text="hi")])


def sent(ask: Ask, manner: Manner | None = None) -> tuple[dict[str, Any], list[str]]:
    """The body that is sent, and where something was lost."""
    lost = Lost()
    return json.loads(CODEC.write_ask(ask, lost, manner or Manner())), [loss.where for loss in lost.losses]


def chat(*messages: Message, **more: Any) -> Ask:  # noqa: ANN401 - any field of an ask
    return Ask(spoken="chat", messages=list(messages), model="claude", **more)


def shown(*parts: Part, ending: Ending = Ending.STOP, **more: Any) -> tuple[dict[str, Any], list[str]]:  # noqa: ANN401 - any field of an answer
    lost = Lost()
    answer = Answer(spoken="chat", choices=[Choice(parts=list(parts), ending=ending)], **more)
    return json.loads(CODEC.write_answer(answer, lost)), [loss.where for loss in lost.losses]


def test_max_tokens_is_said_though_the_caller_did_not() -> None:
    assert (4096, []) == (sent(chat(HI))[0]["max_tokens"], sent(chat(HI))[1])
    assert 9 == sent(chat(HI), Manner(max_output=9))[0]["max_tokens"]
    assert 7 == sent(chat(HI, max_output=7))[0]["max_tokens"]


def test_leading_system_and_developer_text_is_gathered_and_later_system_text_is_moved_and_noted() -> None:
    system, developer = (Message(role=role, parts=[Text(text=role)]) for role in ("system", "developer"))
    body, lost = sent(chat(system, developer, HI))
    assert ["system", "developer"] == [block["text"] for block in body["system"]]
    assert [] == lost

    body, lost = sent(chat(HI, system))
    assert ("system", ["messages[1]"]) == (body["system"], lost)


def test_results_of_tools_and_what_follows_are_one_turn_with_ids_made_where_there_were_none() -> None:
    calls: list[Part] = [ToolCall(name="f", arguments='{"a":1}'), ToolCall(name="g", arguments="")]
    results = [Message(role="tool", parts=[ToolResult(parts=[Text(text=name)], name=name)]) for name in ("g", "f")]
    body, lost = sent(chat(HI, Message(role="assistant", parts=calls), *results, HI))

    assert ["user", "assistant", "user"] == [turn["role"] for turn in body["messages"]]
    assert [("call_poise_0", {"a": 1}), ("call_poise_1", {})] == [
        (one["id"], one["input"]) for one in body["messages"][1]["content"]
    ]
    assert [("call_poise_1", "g"), ("call_poise_0", "f"), (None, None)] == [
        (one.get("tool_use_id"), one.get("content")) for one in body["messages"][2]["content"]
    ]
    assert [] == lost


def test_ids_that_are_refused_there_are_changed_alike_in_call_and_result() -> None:
    call, result = ToolCall(name="f", arguments="{}", id="functions.f:0"), ToolResult(parts=[], call_id="functions.f:0")
    body, _ = sent(chat(HI, Message(role="assistant", parts=[call]), Message(role="tool", parts=[result])))

    assert (
        "functions_f_0" == body["messages"][1]["content"][0]["id"] == body["messages"][2]["content"][0]["tool_use_id"]
    )


@pytest.mark.parametrize("arguments", ["[1]", "null", '{"a":', "free text"])
def test_arguments_that_are_no_object_are_held_in_one_and_noted(arguments: str) -> None:
    body, lost = sent(chat(HI, Message(role="assistant", parts=[ToolCall(name="f", arguments=arguments, id="a")])))

    assert {"input": arguments} == body["messages"][1]["content"][0]["input"]
    assert ["messages[1].content[0].arguments"] == lost


def test_media_find_their_blocks() -> None:
    text = b64encode(b"words").decode()
    body, lost = sent(chat(Message(role="user", parts=[
        Media(kind="image", data="/9j/4AAQ"), Media(kind="image", data="aGk=", media_type="image/jpg"),
        Media(kind="file", data=text, media_type="text/csv", name="a.csv"),
        Media(kind="file", data="JVBERi0=", media_type="application/pdf"),
        Media(kind="image", url="https://x/y.png", detail="auto"), Media(kind="file", file_id="file_1"),
    ])))  # fmt: skip

    assert [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/4AAQ"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "aGk="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}, "title": "a.csv"},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
    ] == body["messages"][0]["content"]
    assert ["messages[0].content[5]"] == lost  # another provider's file


@pytest.mark.parametrize(
    ("ask", "where"),
    [
        (chat(Message(role="user", parts=[Media(kind="audio", data="aGk="), Text(text="hi")])), "messages[0].content[0]"),
        (chat(HI, Message(role="assistant", parts=[Kept(what="x", value={})])), "messages[1].content[0]"),
        (chat(HI, Message(role="assistant", parts=[Reasoning(text="hm")])), "messages[1].content[0]"),
        (chat(HI, Message(role="assistant", parts=[Refusal(text="no")])), "messages[1].content[0]"),
        (chat(HI, Message(role="assistant", parts=[Media(kind="image", data="aGk=")])), "messages[1].content[0]"),
        (chat(Message(role="user", parts=[Text(text="hi")], name="Ann")), "messages[0].name"),
        (chat(HI, tools=[HostedTool(what="web_search", value={})]), "tools[0]"),
        (chat(HI, tools=[Tool(name="f", free=True)]), "tools[0]"),
        (chat(HI, seed=1), "seed"),
        (chat(HI, count=2), "n"),
        (chat(HI, temperature=1.5), "temperature"),
        (chat(HI, temperature=0.5, top_p=0.5), "top_p"),
        (chat(HI, stop=["\n"]), "stop"),
        (chat(HI, presence_penalty=0.5), "presence_penalty"),
        (chat(HI, output=OutputForm(kind="json")), "response_format"),
        (chat(HI, pins=[Pin(what="previous_response_id", value="r")]), "previous_response_id"),
        (chat(HI, rest={"logit_bias": {"1": 2}}), "logit_bias"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_noted_where_it_stood(ask: Ask, where: str) -> None:
    assert [where] == sent(ask)[1]


def test_formalities_are_not_called_losses() -> None:
    rest: dict[str, Any] = {"stream": False, "stream_options": {"include_usage": True}, "logprobs": None}
    assert [] == sent(chat(HI, rest=rest, stream=True))[1]


def test_thought_with_its_seal_is_said_again() -> None:
    thought: list[Part] = [Reasoning(text="hm", signature="sig"), Reasoning(sealed="xyz"), Text(text="so")]
    body, lost = sent(chat(HI, Message(role="assistant", parts=thought), HI))

    assert [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "text", "text": "so"},
    ] == body["messages"][1]["content"]
    assert [] == lost


def test_effort_becomes_a_budget_with_room_to_answer_and_nothing_refused_beside_it() -> None:
    body, lost = sent(chat(HI, thinking=Thinking(effort="medium"), temperature=0.2, top_k=5))
    assert ({"type": "enabled", "budget_tokens": 8192}, 8192 + 4096) == (body["thinking"], body["max_tokens"])
    assert ["temperature", "top_k"] == lost
    assert body.keys() & {"temperature", "top_k"} == set()

    body, lost = sent(chat(HI, thinking=Thinking(effort="high"), max_output=2000))
    assert ({"type": "enabled", "budget_tokens": 1500}, 2000, []) == (body["thinking"], body["max_tokens"], lost)


@pytest.mark.parametrize(
    "ask",
    [
        chat(HI, thinking=Thinking(effort="low"), max_output=100),
        chat(HI, thinking=Thinking(effort="low"), tools=[Tool(name="f")], tool_choice=ToolChoice(mode="any")),
        chat(
            HI,
            Message(role="assistant", parts=[ToolCall(name="f", arguments="{}", id="a")]),
            Message(role="tool", parts=[ToolResult(parts=[], call_id="a")]),
            thinking=Thinking(effort="low"),
        ),
    ],
)
def test_thought_that_would_be_refused_is_left_out_and_noted(ask: Ask) -> None:
    body, lost = sent(ask)
    assert ["reasoning"] == lost
    assert "thinking" not in body


def test_models_that_decide_by_themselves_are_told_the_effort() -> None:
    manner = Manner(lacks=frozenset({"budget_tokens"}))
    body, lost = sent(chat(HI, thinking=Thinking(effort="minimal")), manner)
    assert ({"type": "adaptive"}, {"effort": "low"}, []) == (body["thinking"], body["output_config"], lost)

    assert {"type": "disabled"} == sent(chat(HI, thinking=Thinking(off=True)), manner)[0]["thinking"]
    assert ["reasoning"] == sent(chat(HI, thinking=Thinking(effort="low")), Manner(lacks=frozenset({"thinking"})))[1]


def test_a_servers_manner_is_followed() -> None:
    """What the path says in the body's place is not lost."""
    manner = Manner(lacks=frozenset({"model", "stream", "top_k"}), adds={"anthropic_version": "vertex-2023-10-16"})
    body, lost = sent(chat(HI, top_k=3, stream=True), manner)

    assert ("vertex-2023-10-16", ["top_k"]) == (body["anthropic_version"], lost)
    assert body.keys() & {"model", "stream", "top_k"} == set()


def test_a_schema_and_tools_are_said_in_full() -> None:
    schema: Json = {"type": "object", "properties": {}}
    tools: list[Tool | HostedTool] = [Tool(name="f", strict=True), Tool(name="g", parameters=schema, strict=False)]
    ask = chat(HI, tools=tools, parallel_tools=False, output=OutputForm(kind="schema", name="n", schema=schema))
    body, lost = sent(ask)

    assert [
        {"name": "f", "input_schema": {"type": "object"}, "strict": True}, {"name": "g", "input_schema": schema},
    ] == body["tools"]  # fmt: skip
    assert {"type": "auto", "disable_parallel_tool_use": True} == body["tool_choice"]
    assert {"format": {"type": "json_schema", "schema": schema}} == body["output_config"]
    assert [] == lost
    assert ["response_format"] == sent(ask, Manner(schema=False))[1]


def test_counting_asks_only_for_what_can_be_counted() -> None:
    body = json.loads(count.write_count_ask(chat(HI, temperature=0.5, stream=True), Lost(), Manner()))
    assert {"model": "claude", "messages": [{"role": "user", "content": "hi"}]} == body


def test_an_answer_is_a_message_that_the_official_client_can_read() -> None:
    body, lost = shown(
        Reasoning(text="hm"), Text(text="hi", citations=[Citation(url="https://x", title="t")]),
        ToolCall(name="f", arguments='{"a":1}'), ending=Ending.TOOL_CALLS, id="chatcmpl-1", model="gpt",
        usage=Usage(input=5, cached=3, image_input=2, output=7, reasoning=4),
    )  # fmt: skip

    assert {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "gpt",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "text", "text": "hi", "citations": [{
                "type": "web_search_result_location", "url": "https://x", "title": "t", "cited_text": "",
                "encrypted_index": "",
            }]},
            {"type": "tool_use", "id": "call_poise_0", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 7, "output_tokens": 11, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 0,
            "output_tokens_details": {"thinking_tokens": 4},
        },
    } == body  # fmt: skip
    assert [] == lost


@pytest.mark.parametrize(
    ("ending", "word", "lost"),
    [
        (Ending.CONTENT_FILTER, "refusal", True), (Ending.MALFORMED_CALL, "end_turn", True), (Ending.ERROR, None, True),
        (Ending.PAUSE, "pause_turn", False), (Ending.UNFINISHED, None, False), (Ending.LENGTH, "max_tokens", False),
    ],
)  # fmt: skip
def test_an_ending_without_a_word_there_is_noted(ending: Ending, word: str | None, *, lost: bool) -> None:
    body, losses = shown(Text(text="x"), ending=ending)
    assert (word, lost) == (body["stop_reason"], bool(losses))


def test_seals_of_gemini_travel_to_the_client_and_back_but_not_to_anthropic() -> None:
    body, lost = shown(ToolCall(name="f", arguments="{}", id="a", signature="sig"), ending=Ending.TOOL_CALLS)
    assert {"google": {"thought_signature": "sig"}} == body["content"][0]["extra_content"]
    assert [] == lost

    again = CODEC.read_ask(json.dumps({"messages": [{"role": "assistant", "content": body["content"]}]}).encode())
    part = again.messages[0].parts[0]
    assert isinstance(part, ToolCall)
    assert ("sig", {}) == (part.signature, part.rest)

    body, lost = sent(chat(HI, Message(role="assistant", parts=[part])))
    assert "extra_content" not in body["messages"][1]["content"][0]
    assert ["messages[1].content[0]"] == lost
