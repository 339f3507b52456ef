"""Streams as Bedrock sends them, made by hand of the service model: blocks, padding, seals, exceptions, Claude's own events."""

from __future__ import annotations

import base64
import json

import pytest

from poise.wire.anthropic.codec import CODEC as CLAUDE_CODEC
from poise.wire.anthropic.events_read import Reader as Claude
from poise.wire.bedrock import invoke
from poise.wire.bedrock.codec import CODEC
from poise.wire.bedrock.frames import write
from poise.wire.bedrock.invoke import ChunkReader
from poise.wire.conversation.answer import Answer, Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.event import Close, Done, End, Event, Fault, Grow, Open, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Kept, Media, Message, Reasoning, Text, ToolCall

VERTEX = Manner(adds={"anthropic_version": "vertex-2023-10-16"}, lacks=frozenset({"model"}))
Said = list[tuple[str, dict[str, object]]]
HEAD: Said = [("messageStart", {"role": "assistant", "p": "abcdefgh"})]
TAIL: Said = [
    ("messageStop", {"stopReason": "tool_use", "p": "ab"}),
    (
        "metadata",
        {
            "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 22, "cacheReadInputTokens": 7},
            "metrics": {"latencyMs": 321},
            "p": "abc",
        },
    ),
]


def _raw(said: Said) -> bytes:
    return b"".join(write(name, json.dumps(node).encode()) for name, node in said)


def _delta(at: int, **delta: object) -> tuple[str, dict[str, object]]:
    return "contentBlockDelta", {"contentBlockIndex": at, "delta": delta, "p": "abcdefghijklm"}


def _stop(at: int) -> tuple[str, dict[str, object]]:
    return "contentBlockStop", {"contentBlockIndex": at}


def _events(said: Said) -> list[Event]:
    reader = CODEC.event_reader()
    return [*reader.feed(_raw(said)), *reader.close()]


def _whole(events: list[Event]) -> Answer:
    assembler = Assembler("bedrock")
    assembler.feed(events)
    return assembler.finish()


FULL: Said = [
    *HEAD,
    _delta(0, reasoningContent={"text": "let me "}),
    _delta(0, reasoningContent={"text": "think"}),
    _delta(0, reasoningContent={"signature": "c2ln"}),
    _stop(0),
    _delta(1, reasoningContent={"redactedContent": "c2VhbGVk"}),
    _stop(1),
    _delta(2, text="It is "),
    _delta(2, text="so."),
    _delta(2, citation={"title": "t", "location": {"web": {"url": "http://x"}}}),
    _stop(2),
    _stop(3),
    ("contentBlockStart", {"contentBlockIndex": 4, "start": {"toolUse": {"toolUseId": "t1", "name": "f"}}}),
    _delta(4, toolUse={"input": ""}),
    _delta(4, toolUse={"input": '{"a":'}),
    _delta(4, toolUse={"input": "1}"}),
    _stop(4),
    ("contentBlockStart", {"contentBlockIndex": 5, "start": {"toolUse": {"toolUseId": "t2", "name": "g"}}}),
    _stop(5),
    *TAIL,
]


def test_a_stream_is_read() -> None:
    """Thought and its seals, text and its sources, calls with and without arguments, the end, the usage."""
    events = _events(FULL)
    answer = _whole(events)
    choice = answer.choices[0]

    thought, sealed, text, one, two = choice.parts
    assert isinstance(thought, Reasoning)
    assert ("let me think", "c2ln") == (thought.text, thought.signature)
    assert isinstance(sealed, Reasoning)
    assert "c2VhbGVk" == sealed.sealed
    assert isinstance(text, Text)
    assert ("It is so.", "http://x", "t") == (text.text, text.citations[0].url, text.citations[0].title)
    assert isinstance(one, ToolCall)
    assert ("f", "t1", '{"a":1}') == (one.name, one.id, one.arguments)
    assert isinstance(two, ToolCall)
    assert ("g", "t2", "{}") == (two.name, two.id, two.arguments)
    assert (Ending.TOOL_CALLS, "tool_use") == (choice.ending, choice.said)
    assert answer.usage is not None
    assert (17, 5, 7) == (answer.usage.prompt, answer.usage.completion, answer.usage.cached)
    assert isinstance(events[-2], End)
    assert Done() == events[-1]


def test_a_streams_answer_is_the_whole_answer() -> None:
    """Written whole it says what the vendor would have said."""
    body = json.loads(CODEC.write_answer(_whole(_events(FULL)), Lost()))

    assert TAIL[1][1]["usage"] == body["usage"]
    assert {"latencyMs": 321} == body["metrics"]
    assert {
        "citationsContent": {
            "content": [{"text": "It is so."}],
            "citations": [{"title": "t", "location": {"web": {"url": "http://x"}}}],
        }
    } == (body["output"]["message"]["content"][2])


def test_what_is_told_whole_is_held_until_its_block_ends() -> None:
    """A picture's bytes, each piece encoded by itself; a call that the vendor runs, and its result."""
    server = {"toolUseId": "s", "name": "nova_grounding", "type": "server_tool_use"}
    events = _events(
        [
            *HEAD,
            ("contentBlockStart", {"contentBlockIndex": 0, "start": {"image": {"format": "png"}}}),
            _delta(0, image={"source": {"bytes": "aGk="}}),
            _delta(0, image={"source": {"bytes": "aG8="}}),
            _stop(0),
            ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": server}}),
            _delta(1, toolUse={"input": '{"q":'}),
            _delta(1, toolUse={"input": '"x"}'}),
            _stop(1),
            ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolResult": {"toolUseId": "s"}}}),
            _delta(2, toolResult=[{"text": "found"}]),
            _stop(2),
            *TAIL,
        ]
    )

    assert [
        Media(kind="image", media_type="image/png", data=base64.b64encode(b"hiho").decode()),
        Kept(what="toolUse", value={"toolUse": {**server, "input": {"q": "x"}}}),
        Kept(what="toolResult", value={"toolResult": {"toolUseId": "s", "content": [{"text": "found"}]}}),
    ] == _whole(events).choices[0].parts


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("throttlingException", "ThrottlingException", 429),
        ("modelStreamErrorException", "ModelStreamErrorException", 424),
        ("internalServerException", "InternalServerException", 500),
        ("somethingNewException", "SomethingNewException", 0),
    ],
)
def test_an_exception_in_a_stream_is_a_fault(name: str, code: str, status: int) -> None:
    """And nothing after it counts."""
    reader = CODEC.event_reader()
    raw = _raw([*HEAD, _delta(0, text="a")]) + write(name, b'{"message":"no more"}', "exception") + _raw(TAIL)
    events = [*reader.feed(raw), *reader.feed(_raw(TAIL)), *reader.close()]

    assert Fault("no more", code, status) == events[-1]
    assert Done() not in events


@pytest.mark.parametrize(
    "said",
    [
        [_delta(0, toolUse={"input": "x"})],
        [("contentBlockDelta", {"delta": {"text": "a"}})],
        [("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"name": "f"}}})],
        [("messageStop", {})],
    ],
)
def test_an_event_that_makes_no_sense_is_a_fault(said: Said) -> None:
    """The answer never looks complete then."""
    events = _events([*HEAD, *said, *TAIL])

    assert isinstance(events[-1], Fault)
    assert "malformed" == events[-1].code
    assert Done() not in events


def test_events_that_nobody_knows_are_passed_over() -> None:
    """Between those that are known."""
    events = _events([*HEAD, ("newEvent", {"x": 1}), _delta(0, text="a"), _delta(0, newDelta={"x": 1}), *TAIL])

    assert [Text(text="a")] == _whole(events).choices[0].parts
    assert Done() == events[-1]


def test_an_answer_whose_metadata_never_came_is_whole_without_usage() -> None:
    """The stop reason is the mark of the end; without it nothing is complete."""
    assert Done() == _events([*HEAD, _delta(0, text="a"), TAIL[0]])[-1]
    assert Done() not in _events([*HEAD, _delta(0, text="a"), _stop(0)])


def test_calls_that_grow_side_by_side_are_written_one_after_the_other() -> None:
    """Clients of Converse expect one block at a time."""
    events: list[Event] = [
        Start(),
        Open(0, ToolCall(name="f", arguments="", id="a")),
        Open(1, ToolCall(name="g", arguments="", id="b")),
        Grow(1, "{}"),
        Grow(0, "{}"),
        Close(0),
        Close(1),
        End(Ending.TOOL_CALLS),
        Done(),
    ]
    raw = CODEC.event_writer(Ask(spoken="bedrock", messages=[])).write(events)
    reader = CODEC.event_reader()
    read = reader.feed(raw)

    opened = [event for event in read if isinstance(event, Open | Close)]
    assert [0, 0, 1, 1] == [event.index for event in opened]
    assert ["{}", "{}"] == [part.arguments for part in _whole(read).choices[0].parts if isinstance(part, ToolCall)]


def test_claudes_own_events_are_read_out_of_their_chunks() -> None:
    """``invoke-with-response-stream``: Anthropic's stream, in Bedrock's messages; exceptions are Bedrock's."""
    said = [
        {"type": "message_start", "message": {"id": "m", "model": "c", "content": [], "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a\n\ndata: b"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 3}},
    ]
    chunks = [
        _raw([("chunk", {"bytes": base64.b64encode(json.dumps(one, indent=1).encode()).decode(), "p": "x"})])
        for one in said
    ]
    reader = ChunkReader(Claude())
    answer = _whole(events := [event for chunk in chunks for event in reader.feed(chunk)])

    assert Done() == events[-1]
    assert ([Text(text="a\n\ndata: b")], Ending.STOP) == (answer.choices[0].parts, answer.choices[0].ending)
    assert Usage(input=3, output=2).total == (answer.usage.total if answer.usage else 0)
    broken = ChunkReader(Claude())
    events = [
        *broken.feed(chunks[0]),
        *broken.feed(write("throttlingException", b'{"message":"slow"}', "exception")),
        *broken.feed(chunks[5]),
    ]
    assert Fault("slow", "ThrottlingException", 429) == events[-1]
    for bad in (write("chunk", b"{"), write("chunk", b'{"bytes":"*"}'), write("chunk", b"{}"), b"garbage, sixteen"):
        assert isinstance(ChunkReader(Claude()).feed(bad)[-1], Fault)


@pytest.mark.parametrize(("manner", "version"), [(invoke.MANNER, "bedrock-2023-05-31"), (VERTEX, "vertex-2023-10-16")])
def test_claudes_body_says_its_version_and_leaves_the_model_to_the_path(manner: Manner, version: str) -> None:
    """For Bedrock's ``invoke`` and Vertex's ``rawPredict``."""
    ask = Ask(spoken="openai", model="claude", messages=[Message(role="user", parts=[Text(text="hi")])], max_output=5)
    body = json.loads(CLAUDE_CODEC.write_ask(ask, Lost(), manner))

    assert {"anthropic_version": version, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]} == body
