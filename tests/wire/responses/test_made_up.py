"""Made-up asks, answers and streams in the responses dialect: what is written is read again, and garbage is only refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.errors import AttemptFailed, Error
from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.event import Done, Event, Fault, Open
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json, Kept, Reasoning, Refusal, Text
from poise.wire.responses.codec import Responses
from poise.wire.sse import Splitter, data_of, events_of
from tests.wire.crossing.plain import of_answer, of_ask
from tests.wire.crossing.strategies import AWKWARD, answers, asks, event_lists

T = TypeVar("T")
CODEC = Responses()
ASK = Ask(spoken="responses", messages=[])
ENDINGS = (Ending.STOP, Ending.LENGTH, Ending.CONTENT_FILTER, Ending.CANCELLED, Ending.MALFORMED_CALL)
BUCKETS = ("cached", "reasoning", "cache_write", "image_input", "audio_output")


def _refused(answer: Answer) -> Answer:
    """An answer that declines ends so: this dialect tells it by the part."""
    for choice in answer.choices:
        if choice.ending is Ending.STOP and any(isinstance(part, Refusal) for part in choice.parts):
            choice.ending = Ending.REFUSAL
    return answer


def _answers(spoken: str) -> st.SearchStrategy[Answer]:
    return answers(spoken, refusal=True, signed=True, endings=ENDINGS, buckets=BUCKETS).map(_refused)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["responses", "another"]).flatmap(lambda spoken: asks(spoken, result_media=True)))
def test_asks_are_read_as_they_were_written(ask: Ask) -> None:
    """This dialect's and another's: conversation, tools, choice and form come back."""
    body = CODEC.write_ask(ask, Lost(), Manner())

    assert of_ask(ask) == of_ask(CODEC.read_ask(body))
    assert ask.max_output == CODEC.read_ask(body).max_output
    assert ask.stream == CODEC.read_ask(body).stream


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["responses", "another"]).flatmap(_answers))
def test_answers_are_read_as_they_were_written(answer: Answer) -> None:
    """Parts in their order, ending and usage come back, another provider's seals too."""
    again = CODEC.read_answer(CODEC.write_answer(answer, Lost()))
    seals = [part.signature for part in answer.choices[0].parts if isinstance(part, Reasoning)]

    assert of_answer(answer) == of_answer(again)
    assert seals == [part.signature for part in again.choices[0].parts if isinstance(part, Reasoning)]


@settings(max_examples=60, deadline=None)
@given(event_lists(_answers("another"), parallel=True), st.data())
def test_streams_are_read_as_they_were_written(events: list[Event], data: st.DataObject) -> None:
    """However the bytes are cut: no content forges a frame, and the assembled answer is equal."""
    written = CODEC.event_writer(ASK).write(events)
    cut = data.draw(st.integers(0, len(written)))
    reader, splitter, out = CODEC.event_reader(), Splitter(), list[Event]()
    for piece in (written[:cut], written[cut:]):
        out += reader.feed(splitter.feed(piece))
    first, again = Assembler("another"), Assembler("another")
    first.feed(events)
    again.feed(out)

    assert again.done
    assert of_answer(first.finish()) == of_answer(again.finish())
    assert list(range(len(events_of(written)))) == [
        json.loads(data_of(e))["sequence_number"] for e in events_of(written)
    ]


@settings(max_examples=60, deadline=None)
@given(event_lists(_answers("another")), st.integers(1, 60))
def test_a_stream_without_its_last_bytes_is_not_complete(events: list[Event], missing: int) -> None:
    """Whatever it says in its middle."""
    written = CODEC.event_writer(ASK).write(events)
    reader, splitter = CODEC.event_reader(), Splitter()
    out = reader.feed(splitter.feed(written[:-missing]))

    assert not any(isinstance(event, Done) for event in [*out, *reader.close()])


KEYS = [
    "type", "role", "content", "text", "id", "call_id", "name", "arguments", "input", "output", "summary", "delta", "item",
    "part", "response", "output_index", "content_index", "summary_index", "annotation", "annotations", "error", "message",
    "code", "status", "incomplete_details", "reason", "usage", "input_tokens", "output_tokens", "tools", "tool_choice",
    "reasoning", "effort", "format", "schema", "model", "encrypted_content", "image_url", "file_data", "input_audio", "~",
]  # fmt: skip
WORDS = [
    "message", "user", "assistant", "function_call", "function_call_output", "reasoning", "input_text", "output_text",
    "input_image", "input_file", "input_audio", "summary_text", "reasoning_text", "refusal", "error", "completed",
    "incomplete", "allowed_tools", "custom_tool_call", "image_generation_call", "json_schema", "required", "function",
    "response.created", "response.output_item.added", "response.output_item.done", "response.content_part.added",
    "response.content_part.done", "response.output_text.delta", "response.output_text.done", "response.completed",
    "response.reasoning_summary_part.added", "response.function_call_arguments.delta", "response.incomplete",
    "response.output_text.annotation.added", "response.reasoning_text.delta", "response.function_call_arguments.done",
]  # fmt: skip
junk: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats() | st.sampled_from([*WORDS, *AWKWARD]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8),
    max_leaves=14,
)
objects = st.dictionaries(st.sampled_from(KEYS), junk, max_size=10)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(objects | junk)
def test_junk_is_refused_or_written_again(value: Json) -> None:
    """As a request and as an answer: the declared errors and nothing else; what is read can be written."""
    body = json.dumps(value).encode()
    for guess in (body, json.dumps({"model": "m", "input": [value]}).encode()):
        ask = _unless(Error, CODEC.read_ask, guess)
        assert ask is None or CODEC.write_ask(ask, Lost(), Manner())
    for guess in (body, json.dumps({"output": [value]}).encode()):
        answer = _unless(AttemptFailed, CODEC.read_answer, guess)
        assert answer is None or CODEC.write_answer(answer, Lost())


def _unless(refusal: type[Exception], read: Callable[[bytes], T], body: bytes) -> T | None:
    """What was read, None where it was refused by the declared error; any other error fails the test."""
    try:
        return read(body)
    except refusal:
        return None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(objects | junk, max_size=8))
def test_junk_events_never_raise(values: list[Json]) -> None:
    """A stream of well-framed nonsense gives events or a fault, and can be written again."""
    reader = CODEC.event_reader()
    out = reader.feed(b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values))
    assembler = Assembler("responses")
    assembler.feed(out)

    assert isinstance(CODEC.event_writer(ASK).write(out), bytes)
    assert of_answer(assembler.finish()) is not None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_bytes_that_mean_nothing_never_raise(data: bytes) -> None:
    """Neither as events nor, beyond the declared errors, as bodies."""
    assert all(isinstance(event, Fault) for event in CODEC.event_reader().feed(data))
    with pytest.raises(Error):
        CODEC.read_ask(data)
    with pytest.raises(AttemptFailed):
        CODEC.read_answer(data)


@pytest.mark.parametrize("escaped", ['"\\ud800"', '"\\udc00x"', '"a\\ud83d"'])
def test_half_a_surrogate_is_refused(escaped: str) -> None:
    """It is no character, and no other dialect could say it: the caller's error, and no event of the vendor's."""
    with pytest.raises(Error) as caught:
        CODEC.read_ask(b'{"model":"m","input":%b}' % escaped.encode())
    reader = CODEC.event_reader()
    events = reader.feed(
        b'data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":%b}\n\n'
        % escaped.encode()
    )

    assert "invalid_json" == caught.value.code
    assert ([], 1) == (events, reader.unread)


def test_awkward_text_stays_within_its_frame() -> None:
    """A text made of frames, ends and errors is one text, in a request, an answer and a stream."""
    text = "".join(AWKWARD)
    body = json.dumps({"model": "m", "input": text}).encode()
    answer = Answer(spoken="another", choices=[])

    assert [Text(text=text)] == CODEC.read_ask(body).messages[0].parts
    assert b'"output":[]' in CODEC.write_answer(answer, Lost())


@pytest.mark.parametrize(
    "event",
    [
        b'{"type":"response.output_item.added","output_index":0,"item":{"type":["message"]}}',
        b'{"type":"response.output_item.done","output_index":0,"item":{"type":"message","content":[{"type":["a"]}]}}',
    ],
)
def test_a_type_that_is_no_word_is_that_of_nothing_known(event: bytes) -> None:
    events = Responses().event_reader().feed(b"data: %b\n\n" % event)

    assert not [one for one in events if isinstance(one, Open) and not isinstance(one.part, Kept)]
