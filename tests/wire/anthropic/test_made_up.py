"""Made-up asks, answers and streams survive being written and read; nothing that is said in them can forge a frame."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.errors import AttemptFailed, Error, Failure
from poise.wire.anthropic import count, failure
from poise.wire.anthropic.codec import CODEC
from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.event import Done, Event, Fault
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Message, ToolCall
from poise.wire.sse import Splitter, events_of
from tests.wire.crossing import strategies
from tests.wire.crossing.plain import of_answer, of_ask

ENDINGS = (Ending.STOP, Ending.LENGTH, Ending.PAUSE, Ending.REFUSAL, Ending.STOP_SEQUENCE)
FRAMES = {
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
}  # fmt: skip
# What Anthropic refuses beside something else, and so is noted and left out of a foreign ask that says both.
REFUSED_TOGETHER = {"stop", "top_p", "temperature", "reasoning"}

own_answers = strategies.answers(
    "anthropic", signed=True, endings=ENDINGS, buckets=("cached", "cache_write", "reasoning")
)
foreign_answers = strategies.answers("chat", endings=(Ending.STOP, Ending.LENGTH))


@given(strategies.asks("anthropic", result_media=True))
def test_asks_survive(ask: Ask) -> None:
    lost = Lost()
    again = CODEC.read_ask(CODEC.write_ask(ask, lost, Manner()))

    assert [] == lost.losses
    assert of_ask(ask) == of_ask(again)
    assert (ask.max_output, ask.temperature, ask.top_p, ask.stop) == (
        again.max_output, again.temperature, again.top_p, again.stop,
    )  # fmt: skip
    assert (ask.stream, ask.thinking) == (again.stream, again.thinking)


@given(strategies.asks("chat", result_media=True, system=("system", "developer")))
def test_asks_of_another_dialect_are_said_with_what_matters(ask: Ask) -> None:
    lost = Lost()
    again = CODEC.read_ask(CODEC.write_ask(ask, lost, Manner()))

    assert of_ask(ask) == of_ask(again)
    assert {loss.where for loss in lost.losses} <= REFUSED_TOGETHER
    assert again.max_output is not None
    assert ask.stop == again.stop or "stop" in {loss.where for loss in lost.losses}


@given(own_answers)
def test_answers_survive(answer: Answer) -> None:
    lost = Lost()
    again = CODEC.read_answer(CODEC.write_answer(answer, lost))

    assert [] == lost.losses
    assert of_answer(answer) == of_answer(again)
    assert (answer.id, answer.model) == (again.id, again.model)


@given(foreign_answers)
def test_answers_of_another_dialect_are_said_whole(answer: Answer) -> None:
    lost = Lost()
    again = CODEC.read_answer(CODEC.write_answer(answer, lost))

    assert [] == lost.losses
    assert without_usage(answer) == without_usage(again)
    assert answer.usage is None or of_answer(answer) == of_answer(again)


@given(
    strategies.event_lists(own_answers) | strategies.event_lists(foreign_answers, parallel=True),
    st.data(),
)
def test_streams_survive_whichever_way_they_are_handed_over_and_cut(events: list[Event], data: st.DataObject) -> None:
    writer = CODEC.event_writer(Ask(spoken="anthropic", messages=[]))
    at = data.draw(st.integers(0, len(events)))
    out = writer.write(events[:at]) + writer.write(events[at:])
    cut = data.draw(st.integers(0, len(out)))
    reader, splitter = CODEC.event_reader(), Splitter()
    again = reader.feed(splitter.feed(out[:cut])) + reader.feed(splitter.feed(out[cut:]))

    assert isinstance(again[-1], Done)
    assert without_usage(assembled(events)) == without_usage(assembled(again))
    frames = [frame.split(b"\ndata: ") for frame in events_of(out)]
    assert all(frame[0].removeprefix(b"event: ").decode() in FRAMES for frame in frames)
    assert [frame[0].removeprefix(b"event: ").decode() for frame in frames] == [
        json.loads(frame[1])["type"] for frame in frames
    ]
    assert one_block_at_a_time(frames)


def one_block_at_a_time(frames: list[list[bytes]]) -> bool:
    """Blocks are numbered from 0, and each is closed before the next begins."""
    open_at, following = -1, 0
    for _, data in frames:
        node = json.loads(data)
        if node["type"] == "content_block_start":
            if open_at >= 0 or node["index"] != following:
                return False
            open_at, following = following, following + 1
        elif node["type"].startswith("content_block") and node["index"] != open_at:
            return False
        if node["type"] == "content_block_stop":
            open_at = -1
    return open_at == -1


@given(st.binary(max_size=300))
def test_garbage_raises_nothing_but_what_is_declared(body: bytes) -> None:
    try_all(body)


@given(st.data())
def test_json_of_the_wrong_shape_raises_nothing_but_what_is_declared(data: st.DataObject) -> None:
    """Something in a good body is replaced by any JSON."""
    good = data.draw(st.sampled_from(GOOD))
    root = json.loads(good)
    where, key = data.draw(st.sampled_from(places(root)))
    where[key] = data.draw(strategies.json_values)
    body = json.dumps(root).encode()

    try_all(body)
    kind = str(root.get("type", "")).encode("utf-8", "replace").replace(b"\n", b"").replace(b"\r", b"")
    stream = b"".join(b"event: %b\ndata: %b\n\n" % (kind, one) for one in (*STREAM, body, b'{"type":"message_stop"}'))
    assert isinstance(CODEC.event_reader().feed(stream)[-1], Done | Fault)


@pytest.mark.parametrize(
    "body", [b'{"messages":[],"model":"\\ud800"}', b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"]
)
def test_lone_surrogates_and_bottomless_nesting_are_refused(body: bytes) -> None:
    with pytest.raises(Error) as caught:
        CODEC.read_ask(body)
    assert "invalid_json" == caught.value.code

    reader = CODEC.event_reader()
    assert ([], 1) == (reader.feed(b"event: ping\ndata: " + body + b"\n\n"), reader.unread)


def test_arguments_nested_deeper_than_json_can_be_are_refused() -> None:
    """As text they may be of any depth; in an object they are not."""
    call = ToolCall(name="f", arguments='{"a":' * 100_000 + "1" + "}" * 100_000, id="a")
    ask = Ask(spoken="chat", messages=[Message(role="assistant", parts=[call])])
    lost = Lost()
    (turn,) = CODEC.read_ask(CODEC.write_ask(ask, lost, Manner())).messages

    assert ["messages[0].content[0].arguments"] == [loss.where for loss in lost.losses]
    assert isinstance(turn.parts[0], ToolCall)
    assert {"input": call.arguments} == json.loads(turn.parts[0].arguments)


def try_all(body: bytes) -> None:
    ask = outcome(lambda: CODEC.read_ask(body))
    if isinstance(ask, Ask):
        assert msgspec.json.decode(body) == msgspec.json.decode(CODEC.write_ask(ask, Lost(), Manner()))
    else:
        assert isinstance(ask, Error)
        assert ask.code in {"invalid_json", "invalid_field"}
        assert ask.hint
    answer = outcome(lambda: CODEC.read_answer(body))
    if isinstance(answer, Answer):
        again = msgspec.json.decode(CODEC.write_answer(answer, Lost()))
        assert {**ALWAYS, **msgspec.json.decode(body)} == again
    else:
        assert isinstance(answer, AttemptFailed)
        assert Failure.MALFORMED is answer.failure
    counted = outcome(lambda: count.read_count(body))
    assert isinstance(counted, int) or (isinstance(counted, AttemptFailed) and Failure.MALFORMED is counted.failure)
    assert failure.read(500, {}, body).failure in Failure
    CODEC.event_reader().feed(body)


def outcome(call: Callable[[], object]) -> object:
    """What comes of a call: its value, or the error that is declared for it."""
    try:
        return call()
    except (Error, AttemptFailed) as error:
        return error


def places(node: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401 - JSON
    """Every place in a JSON value that could hold another."""
    if isinstance(node, dict):
        return [(node, key) for key in node] + [one for inner in node.values() for one in places(inner)]
    if isinstance(node, list):
        return [(node, at) for at in range(len(node))] + [one for inner in node for one in places(inner)]
    return []


def assembled(events: list[Event]) -> Answer:
    assembler = Assembler("anthropic")
    assembler.feed(events)
    return assembler.finish()


def without_usage(answer: Answer) -> list[tuple[object, ...]]:
    return [row for row in of_answer(answer) if row[0] != "usage"]


ALWAYS = {"type": "message", "role": "assistant", "stop_reason": None}  # said again even where a server left them out
STREAM = (
    b'{"type":"message_start","message":{"id":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}',
    b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
)
GOOD = (
    """{"model":"m","max_tokens":5,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],
    "messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[
    {"type":"thinking","thinking":"t","signature":"s"},{"type":"tool_use","id":"a","name":"f","input":{"x":1}}]},
    {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"r"},
    {"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}}],"is_error":false},
    {"type":"document","source":{"type":"text","media_type":"text/plain","data":"d"},"title":"t"},
    {"type":"image","source":{"type":"url","url":"https://x"}}]}],
    "tools":[{"name":"f","description":"d","input_schema":{"type":"object"},"type":"custom"},
    {"type":"web_search_20250305","name":"web_search"}],
    "tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},"stop_sequences":["a"],
    "thinking":{"type":"enabled","budget_tokens":1024},"metadata":{"user_id":"u"},"stream":false,
    "output_config":{"effort":"low","format":{"type":"json_schema","schema":{}}},"temperature":0.5}""",
    """{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"t","citations":[
    {"type":"char_location","cited_text":"c","document_index":0,"document_title":"d"}]},
    {"type":"tool_use","id":"a","name":"f","input":{},"caller":{"type":"direct"}},
    {"type":"redacted_thinking","data":"x"}],"stop_reason":"end_turn","stop_sequence":null,
    "usage":{"input_tokens":1,"output_tokens":2,"output_tokens_details":{"thinking_tokens":1}}}""",
    """{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}""",
    """{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"a","input":{}}}""",
    """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"t"}}""",
    """{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"x","url":"u"}}}""",
    """{"type":"content_block_stop","index":0}""",
    """{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":3}}""",
    """{"type":"error","error":{"type":"overloaded_error","message":"m"}}""",
)
