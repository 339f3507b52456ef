from __future__ import annotations

import json
import random
from typing import Any

import pytest

from poise.wire.anthropic.codec import CODEC
from poise.wire.anthropic.ending import ENDINGS
from poise.wire.conversation.answer import Answer
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.event import Done, Event, Fault
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Kept, Reasoning, Text, ToolCall
from poise.wire.sse import Splitter
from tests.wire.anthropic.recorded import streams
from tests.wire.anthropic.test_recorded_answers import total
from tests.wire.crossing.plain import of_answer

SEEN = {"anthropic.messages": 108, "ollama.messages": 1, "vertex.anthropic_streamRawPredict": 1}
SHORT = 1500  # bytes of a stream that is also fed one by one


@pytest.mark.parametrize("endpoint", SEEN)
def test_any_cut_of_every_recorded_stream_gives_the_same_events(endpoint: str) -> None:
    seen = 0
    for number, (id, text) in enumerate(streams(endpoint)):
        data = text.encode()
        whole = read(data, [])
        dice = random.Random(number)
        cuts = [sorted(dice.sample(range(1, len(data)), min(12, len(data) - 1))) for _ in range(2)]
        if len(data) < SHORT:
            cuts.append(list(range(1, len(data))))

        assert all(whole == read(data, cut) for cut in cuts), id
        assert whole == read(data.replace(b"\n", b"\r\n"), cuts[0]), id
        seen += 1

    assert SEEN[endpoint] <= seen


@pytest.mark.parametrize("endpoint", SEEN)
def test_every_recorded_stream_assembles_to_what_its_json_says(endpoint: str) -> None:
    faults, passed = [], 0
    for id, text in streams(endpoint):
        events = read(text.encode(), [])
        if isinstance(events[-1], Fault):
            faults.append((id, events[-1].code))
            continue
        assembler = Assembler("anthropic")
        assembler.feed(events)
        answer = assembler.finish()
        said = plainly(text)
        parts = answer.choices[0].parts

        assert assembler.done, id
        assert said["text"] == "".join(part.text for part in parts if isinstance(part, Text)), id
        assert said["thinking"] == "".join(part.text for part in parts if isinstance(part, Reasoning)), id
        assert said["seals"] == [part.signature for part in parts if isinstance(part, Reasoning) and part.signature], id
        assert said["calls"] == [
            (part.id, part.name, json.loads(part.arguments)) for part in parts if isinstance(part, ToolCall)
        ], id
        assert said["kept"] == [part.value for part in parts if isinstance(part, Kept)], id
        assert said["citations"] == sum(len(part.citations) for part in parts if isinstance(part, Text)), id
        assert ENDINGS[said["stop_reason"]] is answer.choices[0].ending, id
        assert said["stop_reason"] == answer.choices[0].said, id
        assert said["stop_sequence"] == answer.choices[0].stopped_by, id
        assert answer.usage is not None
        assert total(said["usage"]) == answer.usage.total, id
        passed += 1

    assert faults == ([("anthropic.messages-2acad9ca683e", "overloaded_error")] if "anthropic.m" in endpoint else [])
    print(f"{endpoint}: {passed} streams, {len(faults)} in-band errors")  # noqa: T201 - the table of the report
    assert SEEN[endpoint] <= passed + len(faults)


@pytest.mark.parametrize("endpoint", SEEN)
def test_every_recorded_stream_written_again_says_the_same(endpoint: str) -> None:
    for id, text in streams(endpoint):
        events = read(text.encode(), [])
        writer = CODEC.event_writer(Ask(spoken="anthropic", messages=[]))
        again = read(b"".join(writer.write([event]) for event in events), [])
        before, after = assembled(events), assembled(again)

        assert of_answer(before) == of_answer(after), id
        assert [one.parts for one in before.choices] == [one.parts for one in after.choices], id  # all of each part
        assert (isinstance(events[-1], Done), isinstance(events[-1], Fault)) == (
            isinstance(again[-1], Done), isinstance(again[-1], Fault),
        ), id  # fmt: skip
        if isinstance(events[-1], Done):
            whole = CODEC.read_answer(CODEC.write_answer(before, Lost()))
            assert of_answer(before) == of_answer(whole), id


@pytest.mark.parametrize("endpoint", SEEN)
def test_a_recorded_stream_that_was_cut_is_never_complete(endpoint: str) -> None:
    for number, (id, text) in enumerate(streams(endpoint)):
        data = text.encode()
        dice = random.Random(number)
        end = data.rfind(b"event: message_stop")
        for cut in (end, len(data) - 2, *(dice.randrange(len(data)) for _ in range(3))):
            reader, splitter = CODEC.event_reader(), Splitter()
            events = [*reader.feed(splitter.feed(data[: max(cut, 0)])), *reader.close()]

            assert not any(isinstance(event, Done) for event in events), id


def read(data: bytes, cuts: list[int]) -> list[Event]:
    """What the reader makes of data that arrives in these pieces."""
    reader, splitter = CODEC.event_reader(), Splitter()
    events: list[Event] = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        events += reader.feed(splitter.feed(data[start:end]))
    return [*events, *reader.close()]


def assembled(events: list[Event]) -> Answer:
    assembler = Assembler("anthropic")
    assembler.feed(events)
    return assembler.finish()


def plainly(text: str) -> dict[str, Any]:
    """The raw JSON of a stream read in few lines, by none of the reader's code."""
    out: dict[str, Any] = {"text": "", "thinking": "", "seals": [], "citations": 0, "usage": {}, "stop_sequence": ""}
    blocks: list[dict[str, Any]] = []
    for line in text.split("\n"):
        node = json.loads(line[5:]) if line.startswith("data:") else {}
        if node.get("type") == "message_start":
            blocks += node["message"]["content"]
            out["usage"] |= node["message"]["usage"]
            out["stop_reason"] = node["message"].get("stop_reason")
        elif node.get("type") == "content_block_start":
            blocks.append({**node["content_block"], "json": ""})
        elif node.get("type") == "content_block_delta":
            delta = node["delta"]
            out["text"] += delta.get("text", "")
            out["thinking"] += delta.get("thinking", "")
            out["seals"] += [delta["signature"]] if delta.get("signature") else []
            out["citations"] += "citation" in delta
            blocks[-1]["json"] += delta.get("partial_json", "")
        elif node.get("type") == "message_delta":
            out["usage"] |= {key: value for key, value in node["usage"].items() if value is not None}
            out["stop_reason"] = node["delta"]["stop_reason"]
            out["stop_sequence"] = node["delta"].get("stop_sequence") or ""
    for block in blocks:
        pieces = block.pop("json", "")
        block["input"] = json.loads(pieces) if pieces else block.get("input")
    out["text"] = "".join(block["text"] for block in blocks if block["type"] == "text") + out["text"]
    out["calls"] = [(one["id"], one["name"], one["input"]) for one in blocks if one["type"] == "tool_use"]
    plain = {"text", "thinking", "redacted_thinking", "tool_use"}
    out["kept"] = [
        {key: value for key, value in one.items() if key != "input" or value is not None}
        for one in blocks
        if one["type"] not in plain
    ]
    return out
