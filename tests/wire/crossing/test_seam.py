"""What an answer knows of its ask, and what a stream says that it loses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from poise.wire.conversation.answer import Answer, Choice, Ending, Usage
from poise.wire.conversation.ask import Ask, Tool
from poise.wire.conversation.assemble import disassemble
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.event import Cite, Close, Done, End, Event, Open, Seal, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import (
    Citation,
    Kept,
    Media,
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from tests.wire.crossing.recorded import CODECS
from tests.wire.crossing.translate import CLIENTS, assembled, complete, read_events

NEED_IDS = ("openai", "responses", "anthropic")


def _after_calls(dialect: str, count: int) -> Ask:
    """A conversation that holds so many calls."""
    calls: list[Part] = [ToolCall(name="f", arguments="{}", id=f"call_poise_{n}") for n in range(count)]
    return Ask(spoken=dialect, model="m", messages=[Message(role="assistant", parts=calls)])


def _called(*names: str) -> Answer:
    calls: list[Part] = [ToolCall(name=name, arguments="{}") for name in names]
    return Answer(spoken="gemini", model="m", choices=[Choice(parts=calls, ending=Ending.TOOL_CALLS)])


def _ids(answer: Answer) -> list[str]:
    return [part.id for part in answer.choices[0].parts if isinstance(part, ToolCall)]


@pytest.mark.parametrize("to", NEED_IDS)
def test_made_ids_count_on_from_the_conversation(to: str) -> None:
    """Ids are not given twice in a conversation, whole or streamed: a client would tie results to the wrong call."""
    codec, ask, answer = CODECS[to], _after_calls(to, 2), _called("g", "h")
    whole = codec.read_answer(codec.write_answer(answer, Lost(), ask))
    streamed = assembled(to, read_events(to, codec.event_writer(ask, Lost()).write(disassemble(answer))))

    assert ["call_poise_2", "call_poise_3"] == _ids(whole)
    assert ["call_poise_2", "call_poise_3"] == _ids(streamed)


@pytest.mark.parametrize("to", NEED_IDS)
def test_results_without_an_id_find_their_call(to: str) -> None:
    """By the tool's name, and where two calls have one name in the order of the calls."""
    results: list[Part] = [ToolResult(parts=[Text(text=name)], name=name) for name in ("g", "f", "f")]
    calls: list[Part] = [ToolCall(name=name, arguments="{}") for name in ("f", "g", "f")]
    messages = [Message(role="assistant", parts=calls), Message(role="tool", parts=results)]
    body = CODECS[to].write_ask(Ask(spoken="gemini", model="m", messages=messages), Lost(), Manner())
    again = CODECS[to].read_ask(body)
    answered = [part.call_id for one in again.messages for part in one.parts if isinstance(part, ToolResult)]

    assert ["call_poise_1", "call_poise_0", "call_poise_2"] == answered


def _legacy(*names: str) -> tuple[dict[str, Any], list[dict[str, Any]], Lost]:
    """How a client that sent ``functions`` is told of calls: the whole answer, the stream's deltas, what was lost."""
    body = {"model": "m", "messages": [], "functions": [{"name": "f", "parameters": {}}]}
    ask, lost = CODECS["openai"].read_ask(json.dumps(body).encode()), Lost()
    whole = json.loads(CODECS["openai"].write_answer(_called(*names), lost, ask))
    written = CODECS["openai"].event_writer(ask, lost).write(disassemble(_called(*names)))
    chunks = [json.loads(line[6:]) for line in written.splitlines() if line.startswith(b"data: {")]
    return whole["choices"][0], [chunk["choices"][0] for chunk in chunks], lost


def test_a_client_of_functions_is_answered_with_function_call() -> None:
    """Such a client looks nowhere else, whole or streamed."""
    whole, deltas, lost = _legacy("f")

    assert {"name": "f", "arguments": "{}"} == whole["message"]["function_call"]
    assert "tool_calls" not in whole["message"]
    assert "function_call" == whole["finish_reason"] == deltas[-1]["finish_reason"]
    assert any("function_call" in one["delta"] for one in deltas)
    assert not lost.losses


def test_a_second_call_is_noted_for_a_client_of_functions() -> None:
    """There is room for one; whole and streamed it is the first."""
    whole, deltas, lost = _legacy("f", "g")
    named = [one["delta"]["function_call"]["name"] for one in deltas if "name" in one["delta"].get("function_call", {})]

    assert "f" == whole["message"]["function_call"]["name"]
    assert ["f"] == named
    assert 2 == len(lost.losses)


# What no other dialect's stream can say, and a word of what is noted of it.
_Case = tuple[str, list[Event], str]


def _cases(to: Iterable[str], word: str, *events: Event) -> list[_Case]:
    return [(name, [*events], word) for name in to]


_FOREIGN: list[_Case] = [
    *_cases(CODECS, "web_thing", Open(0, Kept(what="web_thing", value={"a": 1})), Close(0)),
    *_cases(NEED_IDS, "", Open(0, ToolResult(parts=[])), Close(0)),
    *_cases(NEED_IDS, "video", Open(0, Media(kind="video", data="aGk=")), Close(0)),
    *_cases(
        ["openai", "responses", "gemini"], "", Open(0, Text(text="a")), Cite(0, Citation(title="a book")), Close(0)
    ),
    *_cases(["openai", "responses"], "signature", Open(0, Text(text="a")), Seal(0, "c2VhbA=="), Close(0)),
    *_cases(["responses", "anthropic"], "one answer", Open(0, Text(text="a"), 1), Close(0, 1)),
    *_cases(["gemini"], "sealed", Open(0, Reasoning(text="a")), Seal(0, sealed="xyz"), Close(0)),
    *_cases(["gemini"], "base64", Open(0, Reasoning(text="a")), Seal(0, "not base64!"), Close(0)),
    *_cases(CODECS, "counterpart", Open(0, Text(text="a", rest={"odd": 1})), Close(0)),
]


@pytest.mark.parametrize(("to", "events", "word"), _FOREIGN)
def test_what_a_stream_cannot_say_is_noted(to: str, events: list[Event], word: str) -> None:
    """Never dropped in silence, and the stream ends well all the same."""
    lost = Lost()
    writer = CODECS[to].event_writer(CLIENTS[to], lost)
    written = writer.write([Start("id", "m", 0, "elsewhere"), *events, End(Ending.STOP), Done()])

    assert lost.losses
    assert any(word in f"{loss.where} {loss.what}" for loss in lost.losses)
    assert complete(read_events(to, written))


@pytest.mark.parametrize("to", list(CODECS))
def test_a_plain_answer_loses_nothing(to: str) -> None:
    """A note is made of losses, not of words: text, a call and usage cross without one, whole and streamed."""
    parts: list[Part] = [Text(text="hi", citations=[Citation(url="https://example.com")])]
    parts.append(ToolCall(name="f", arguments="{}", id="call_1"))
    choice = Choice(parts=parts, ending=Ending.TOOL_CALLS)
    answer = Answer(spoken="elsewhere", model="m", id="i", choices=[choice], usage=Usage(input=1, cached=2, output=3))
    lost = Lost()
    CODECS[to].write_answer(answer, lost)
    CODECS[to].event_writer(CLIENTS[to], lost).write(disassemble(answer))

    assert [] == lost.losses


def test_an_answer_that_said_nothing_is_not_complete_anywhere() -> None:
    """Blocked without a word, it has no candidate: others say one that is unfinished, and as a stream it ends as that."""
    answer = Answer(spoken="gemini", model="m", choices=[])

    for to in NEED_IDS:
        assert [Ending.UNFINISHED] == [
            choice.ending for choice in CODECS[to].read_answer(CODECS[to].write_answer(answer, Lost())).choices
        ]
    assert End(Ending.UNFINISHED) in disassemble(answer)


def test_a_cache_for_an_hour_is_counted_apart() -> None:
    """Anthropic charges twice the input for it; the figures of both kinds are in the whole, and come back."""
    said = {
        "input_tokens": 5,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 7,
        "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 70},
        "output_tokens": 1,
    }
    body = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "stop_reason": "end_turn"}
    codec = CODECS["anthropic"]
    answer = codec.read_answer(json.dumps({**body, "usage": said}).encode())
    usage = answer.usage

    assert usage is not None
    assert (30, 70, 100, 112, 113) == (
        usage.cache_write,
        usage.cache_write_long,
        usage.cache_written,
        usage.prompt,
        usage.total,
    )
    assert said == json.loads(codec.write_answer(answer, Lost()))["usage"]
    chat = json.loads(CODECS["openai"].write_answer(answer, Lost()))["usage"]
    assert (112, 100) == (chat["prompt_tokens"], chat["prompt_tokens_details"]["cache_write_tokens"])


def test_a_file_is_known_to_its_provider_only() -> None:
    """Its id goes from chat to responses, which are one provider's; elsewhere it is left out, and noted."""
    file = Media(kind="file", file_id="file-1")
    ask = Ask(spoken="openai", model="m", messages=[Message(role="user", parts=[Text(text="read"), file])])
    kept = {}
    for to in ("responses", "anthropic", "gemini"):
        lost = Lost()
        kept[to] = b"file-1" in CODECS[to].write_ask(ask, lost, Manner())
        assert kept[to] or any("file-1" in loss.what for loss in lost.losses)

    assert {"responses": True, "anthropic": False, "gemini": False} == kept


def test_a_message_that_is_lost_whole_is_not_sent_empty() -> None:
    """Some servers refuse a message without content."""
    odd = Message(role="system", parts=[Kept(what="tool_addition", value={})])
    ask = Ask(spoken="anthropic", model="m", messages=[Message(role="user", parts=[Text(text="hi")]), odd])
    lost = Lost()
    said = json.loads(CODECS["openai"].write_ask(ask, lost, Manner()))["messages"]

    assert [{"role": "user", "content": "hi"}] == said
    assert lost.losses


def test_a_schema_that_is_no_object_is_one_in_responses() -> None:
    """``true`` takes anything; the dialect refuses it, so it is said as any object, and noted."""
    lost = Lost()
    ask = Ask(spoken="anthropic", model="m", messages=[], tools=[Tool(name="f", parameters=True)])
    tool = json.loads(CODECS["responses"].write_ask(ask, lost, Manner()))["tools"][0]

    assert {"type": "object"} == tool["parameters"]
    assert ["tools[0].parameters"] == [loss.where for loss in lost.losses]


def test_a_pause_is_not_told_as_complete() -> None:
    """Responses have no word for it, and what is to go on must not look complete."""
    codec = CODECS["responses"]
    answer = Answer(spoken="anthropic", model="m", choices=[Choice(parts=[Text(text="a")], ending=Ending.PAUSE)])
    body = codec.write_answer(answer, Lost())

    assert "incomplete" == json.loads(body)["status"]
    assert Ending.PAUSE is codec.read_answer(body).choices[0].ending
