"""The official SDK: chat, streams, tools, structured output, vision, models."""

from __future__ import annotations

from typing import Any

import openai
import pydantic
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from poise.sim.content import embedding, prompt_tokens, reply_to
from poise.sim.upstream import Received
from tests.world import World

ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "tell me of calm weather"}]
US_SEED = 1
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}},
    },
}


class Trip(pydantic.BaseModel):
    """What structured output is parsed into."""

    city: str
    days: int
    stops: list[str]


def newest(world: World, region: str = "us") -> Received:
    """The newest request that a region received."""
    return world.regions[region].requests()[-1]


def said(messages: list[ChatCompletionMessageParam]) -> str:
    """What region us says to these messages."""
    return reply_to({"messages": messages}, US_SEED).text


def test_a_chat_is_answered_by_the_first_of_the_workflow(client: openai.OpenAI) -> None:
    """The text is the upstream's, the model the one that really answered, usage its count."""
    answer = client.chat.completions.create(model="support", messages=ASK)
    usage = answer.usage

    assert said(ASK) == answer.choices[0].message.content
    assert "stop" == answer.choices[0].finish_reason
    assert "sim-chat" == answer.model
    assert usage is not None
    assert (5, len(said(ASK).split())) == (usage.prompt_tokens, usage.completion_tokens)


def test_an_alias_serves_old_clients(client: openai.OpenAI) -> None:
    """A name that clients send already is the workflow."""
    assert said(ASK) == client.chat.completions.create(model="gpt-4o", messages=ASK).choices[0].message.content


def test_a_target_can_be_pinned(client: openai.OpenAI, world: World) -> None:
    """``model@provider`` reaches that provider and no other."""
    before = world.regions["eu"].status().counts.get("requests", 0)
    client.chat.completions.create(model="sim-chat@eu", messages=ASK)

    assert before + 1 == world.regions["eu"].status().counts["requests"]


def test_the_body_names_the_model_that_answered(client: openai.OpenAI) -> None:
    """A provider that answers with another model than asked is not covered up."""
    assert "sim-chat-2026-11" == client.chat.completions.create(model="sim-swapped", messages=ASK).model


def test_a_stream_says_the_same_as_the_whole_answer(client: openai.OpenAI) -> None:
    """Deltas joined give the text; the last one says why it stopped."""
    chunks = list(client.chat.completions.create(model="support", messages=ASK, stream=True))

    assert said(ASK) == "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "stop" == chunks[-1].choices[0].finish_reason
    assert {"sim-chat"} == {chunk.model for chunk in chunks}


def test_usage_nobody_asked_for_is_taken_out_and_known_all_the_same(client: openai.OpenAI, world: World) -> None:
    """The upstream was asked for usage; the client sees none; the record has it exactly."""
    with client.chat.completions.with_streaming_response.create(model="support", messages=ASK, stream=True) as raw:
        decision = raw.headers["x-poise-decision"]
        text = raw.read().decode()
    sent = newest(world).json
    attempt = attempts(world, decision)[-1]

    assert {"include_usage": True} == sent["stream_options"]
    assert "usage" not in text
    assert '"choices":[]' not in text
    assert text.endswith("data: [DONE]\n\n")
    assert (5, len(said(ASK).split())) == (attempt["input_tokens"], attempt["output_tokens"])


def test_usage_that_was_asked_for_comes_as_openai_sends_it(client: openai.OpenAI) -> None:
    """Last, in a chunk without choices, and null on those before."""
    chunks = list(
        client.chat.completions.create(
            model="support", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )
    usage = chunks[-1].usage

    assert [] == chunks[-1].choices
    assert usage is not None
    assert 5 == usage.prompt_tokens
    assert {None} == {chunk.usage for chunk in chunks[:-1]}


def test_the_headers_say_what_happened(client: openai.OpenAI) -> None:
    """Decision, target, posture and attempts are on each answer."""
    raw = client.chat.completions.with_raw_response.create(model="support", messages=ASK)

    assert "sim-chat@us" == raw.headers["x-poise-target"]
    assert "steady" == raw.headers["x-poise-posture"]
    assert "1" == raw.headers["x-poise-attempts"]
    assert raw.headers["x-poise-decision"].startswith("d-")


def test_tools_come_back_as_a_call_and_its_answer_as_text(client: openai.OpenAI) -> None:
    """The round trip that agents live by."""
    first = client.chat.completions.create(model="support", messages=ASK, tools=[WEATHER])
    calls = first.choices[0].message.tool_calls
    assert calls
    call = calls[0]
    assert "function" == call.type
    history: list[ChatCompletionMessageParam] = [
        *ASK,
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": "weather", "arguments": call.function.arguments},
                }
            ],
        },
        {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"},
    ]
    second = client.chat.completions.create(model="support", messages=history, tools=[WEATHER])

    assert "tool_calls" == first.choices[0].finish_reason
    assert "weather" == call.function.name
    assert said(history) == second.choices[0].message.content


def test_a_streamed_tool_call_is_put_together_by_the_sdk(client: openai.OpenAI) -> None:
    """The SDK's own accumulator sees the same call as without a stream."""
    whole = client.chat.completions.create(model="support", messages=ASK, tools=[WEATHER]).choices[0].message.tool_calls
    with client.chat.completions.stream(model="support", messages=ASK, tools=[WEATHER]) as stream:
        streamed = stream.get_final_completion().choices[0].message.tool_calls

    assert whole
    assert streamed
    assert "function" == whole[0].type
    assert whole[0].function.arguments == streamed[0].function.arguments
    assert "weather" == streamed[0].function.name


def test_structured_output_is_parsed_into_the_callers_type(client: openai.OpenAI, world: World) -> None:
    """``.parse`` gets an object of the schema, and the schema went upstream untouched."""
    answer = client.chat.completions.parse(model="support", messages=ASK, response_format=Trip)
    sent = newest(world).json["response_format"]

    assert isinstance(answer.choices[0].message.parsed, Trip)
    assert 2 == len(answer.choices[0].message.parsed.stops)
    assert "Trip" == sent["json_schema"]["name"]
    assert {"city", "days", "stops"} == set(sent["json_schema"]["schema"]["properties"])


def test_a_json_schema_by_hand_is_followed(client: openai.OpenAI) -> None:
    """``response_format`` as a plain dictionary, streamed."""
    schema: dict[str, object] = {"type": "object", "properties": {"mood": {"enum": ["calm", "wild"]}}}
    chunks = client.chat.completions.create(
        model="support",
        messages=ASK,
        stream=True,
        response_format={"type": "json_schema", "json_schema": {"name": "mood", "schema": schema}},
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    assert text in ('{"mood":"calm"}', '{"mood":"wild"}')


def test_vision_parts_reach_the_upstream_untouched(client: openai.OpenAI, world: World) -> None:
    """Order, detail and data URL are what the client sent."""
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "what is this"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    messages: Any = [{"role": "user", "content": parts}]
    answer = client.chat.completions.create(model="support", messages=messages)

    assert messages == newest(world).json["messages"]
    assert answer.usage is not None
    assert prompt_tokens({"messages": messages}) == answer.usage.prompt_tokens


def test_unknown_fields_pass_and_only_the_model_is_replaced(client: openai.OpenAI, world: World) -> None:
    """What Poise does not know is the vendor's business."""
    more = {"vendor_extra": {"deep": [1, 2.5, None, "ü"]}, "top_k": 7, "big": 12345678901234567890}
    client.chat.completions.create(model="support", messages=ASK, temperature=0.25, extra_body=more)
    sent = newest(world).json

    assert more == {name: sent[name] for name in more}
    assert {"messages": ASK, "model": "sim-chat", "temperature": 0.25} == {
        name: value for name, value in sent.items() if name not in more
    }


def test_the_upstream_gets_its_own_key_and_nothing_of_the_callers(client: openai.OpenAI, world: World) -> None:
    """The caller's key and its SDK's headers end at the gateway."""
    client.chat.completions.create(
        model="support", messages=ASK, extra_headers={"x-poise-user": "ann", "cookie": "a=b", "x-secret": "s"}
    )
    one = newest(world)

    assert "Bearer sim-us-secret-1" == one.headers["authorization"]
    assert 1 == one.head.lower().count(b"authorization:")
    for absent in (b"key-of-the-app", b"x-stainless", b"cookie", b"x-secret", b"x-poise-user"):
        assert absent not in one.head.lower()


def test_a_target_that_fails_is_replaced_unseen(client: openai.OpenAI) -> None:
    """The first refuses with 503, the second answers; the caller sees one good answer and the count."""
    raw = client.chat.completions.with_raw_response.create(model="flaky", messages=ASK)

    assert "sim-flaky@eu" == raw.headers["x-poise-target"]
    assert raw.headers["x-poise-attempts"] in ("1", "2")  # 1 once its health has taken the first one out
    assert raw.parse().choices[0].message.content


def test_models_lists_what_the_key_may_use(client: openai.OpenAI, world: World) -> None:
    """Workflows, aliases, bare models and pinned targets; a narrow key sees only its own."""
    names = {model.id for model in client.models.list()}
    with world.client("key-of-the-narrow-app-0123456789") as narrow:
        few = {model.id for model in narrow.models.list()}

    assert {"support", "gpt-4o", "sim-chat", "sim-chat@us", "sim-embed"} <= names
    assert {"support", "gpt-4o"} == few
    assert "support" == client.models.retrieve("support").id


@pytest.mark.parametrize("as_numbers", [False, True])
def test_embeddings_are_the_same_in_both_encodings(client: openai.OpenAI, world: World, as_numbers: bool) -> None:
    """The SDK asks for base64 unless told otherwise; both forms give the upstream's vectors."""
    text = ["calm weather", "storm"]
    if as_numbers:
        answer = client.embeddings.create(model="sim-embed", input=text, encoding_format="float")
    else:
        answer = client.embeddings.create(model="sim-embed", input=text)
    sent = newest(world)

    assert [embedding(one, US_SEED, 8) for one in text] == [row.embedding for row in answer.data]
    assert ("float" if as_numbers else "base64") == sent.json["encoding_format"]
    assert "/v1/embeddings" == sent.path
    assert 3 == answer.usage.prompt_tokens
    assert "sim-embed" == answer.model


def attempts(world: World, decision: str) -> list[dict[str, Any]]:
    """The attempts of a decision, as ``poise explain --json`` tells them."""
    found: list[dict[str, Any]] = world.explain(decision)["ended"]["attempts"]
    return found
