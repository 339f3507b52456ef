"""Made-up asks, answers and streams: what the model holds survives Gemini, whatever the text looks like."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poise.errors import AttemptFailed, Error
from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.event import Close, Done, End, Event, Fault, Grow, Open, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Text
from poise.wire.gemini import Gemini
from poise.wire.sse import Splitter
from tests.wire.crossing import strategies as made
from tests.wire.crossing.plain import of_answer, of_ask

CODEC = Gemini()
ENDINGS = (Ending.STOP, Ending.LENGTH, Ending.CONTENT_FILTER, Ending.PAUSE, Ending.MALFORMED_CALL, Ending.ERROR)
ANSWERS = made.answers("other", signed=True, endings=ENDINGS, buckets=("cached", "reasoning", "image_input"), count=2)


def _read(raw: bytes, cuts: list[int]) -> list[Event]:
    reader, splitter = CODEC.event_reader(), Splitter()
    events: list[Event] = []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        if whole := splitter.feed(raw[start:end]):
            events += reader.feed(whole)
    events += reader.feed(splitter.tail)
    return [*events, *reader.close()]


def _whole(events: list[Event]) -> Answer:
    assembler = Assembler("gemini")
    assembler.feed(events)
    return assembler.finish()


@settings(max_examples=150)
@given(made.asks("other", result_media=True, system=("system", "developer")))
def test_another_dialects_ask_survives(ask: Ask) -> None:
    """Turns, tools, images, schemas: written for Gemini and read again, they say the same."""
    lost = Lost()
    written = CODEC.write_ask(ask, lost, Manner())
    read = CODEC.read_ask(written, model=ask.model, stream=ask.stream)

    assert _texts_first(of_ask(ask)) == _texts_first(of_ask(read))
    assert (ask.max_output, ask.temperature, ask.top_p, ask.stop) == (
        read.max_output,
        read.temperature,
        read.top_p,
        read.stop,
    )
    assert [] == lost.losses
    assert json.loads(written) == json.loads(CODEC.write_ask(read, lost, Manner()))
    assert [] == lost.losses


def _texts_first(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Within a tool's result Gemini says the words before the pictures, in one piece."""
    out: list[tuple[object, ...]] = []
    for row in rows:
        inner = row[-1]
        if row[1:2] == ("result",) and isinstance(inner, tuple):
            words = "".join(str(piece[-1]) for piece in inner if piece[1] == "text")
            pictures = tuple(piece for piece in inner if piece[1] != "text")
            out.append((*row[:-1], words, pictures))
        else:
            out.append(row)
    return out


@settings(max_examples=150)
@given(ANSWERS)
def test_another_dialects_answer_survives(answer: Answer) -> None:
    """Whole, in both directions; and once it is Gemini's own, letter by letter."""
    written = CODEC.write_answer(answer, Lost())
    read = CODEC.read_answer(written)

    assert of_answer(answer) == of_answer(read)
    assert json.loads(written) == json.loads(CODEC.write_answer(read, Lost()))


@settings(max_examples=150)
@given(made.event_lists(ANSWERS, parallel=True), st.data())
def test_another_dialects_stream_survives(events: list[Event], data: st.DataObject) -> None:
    """Written and read again, cut anywhere; nothing in a text is taken for framing."""
    raw = CODEC.event_writer(Ask(spoken="gemini", messages=[])).write(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    read = _read(raw, cuts)

    assert of_answer(_whole(events)) == of_answer(_whole(read))
    assert Done() == read[-1]
    assert 1 == sum(isinstance(event, Done) for event in read)


@given(st.sampled_from(made.AWKWARD), st.integers(0, 8))
def test_content_forges_no_frame(text: str, cut: int) -> None:
    """Each frame of ours is one line of JSON between empty lines, whatever was said."""
    events: list[Event] = [Start(), Open(0, Text(text="")), Grow(0, text[:cut]), Grow(0, text[cut:]), Close(0)]
    raw = CODEC.event_writer(Ask(spoken="gemini", messages=[])).write([*events, End(Ending.STOP), Done()])

    frames = raw.split(b"\r\n\r\n")
    assert b"" == frames[-1]
    assert 4 == len(frames), "two pieces of text, the end, and nothing behind it"
    assert all(frame.startswith(b"data: {") and b"\n" not in frame and b"\r" not in frame for frame in frames[:-1])
    said = [json.loads(frame[6:])["candidates"][0]["content"]["parts"][0]["text"] for frame in frames[:-1]]
    assert text == "".join(said)


def test_an_answer_that_is_not_done_is_written_without_an_end() -> None:
    """Whatever the writer was told before: a finishReason is written when nothing can go wrong any more."""
    events: list[Event] = [Start("i", "m"), Open(0, Text(text="")), Grow(0, "hello"), Close(0), End(Ending.STOP)]
    raw = CODEC.event_writer(Ask(spoken="gemini", messages=[])).write(events)

    assert b"hello" in raw
    assert b"finishReason" not in raw
    assert Done() not in _read(raw, [])


NAMES = [
    "contents",
    "parts",
    "text",
    "role",
    "functionCall",
    "function_call",
    "functionResponse",
    "inlineData",
    "fileData",
    "name",
    "args",
    "id",
    "response",
    "candidates",
    "content",
    "finishReason",
    "usageMetadata",
    "index",
    "promptFeedback",
    "blockReason",
    "error",
    "message",
    "thought",
    "tools",
    "thoughtSignature",
    "functionDeclarations",
    "generationConfig",
    "thinkingConfig",
    "partialArgs",
    "willContinue",
    "jsonPath",
    "stringValue",
    "parameters",
    "type",
    "properties",
    "toolConfig",
    "functionCallingConfig",
    "mode",
    "citationMetadata",
    "citations",
    "groundingMetadata",
    "groundingChunks",
    "groundingSupports",
    "segment",
    "endIndex",
    "systemInstruction",
    "topK",
    "stopSequences",
    "system_instruction",
    "thinking_config",
    "max_output_tokens",
    "responseSchema",
    "response_mime_type",
    "model",
]


def _odd(leaves: st.SearchStrategy[object], max_leaves: int) -> st.SearchStrategy[object]:
    def more(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
        return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)

    return st.recursive(leaves, more, max_leaves=max_leaves)


LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.sampled_from(["STOP", "$.a", "ANY"])
ANY = st.binary(max_size=200) | _odd(LEAVES | st.floats(allow_nan=False), 20).map(
    lambda value: json.dumps(value).encode()
)


@settings(max_examples=400)
@given(ANY)
@example(b'{"contents":[{"parts":[{"text":"\\ud800"}]}]}')
@example(b"\xff")
@example(b"[" * 5000)
@example(b'{"contents":[{"parts":[' + b'{"functionResponse":{"parts":[' * 250 + b"]}}" * 250 + b"]}]}")
@example(b'{"contents":[],"generationConfig":{"responseSchema":' + b'{"items":' * 300 + b"1" + b"}" * 300 + b"}}")
@example(b'{"contents":[' + b'{"parts":[{"functionResponse":' * 150 + b"{}" + b"}]}" * 150 + b"]}")
@example(b'{"candidates":[{"content":{"parts":[' + b'{"functionResponse":{"parts":[' * 250 + b"]}}" * 250 + b"]}}]}")
def test_garbage_raises_only_what_is_declared(body: bytes) -> None:
    """An ask that cannot be read is an Error, an answer that cannot be read AttemptFailed, a stream's a Fault or nothing."""
    try:
        ask: Ask | Error = CODEC.read_ask(body)
    except Error as bad:
        ask = bad
    if isinstance(ask, Error):
        assert ask.code in {"invalid_json", "invalid_field"}
        assert ask.hint
    else:
        CODEC.write_ask(ask, Lost(), Manner())
    try:
        answer = CODEC.read_answer(body)
    except AttemptFailed:
        pass
    else:
        CODEC.write_answer(answer, Lost())
    for raw in (body, b"data: " + body + b"\n\n", b"[" + body + b"]"):
        events = _read(raw, [])
        assert 1 >= sum(isinstance(event, Fault | Done) for event in events)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(NAMES), _odd(LEAVES, 8), max_size=4))
def test_odd_asks_are_refused_or_written_as_they_were_read(extra: dict[str, object]) -> None:
    """There is no third way: whatever was accepted is said again in full."""
    said = {
        "contents": [{"role": "user", "parts": [{"text": "hi", **{k: v for k, v in extra.items() if k != "text"}}]}]
    }
    for body in (said, {"contents": [], "generationConfig": extra}, {**extra, "contents": [{**extra, "parts": []}]}):
        try:
            ask = CODEC.read_ask(json.dumps(body).encode())
        except Error:
            continue
        assert body == json.loads(CODEC.write_ask(ask, Lost(), Manner()))


@pytest.mark.parametrize("spelling", ["functionCall", "function_call"])
def test_a_call_in_either_spelling_is_read_the_same(spelling: str) -> None:
    """Google's JSON allows both."""
    part = {spelling: {"name": "f", "args": {"a": 1}}}
    reader = CODEC.event_reader()
    chunk = {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}
    events = [*reader.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n"), *reader.close()]

    assert [(0, "assistant", "call", "f", "", '{"a": 1}'), (0, "ending", Ending.TOOL_CALLS)] == of_answer(
        _whole(events)
    )
