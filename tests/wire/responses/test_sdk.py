"""What is written in the responses dialect, before the official client's own types and its own streaming helper."""

from __future__ import annotations

import json

import httpx2
import openai
from hypothesis import given, settings
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from poise.wire.conversation.answer import Answer, Choice, Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import disassemble
from poise.wire.conversation.event import Event, Fault, Grow, Open, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Citation, Kept, Media, Reasoning, Refusal, Text, ToolCall
from poise.wire.responses.codec import Responses
from poise.wire.sse import data_of, events_of
from tests.wire.crossing.strategies import answers, event_lists

CODEC = Responses()
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
RICH = Answer(
    spoken="another",
    id="resp_1",
    model="m",
    created=7,
    choices=[
        Choice(
            parts=[
                Reasoning(text="hm", signature="c2ln"),
                Reasoning(text="in short", summary=True, id="rs_1"),
                Text(text="Look: ", citations=[Citation(url="https://x.org", title="x", start=0, end=4)]),
                Text(text="here."),
                Refusal(text="no"),
                Media(kind="image", media_type="image/png", data="aGk="),
                Kept(what="web_search_call", value={"type": "web_search_call", "id": "ws_1", "status": "completed",
                                                    "action": {"type": "search", "query": "q"}}),
                ToolCall(name="f", arguments='{"a":1}', id="call_1", signature="dGg="),
                ToolCall(name="sql", arguments="select 1", id="call_2", free=True),
            ],
            ending=Ending.TOOL_CALLS,
        )
    ],
    usage=Usage(input=5, cached=3, output=2, reasoning=1),
)  # fmt: skip
BODY = json.dumps(
    {
        "model": "m",
        "instructions": "be kind",
        "input": "hi",
        "stream": True,
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
        "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "metadata": {"a": "b"},
        "conversation": "conv_1",
        "temperature": 0.5,
    }
).encode()
ASK = CODEC.read_ask(BODY)


def _client(body: bytes) -> openai.OpenAI:
    """The official client, whose every request is answered with body."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        kind = "text/event-stream" if body.startswith(b"event:") else "application/json"
        return httpx2.Response(200, headers={"content-type": kind}, content=body)

    return openai.OpenAI(
        api_key="k",
        base_url="http://upstream.test/v1",
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


def _events(written: bytes) -> list[ResponseStreamEvent]:
    return [EVENT.validate_json(data_of(event)) for event in events_of(written)]


@settings(max_examples=40, deadline=None)
@given(
    event_lists(answers("another", refusal=True, endings=(Ending.STOP, Ending.LENGTH, Ending.CANCELLED)), parallel=True)
)
def test_every_event_is_of_the_client_s_types(events: list[Event]) -> None:
    """Validated strictly, each is one that the client knows, and the first and the last are where they must be."""
    kinds = [event.type for event in _events(CODEC.event_writer(ASK).write(events))]

    assert ["response.created", "response.in_progress"] == kinds[:2]
    assert kinds[-1] in ("response.completed", "response.incomplete")


def test_the_streaming_helper_puts_the_answer_together() -> None:
    """Thought, cited text, refusal, image, search, function and custom calls, usage: all are in the final response."""
    events: list[Event] = [Start("resp_1", "m", 7, "responses"), *disassemble(RICH)]
    written = CODEC.event_writer(ASK).write(events)
    assert 20 < len(_events(written))
    with _client(written) as client, client.responses.stream(model="m", input="hi") as stream:
        texts = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()

    assert ["Look: ", "here."] == texts
    assert "Look: here." == final.output_text
    assert ["reasoning", "reasoning", "message", "image_generation_call", "web_search_call", "function_call"] == [
        item.type for item in final.output
    ][:6]
    assert "completed" == final.status
    assert final.usage is not None
    assert (8, 3, 3, 1) == (
        final.usage.input_tokens,
        final.usage.input_tokens_details.cached_tokens,
        final.usage.output_tokens,
        final.usage.output_tokens_details.reasoning_tokens,
    )
    assert "be kind" == final.instructions
    assert final.text is not None
    assert "low" == final.text.verbosity


def test_a_whole_answer_is_of_the_client_s_type() -> None:
    """The same answer, not streamed, validated strictly and read by the client."""
    written = CODEC.write_answer(RICH, Lost())
    with _client(written) as client:
        got = client.responses.create(model="m", input="hi")

    assert Response.model_validate_json(written).output_text == got.output_text == "Look: here."
    assert "resp_1" == got.id


@settings(max_examples=40, deadline=None)
@given(answers("another", refusal=True, endings=(Ending.STOP, Ending.LENGTH, Ending.CONTENT_FILTER, Ending.UNFINISHED)))
def test_whole_answers_are_of_the_client_s_type(answer: Answer) -> None:
    """Whatever they hold."""
    got = Response.model_validate_json(CODEC.write_answer(answer, Lost()))

    assert "".join(part.text for part in answer.choices[0].parts if isinstance(part, Text)) == got.output_text


def test_only_this_dialect_s_kept_items_are_written() -> None:
    """Of another they would be items that no client knows."""
    kinds = [
        [e.item.type for e in _events(CODEC.event_writer(ASK).write([Start("r", spoken=spoken), *disassemble(RICH)]))
         if e.type == "response.output_item.done"]
        for spoken in ("responses", "another", "")
    ]  # fmt: skip

    assert [True, False, False] == ["web_search_call" in some for some in kinds]


def test_a_fault_reaches_the_client() -> None:
    """In the middle of a stream: an ``error`` event, then ``response.failed`` with what was complete, and no more."""
    events: list[Event] = [Start("r", "m"), Open(0, Text(text="")), Grow(0, "half"), Fault("too busy", "overloaded")]
    writer = CODEC.event_writer(ASK)
    written = _events(writer.write(events))

    assert ["error", "response.failed"] == [event.type for event in written[-2:]]
    assert b"" == writer.write(disassemble(RICH))
    last = written[-1]
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert "too busy" == last.response.error.message


def test_what_goes_back_is_what_was_given() -> None:
    """A client sends an answer's items as the next input: calls, thought and another provider's seals are found again."""
    output = json.loads(CODEC.write_answer(RICH, Lost()))["output"]
    ask = CODEC.read_ask(json.dumps({"model": "m", "input": [{"role": "user", "content": "q"}, *output]}).encode())
    parts = ask.messages[1].parts

    assert isinstance(ask, Ask)
    assert ["c2ln", ""] == [part.signature for part in parts if isinstance(part, Reasoning)]
    assert [("f", "dGg="), ("sql", "")] == [(part.name, part.signature) for part in parts if isinstance(part, ToolCall)]
    assert [] == ask.pins
