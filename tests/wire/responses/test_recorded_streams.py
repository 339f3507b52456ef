"""Real vendors' streams in the responses dialect: however they are cut, they say the same, and say it again."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.event import Done, End, Event, Fault
from poise.wire.conversation.part import Kept, Media, Reasoning, Refusal, Text, ToolCall
from poise.wire.responses.codec import Responses
from poise.wire.sse import Splitter, data_of, events_of
from tests.recordings import streams
from tests.wire.crossing.plain import of_answer

COUNTS = {
    "azure.responses": 10,
    "chatgpt.responses": 7,
    "deepseek.responses": 1,
    "lmstudio.responses": 2,
    "openai.responses": 79,
    "openrouter.responses": 2,
    "xai.responses": 15,
}
# Its last event lacks a brace, in the recording itself: an answer whose end cannot be read is not complete.
BROKEN = {"openai.responses-b41ffc548010"}
# Two answers, one behind the other, in one recording: each is read by itself.
GLUED = {"openai.responses-3eccd0d9f6bf"}
CODEC = Responses()
ASK = Ask(spoken="responses", messages=[])


def _read(body: bytes, cuts: list[int]) -> list[Event]:
    reader, splitter, out = CODEC.event_reader(), Splitter(), list[Event]()
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        events = splitter.feed(body[start:end])
        if events:
            out += reader.feed(events)
    return out + reader.close()


def _assembled(events: list[Event]) -> tuple[Assembler, Answer]:
    assembler = Assembler("responses")
    assembler.feed(events)
    return assembler, assembler.finish()


def _streams(endpoint: str) -> Iterator[tuple[str, bytes]]:
    """Each recorded answer; where the last event lacks its empty line, with it."""
    for name, body in streams(endpoint):
        starts = [0]
        if name in GLUED:
            starts.append(body.rindex(b"event: response.created"))
        for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
            yield name, body[start:end].rstrip(b"\n") + b"\n\n"


@pytest.mark.parametrize("endpoint", COUNTS)
def test_cuts_change_nothing(endpoint: str) -> None:
    """Whole, cut anywhere at random, and (short ones) byte by byte: the same events."""
    dice = random.Random(endpoint)
    seen = 0
    for name, body in _streams(endpoint):
        whole = _read(body, [])
        cuts = sorted(dice.sample(range(len(body)), min(40, len(body) - 1)))
        seen += 1

        assert whole == _read(body, cuts), name
        if len(body) < 6000:
            assert whole == _read(body, list(range(1, len(body)))), name
    print(f"{endpoint}: {seen} streams")  # noqa: T201 - the table of what was seen
    assert seen >= COUNTS[endpoint]


@pytest.mark.parametrize("endpoint", COUNTS)
def test_streams_are_understood(endpoint: str) -> None:
    """Text, thought, calls, usage and ending, against a plain reading of the events' JSON."""
    for name, recorded in _streams(endpoint):
        assembler, answer = _assembled(_read(recorded, []))
        if name in BROKEN:
            assert not assembler.done
            continue
        said = [json.loads(d) for e in events_of(recorded) if (d := data_of(e)).startswith(b"{")]
        last = said[-1]["response"]
        (choice,) = answer.choices

        assert assembler.done, name
        assert assembler.fault is None, name
        assert _deltas(said, "output_text") == "".join(p.text for p in choice.parts if isinstance(p, Text)), name
        assert _deltas(said, "refusal") == "".join(p.text for p in choice.parts if isinstance(p, Refusal)), name
        thoughts = [p.text for p in choice.parts if isinstance(p, Reasoning)]
        assert sorted(_thoughts(said)) == sorted(text for text in thoughts if text), name
        calls = [e["item"] for e in said if e["type"] == "response.output_item.done" and "call_id" in e["item"]]
        calls = [call for call in calls if call["type"] in ("function_call", "custom_tool_call")]
        assert [(c["call_id"], c["name"], c.get("arguments", c.get("input"))) for c in calls] == [
            (p.id, p.name, p.arguments) for p in choice.parts if isinstance(p, ToolCall)
        ], name
        assert answer.usage is not None, name
        assert last["usage"]["input_tokens"] == answer.usage.prompt, name
        assert last["usage"]["output_tokens"] == answer.usage.completion, name
        assert last["model"] == answer.model, name
        assert (Ending.LENGTH if said[-1]["type"] == "response.incomplete" else _ended(calls, said)) == choice.ending, (
            name
        )


def _deltas(said: list[dict[str, Any]], kind: str) -> str:
    return "".join(e["delta"] for e in said if e["type"] == f"response.{kind}.delta")


def _thoughts(said: list[dict[str, Any]]) -> list[str]:
    items = [e["item"] for e in said if e["type"] == "response.output_item.done" and e["item"]["type"] == "reasoning"]
    return [piece["text"] for item in items for piece in (*item.get("summary", ()), *item.get("content", ()))]


def _ended(calls: list[dict[str, Any]], said: list[dict[str, Any]]) -> Ending:
    if calls:
        return Ending.TOOL_CALLS
    return Ending.REFUSAL if _deltas(said, "refusal") else Ending.STOP


@pytest.mark.parametrize("endpoint", COUNTS)
def test_items_of_other_kinds_are_kept(endpoint: str) -> None:
    """Searches, shells, images and the like come once each, as they were at their end."""
    for name, recorded in _streams(endpoint):
        said = [json.loads(d) for e in events_of(recorded) if (d := data_of(e)).startswith(b"{") and name not in BROKEN]
        known = {"message", "reasoning", "function_call", "custom_tool_call", "image_generation_call"}
        done = [e["item"] for e in said if e["type"] == "response.output_item.done"]
        others = [item for item in done if item["type"] not in known]
        images = [item["result"] for item in done if item["type"] == "image_generation_call"]
        if name in BROKEN:
            continue
        parts = _assembled(_read(recorded, []))[1].choices[0].parts

        assert others == [part.value for part in parts if isinstance(part, Kept)], name
        assert images == [part.data for part in parts if isinstance(part, Media)], name


@pytest.mark.parametrize("endpoint", COUNTS)
def test_a_cut_stream_is_never_complete(endpoint: str) -> None:
    """Without its last event, or with that event's end missing, no stream says Done; nor does it say that it ended."""
    seen = 0
    for name, recorded in _streams(endpoint):
        events = [event for event in events_of(recorded) if b"[DONE]" not in event and data_of(event)]
        for cut in (b"".join(events[:-1]), recorded[: recorded.rindex(events[-1].rstrip()) + 40]):
            events_read = _read(cut, []) + _read(cut + b"data: [DONE]\n\n", [])
            seen += 1
            assert not any(isinstance(event, Done | End) for event in events_read), name
    assert seen >= COUNTS[endpoint]


@pytest.mark.parametrize("endpoint", COUNTS)
def test_written_again_they_say_the_same(endpoint: str) -> None:
    """Events written and read again assemble to an equal answer, all at once and one by one."""
    for name, recorded in _streams(endpoint):
        if name in BROKEN:
            continue
        events = _read(recorded, [])
        writer, single = CODEC.event_writer(ASK), CODEC.event_writer(ASK)
        written = writer.write(events)

        assert written == b"".join(single.write([event]) for event in events), name
        again, answer = _assembled(_read(written, []))
        assert again.done, name
        assert of_answer(_assembled(events)[1]) == of_answer(answer), name
        assert not any(isinstance(event, Fault) for event in _read(written, [])), name
