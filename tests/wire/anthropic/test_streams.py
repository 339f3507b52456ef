"""How single streams are read and written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from poise.wire.anthropic.codec import CODEC
from poise.wire.anthropic.failure import error_frame
from poise.wire.conversation.answer import Answer, Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.event import Close, Counted, Done, End, Event, Fault, Grow, Open, Seal, Start
from poise.wire.conversation.part import Kept, Message, Reasoning, Text, ToolCall
from poise.wire.sse import data_of, events_of

ASK = Ask(spoken="anthropic", messages=[])
START = {"type": "message_start", "message": {"id": "m", "model": "c", "content": [], "usage": {"input_tokens": 3}}}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOP = {"type": "message_stop"}


def frames(*nodes: object) -> bytes:
    return b"".join(b"event: x\ndata: " + json.dumps(node).encode() + b"\n\n" for node in nodes)


def read(*nodes: object) -> list[Event]:
    return CODEC.event_reader().feed(frames(*nodes))


def written(*events: Event, ask: Ask = ASK) -> list[dict[str, Any]]:
    return [json.loads(data_of(event)) for event in events_of(CODEC.event_writer(ask).write(list(events)))]


def again(*events: Event) -> Answer:
    assembler = Assembler("anthropic")
    assembler.feed(CODEC.event_reader().feed(CODEC.event_writer(ASK).write(list(events))))
    return assembler.finish()


def test_a_stream_is_complete_at_message_stop_only() -> None:
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    assert not any(isinstance(event, End | Done) for event in read(START, end))
    assert [End(Ending.STOP, "end_turn"), Done()] == [
        event for event in read(START, TEXT, end, STOP, END_AGAIN) if isinstance(event, End | Done)
    ]


END_AGAIN = {"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": {}}


def test_an_error_event_ends_a_stream_before_or_after_its_first_words() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded", "details": None}}
    fault = Fault("Overloaded", "overloaded_error", 529)

    assert [fault] == read(error, START)
    assert fault == read(START, TEXT, error, STOP)[-1]


@pytest.mark.parametrize(
    "node",
    [
        {"type": "content_block_delta", "index": 4, "delta": {"type": "text_delta", "text": "lost"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 4}},
        {"type": "content_block_delta", "index": 0},
        {"type": "content_block_start", "index": "0", "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_stop", "index": 9},
        {"type": "message_start"},
        {"type": "message_delta"},
        [],
        3,
    ],
)
def test_what_cannot_be_read_breaks_the_stream_off(node: object) -> None:
    events = read(START, TEXT, node, STOP)
    assert isinstance(events[-1], Fault)
    assert "malformed" == events[-1].code


def test_an_end_without_a_beginning_is_no_answer() -> None:
    (fault,) = read(STOP)
    assert isinstance(fault, Fault)


def test_pings_comments_new_events_and_new_deltas_are_passed_over() -> None:
    new = {"type": "content_block_delta", "index": 0, "delta": {"type": "brand_new_delta", "x": 1}}
    noise = b': comment\n\nevent: ping\ndata: {"type": "ping"}\n\nevent: brand_new\ndata: {"type":"brand_new"}\n\n'
    reader = CODEC.event_reader()
    events = reader.feed(b"\xef\xbb\xbf" + noise + frames(START) + noise + frames(TEXT, new) + b"data: [DONE]\n\n")

    assert [Start, Counted, Open] == [type(event) for event in events]


def test_usage_is_cumulative_and_what_is_not_said_again_stands() -> None:
    first = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 5, "cache_read_input_tokens": None}}
    second = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9, "input_tokens": 4}}
    counted = [event.usage for event in read(START, first, second) if isinstance(event, Counted)]

    assert [(3, 0), (3, 5), (4, 9)] == [(usage.prompt, usage.completion) for usage in counted]


def test_a_call_without_arguments_ends_as_an_empty_object() -> None:
    block = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    empty = {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": ""}}
    events = read({"type": "content_block_start", "index": 0, "content_block": block}, empty)
    assert [Open(0, ToolCall(name="f", arguments="", id="a"))] == events

    stop = {"type": "content_block_stop", "index": 0}
    events = read({"type": "content_block_start", "index": 0, "content_block": block}, empty, stop)
    assert [Grow(0, "{}"), Close(0)] == events[1:]


def test_calls_that_grow_side_by_side_are_written_one_after_the_other() -> None:
    events: list[Event] = [
        Start("m", "c"), Open(0, Text(text="")), Grow(0, "a"), Open(1, ToolCall(name="f", arguments="", id="x")),
        Open(2, ToolCall(name="g", arguments="", id="y")), Grow(2, '{"b":'), Grow(1, '{"a":1}'), Grow(0, "b"),
        Grow(2, "2}"), Close(2), Close(1), Close(0), End(Ending.TOOL_CALLS), Done(),
    ]  # fmt: skip
    nodes = written(*events)

    blocks = [(node["type"][14:], node["index"]) for node in nodes if node["type"].startswith("content_block_st")]
    assert [("start", number // 2) if number % 2 == 0 else ("stop", number // 2) for number in range(8)] == blocks
    parts = again(*events).choices[0].parts
    assert ["a", "b"] == sorted(part.text for part in parts if isinstance(part, Text))
    assert {"x": '{"a":1}', "y": '{"b":2}'} == {part.id: part.arguments for part in parts if isinstance(part, ToolCall)}


def test_a_seal_comes_once_and_last_however_it_was_handed_over() -> None:
    events: list[Event] = [
        Start("m", "c"), Open(0, Reasoning()), Seal(0, "si"), Grow(0, "hm"), Seal(0, "g", "sealed"), Close(0), Done(),
    ]  # fmt: skip
    nodes = [node for node in written(*events) if node["type"].startswith("content")]

    assert ["thinking", "thinking_delta", "signature_delta", None, "redacted_thinking", None] == [
        node.get("content_block", node.get("delta", {})).get("type") for node in nodes
    ]
    assert "sig" == nodes[2]["delta"]["signature"]
    assert [Reasoning(text="hm", signature="sig"), Reasoning(sealed="sealed")] == again(*events).choices[0].parts


def test_thought_that_says_nothing_leaves_no_block() -> None:
    nodes = written(Start("m"), Open(0, Reasoning()), Close(0), Open(1, Text(text="x")), Close(1), Done())
    assert ["text"] == [node["content_block"]["type"] for node in nodes if "content_block" in node]


def test_free_text_of_a_custom_tool_is_an_object_of_one_text() -> None:
    call = ToolCall(name="f", arguments='"a', id="x", free=True)
    part = again(Start("m"), Open(0, call), Grow(0, 'b"\n'), Close(0), Done()).choices[0].parts[0]
    assert isinstance(part, ToolCall)
    assert {"input": '"ab"\n'} == json.loads(part.arguments)


def test_calls_without_an_id_are_numbered_on_from_the_conversation() -> None:
    ask = Ask(spoken="anthropic", messages=[Message(role="assistant", parts=[ToolCall(name="f", arguments="{}")])])
    nodes = written(Start("m"), Open(0, ToolCall(name="f", arguments="{}")), Close(0), Done(), ask=ask)
    assert ["call_poise_1"] == [node["content_block"]["id"] for node in nodes if "content_block" in node]


def test_the_end_waits_for_usage_that_comes_after_it() -> None:
    nodes = written(
        Start("m", "c"), Open(0, Text(text="x")), Close(0), End(Ending.STOP_SEQUENCE, stopped_by="."),
        Counted(Usage(input=5, output=2)), Done(),
    )  # fmt: skip

    assert ["message_delta", "message_stop"] == [node["type"] for node in nodes[-2:]]
    assert {"stop_reason": "stop_sequence", "stop_sequence": "."} == nodes[-2]["delta"]
    assert (5, 2) == (nodes[-2]["usage"]["input_tokens"], nodes[-2]["usage"]["output_tokens"])


def test_nothing_that_broke_off_looks_complete() -> None:
    fault = written(Start("m"), Open(0, Text(text="x")), Fault("no", "server_overloaded", 503), Done())
    assert {"type": "error", "error": {"type": "overloaded_error", "message": "no"}} == fault[-1]

    broken = written(Start("m"), Open(0, Text(text="x")), End(Ending.ERROR), Done())
    assert "error" == broken[-1]["type"]
    cut = written(Start("m"), Open(0, Text(text="x")), End(Ending.STOP))
    assert {"message_delta", "message_stop"} & {node["type"] for node in cut} == set()


def test_only_what_was_read_from_this_dialect_is_said_again_as_it_was() -> None:
    value = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    kept: list[Event] = [Open(0, Kept(what="server_tool_use", value=value)), Close(0), Done()]  # type: ignore[arg-type]  # a dict of str is JSON

    assert [Kept(what="server_tool_use", value=value)] == again(Start("m", spoken="anthropic"), *kept).choices[0].parts  # type: ignore[arg-type]  # a dict of str is JSON
    assert [] == again(Start("m"), *kept).choices[0].parts
    assert [] == again(Start("m", spoken="responses"), *kept).choices[0].parts


def test_usage_that_comes_with_the_start_is_told_with_it() -> None:
    nodes = written(Start("m", "c"), Counted(Usage(input=5, cached=3)))
    assert (5, 3) == (
        nodes[0]["message"]["usage"]["input_tokens"], nodes[0]["message"]["usage"]["cache_read_input_tokens"],
    )  # fmt: skip


def test_an_error_frame_cannot_be_broken_out_of() -> None:
    frame = error_frame("api_error", "x\n\nevent: message_stop\ndata: {}\r\r")
    assert [frame] == events_of(frame)
