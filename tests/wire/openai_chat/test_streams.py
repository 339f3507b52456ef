"""Recorded streams of every vendor: the same events however they are cut, checked against a reading by hand."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.event import Done, Event, Fault
from poise.wire.conversation.part import Reasoning, Refusal, Text, ToolCall
from poise.wire.openai.codec import OpenAIChat
from poise.wire.openai.ending import MEANINGS
from poise.wire.sse import Splitter
from tests.recordings import streams
from tests.wire.crossing import plain
from tests.wire.openai_chat.vendors import AT_LEAST, ENDPOINTS

CODEC = OpenAIChat()
SHORT_BYTES = 3000
WITH_USAGE = CODEC.read_ask(b'{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}')


def _read(body: bytes, cuts: list[int]) -> list[Event]:
    reader, splitter = CODEC.event_reader(), Splitter()
    events: list[Event] = []
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        if whole := splitter.feed(body[start:end]):
            events += reader.feed(whole)
    if splitter.tail:  # the last event may lack its empty line
        events += reader.feed(splitter.tail + b"\n\n")
    return events + reader.close()


def _assembled(events: list[Event]) -> Assembler:
    assembler = Assembler("openai")
    assembler.feed(events)
    assembler.finish()
    return assembler


def _chunks(body: bytes) -> list[dict[str, Any]]:
    lines = [line for line in body.decode().splitlines() if line.startswith("data:") and "{" in line]
    return [json.loads(line[5:]) for line in lines]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_events_are_the_same_however_the_bytes_are_cut(endpoint: str) -> None:
    """All at once, byte by byte where it is short, at random places where it is long."""
    dice = random.Random(endpoint)
    for name, body in streams(endpoint):
        whole = _read(body, [])
        cuts = range(1, len(body)) if len(body) <= SHORT_BYTES else sorted(dice.sample(range(1, len(body)), 60))

        assert whole == _read(body, list(cuts)), name


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_stream_says_what_its_chunks_say(endpoint: str) -> None:
    """Text, thought, refusal, calls, ending and usage, against a reading of the JSON in a few lines."""
    seen = 0
    for name, body in streams(endpoint):
        got = _assembled(_read(body, []))
        chunks = _chunks(body)
        seen += 1
        if any(chunk.get("error") for chunk in chunks):
            assert got.fault is not None, name
            assert not got.done, name
            continue
        assert got.fault is None, name
        assert got.done, name
        _compare(name, got.answer, chunks)
    assert seen >= AT_LEAST[endpoint][2]


def _compare(name: str, answer: Answer, chunks: list[dict[str, Any]]) -> None:
    usages = [u for c in chunks if (u := c.get("usage") or (c.get("x_groq") or {}).get("usage"))]
    if usages:
        assert answer.usage is not None, name
        sound = answer.usage.audio_input if name.startswith("mistral") else 0  # counted beside the prompt there
        assert usages[-1]["prompt_tokens"] == answer.usage.prompt - sound, name
    else:
        assert answer.usage is None, name
    for number, choice in enumerate(answer.choices):
        raw = [one for chunk in chunks for one in chunk.get("choices") or [] if one.get("index", 0) == number]
        deltas = [one["delta"] for one in raw if one.get("delta")]
        words = [one["finish_reason"] for one in raw if one.get("finish_reason")]
        parts = choice.parts

        assert words[0] == choice.said, name
        assert words[0] in MEANINGS, name
        assert Ending.UNFINISHED is not choice.ending, name
        assert _said(deltas, "text") == "".join(p.text for p in parts if isinstance(p, Text)), name
        assert _said(deltas, "thinking") == "".join(p.text for p in parts if isinstance(p, Reasoning)), name
        refused = "".join(delta.get("refusal") or "" for delta in deltas)
        assert refused == "".join(p.text for p in parts if isinstance(p, Refusal)), name
        assert _calls(deltas) == [(p.name, p.arguments) for p in parts if isinstance(p, ToolCall)], name


def _said(deltas: list[dict[str, Any]], kind: str) -> str:
    out = ""
    for delta in deltas:
        content = delta.get("content")
        if isinstance(content, list):
            for piece in content:
                inner = piece.get("thinking") if kind == "thinking" else None
                out += "".join(one["text"] for one in inner or [])
                out += piece.get("text", "") if piece["type"] == kind else ""
        elif kind == "text":
            out += content or ""
        if kind == "thinking":
            out += delta.get("reasoning_content") or delta.get("reasoning") or ""
    return out


def _calls(deltas: list[dict[str, Any]]) -> list[tuple[str, str]]:
    found: dict[int, list[str]] = {}
    for delta in deltas:
        for call in delta.get("tool_calls") or []:
            function = call.get("function") or {}
            one = found.setdefault(call.get("index", len(found)), ["", ""])  # Mistral: whole calls need none
            one[0] = one[0] or function.get("name") or ""
            one[1] += function.get("arguments") or ""
    return [(name, arguments) for name, arguments in found.values()]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_stream_that_was_cut_is_never_done(endpoint: str) -> None:
    """Cut anywhere before its ending was said, with or without what follows the cut, there is no Done."""
    dice = random.Random(endpoint)
    for name, body in streams(endpoint):
        ends = [at for word in (b'"finish_reason":"', b'"finish_reason": "') if (at := body.find(word)) >= 0]
        if not ends:
            continue
        for cut in (min(ends), *sorted(dice.sample(range(min(ends)), 5))):
            events = _read(body[:cut], [])

            assert not any(isinstance(event, Done) for event in events), (name, cut)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_stream_is_written_again_to_the_same_answer(endpoint: str) -> None:
    """In this dialect's plain form, without the vendor's quirks: equal in all that must survive."""
    for name, body in streams(endpoint):
        events = _read(body, [])
        writer = CODEC.event_writer(WITH_USAGE)
        again = b"".join(writer.write([event]) for event in events)
        before, after = _assembled(events), _assembled(_read(again, []))
        if before.fault is not None:
            assert isinstance(after.fault, Fault), name
            assert before.fault.text == after.fault.text, name
            continue

        assert after.done, name
        assert again.endswith(b"data: [DONE]\n\n"), name
        assert plain.of_answer(before.answer) == plain.of_answer(after.answer), name
