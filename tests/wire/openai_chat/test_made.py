"""Made-up asks, answers and streams: what is written is read again, and content is never taken for framing."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.errors import AttemptFailed, Error
from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler, disassemble
from poise.wire.conversation.codec import Codec, Manner
from poise.wire.conversation.event import Counted, Done, End, Event, Fault, Grow, Open, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Refusal, Text
from poise.wire.openai.codec import OpenAIChat
from poise.wire.sse import Splitter, events_of
from tests.wire.crossing import plain
from tests.wire.crossing import strategies as made

CODEC: Codec = OpenAIChat()
WITH_USAGE = CODEC.read_ask(b'{"messages":[],"stream":true,"stream_options":{"include_usage":true}}')
SOME = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ENDINGS = tuple(ending for ending in Ending if ending is not Ending.TOOL_CALLS)
BUCKETS = ("cached", "cache_write", "reasoning", "image_input", "audio_input", "audio_output", "image_output")
ANSWERS = made.answers("another", signed=True, refusal=True, endings=ENDINGS, buckets=BUCKETS, count=3)


def _settled(answer: Answer) -> Answer:
    """A refusal's ending is that it refused: in this dialect the words say so, not the ending."""
    for choice in answer.choices:
        if choice.ending in (Ending.STOP, Ending.REFUSAL) and any(isinstance(p, Refusal) for p in choice.parts):
            choice.ending = Ending.REFUSAL
    return answer


def _assembled(events: list[Event]) -> Assembler:
    assembler = Assembler("openai")
    assembler.feed(events)
    assembler.finish()
    return assembler


@SOME
@given(made.asks("another", system=("system", "developer")))
def test_an_ask_survives(ask: Ask) -> None:
    lost = Lost()
    again = CODEC.read_ask(CODEC.write_ask(ask, lost, Manner()))

    assert 0 == lost.count
    assert plain.of_ask(ask) == plain.of_ask(again)
    assert (ask.model, ask.max_output, ask.temperature, ask.top_p, ask.stop, ask.stream) == (
        again.model,
        again.max_output,
        again.temperature,
        again.top_p,
        again.stop,
        again.stream,
    )


@SOME
@given(made.asks("another", result_media=True))
def test_what_a_tool_result_cannot_hold_is_noted(ask: Ask) -> None:
    """Pictures in results have no place here: one note for each."""
    lost = Lost()
    CODEC.write_ask(ask, lost, Manner())
    results = [part for message in ask.messages if message.role == "tool" for part in message.parts]
    pictures = sum(not isinstance(piece, Text) for result in results for piece in result.parts)  # type: ignore[union-attr]  # a tool's message holds results

    assert pictures == lost.count


@SOME
@given(ANSWERS.map(_settled))
def test_an_answer_survives(answer: Answer) -> None:
    again = CODEC.read_answer(CODEC.write_answer(answer, Lost()))

    assert plain.of_answer(answer) == plain.of_answer(again)
    assert (answer.id, answer.model, answer.created) == (again.id, again.model, again.created)


@SOME
@given(st.data(), st.booleans())
def test_a_stream_survives_its_framing(data: st.DataObject, parallel: bool) -> None:
    """Each frame is one event of one line, whatever the content is, and the events read again say the same answer."""
    events = data.draw(made.event_lists(ANSWERS.map(_settled), parallel=parallel))
    writer = CODEC.event_writer(WITH_USAGE)
    body = b"".join(writer.write([event]) for event in events)
    frames = events_of(body)
    for frame in frames[:-1]:
        assert frame.startswith(b"data: {")
        assert 2 == frame.count(b"\n")
        assert b"\r" not in frame
        json.loads(frame[6:])
    assert b"data: [DONE]\n\n" == frames[-1]

    cut = data.draw(st.integers(0, len(body)))
    reader, splitter = CODEC.event_reader(), Splitter()
    read = reader.feed(splitter.feed(body[:cut]))
    if cut < len(body):
        assert not any(isinstance(event, Done) for event in read)
    read += reader.feed(splitter.feed(body[cut:]))
    assert plain.of_answer(_assembled(events).answer) == plain.of_answer(_assembled(read).answer)
    assert isinstance(read[-1], Done)


@SOME
@given(ANSWERS.map(_settled))
def test_a_whole_answer_streams_to_the_same(answer: Answer) -> None:
    writer, reader = CODEC.event_writer(WITH_USAGE), CODEC.event_reader()
    read = reader.feed(writer.write(disassemble(answer)))

    assert plain.of_answer(answer) == plain.of_answer(_assembled(read).answer)


@settings(SOME, max_examples=300)
@given(made.json_values, st.sampled_from(["ask", "answer", "chunk"]), st.data())
def test_any_json_in_any_field_is_read_or_refused(value: object, what: str, data: st.DataObject) -> None:
    """A field of a wrong type raises the declared error or is kept as it is; what is read is written again equal."""
    body = json.loads(_SAMPLES[what])
    path = data.draw(st.sampled_from(_paths(body)))
    at = body
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    raw = json.dumps(body).encode()
    if what == "ask":
        try:
            again = CODEC.write_ask(CODEC.read_ask(raw), Lost(), Manner())
        except Error as error:
            assert error.code in ("invalid_field", "invalid_json")  # noqa: PT017  # raising is allowed, not demanded
            return
        assert body == json.loads(again)
    elif what == "answer":
        try:
            again = CODEC.write_answer(CODEC.read_answer(raw), Lost())
        except AttemptFailed:
            return
        assert body == json.loads(again)
    else:
        reader = CODEC.event_reader()
        events = reader.feed(b"data: " + raw + b"\n\n") + reader.feed(b"data: [DONE]\n\n")
        CODEC.event_writer(WITH_USAGE).write(events)
        assert isinstance(events[-1], Done | Fault)


_SAMPLES = {
    "ask": """{"model":"m","stream":true,"n":1,"stop":["a"],"max_tokens":5,"tool_choice":{"type":"function",
      "function":{"name":"f"}},"tools":[{"type":"function","function":{"name":"f","parameters":{},"strict":true}},
      {"type":"custom","custom":{"name":"g","format":{"type":"text"}}}],"reasoning":{"effort":"low","max_tokens":3},
      "response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}},"seed":1,"messages":[
      {"role":"system","content":"s"},{"role":"user","name":"u","content":[{"type":"text","text":"t"},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,aGk=","detail":"low"}},{"type":"input_audio",
      "input_audio":{"data":"aGk=","format":"wav"}},{"type":"file","file":{"file_id":"f","filename":"n"}}]},
      {"role":"assistant","content":null,"reasoning_content":"r","reasoning_details":[{"type":"reasoning.text",
      "text":"r","signature":"s","index":0}],"tool_calls":[{"id":"c","type":"function","function":{"name":"f",
      "arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"ok"}]}]}""",
    "answer": """{"id":"i","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{
      "role":"assistant","content":"c","refusal":null,"annotations":[{"type":"url_citation","url_citation":{"url":"u",
      "title":"t","start_index":0,"end_index":1}}],"reasoning":"r","audio":{"id":"a","data":"aGk="},"tool_calls":[
      {"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"logprobs":null,"finish_reason":"stop"}],
      "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":1},
      "completion_tokens_details":{"reasoning_tokens":1}}}""",
    "chunk": """{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{
      "role":"assistant","content":"c","reasoning":"r","reasoning_details":[{"type":"reasoning.text","text":"r",
      "index":0}],"refusal":null,"annotations":[{"type":"url_citation","url_citation":{"url":"u"}}],"images":[
      {"image_url":{"url":"u"}}],"audio":{"data":"aGk="},"tool_calls":[{"index":0,"id":"c","type":"function",
      "function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,
      "completion_tokens":2},"x_groq":{"usage":{"prompt_tokens":1}},"citations":["u"]}""",
}


def _paths(value: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, below in inner for path in [(*at, key), *_paths(below, (*at, key))]]


@settings(SOME, max_examples=300)
@given(st.binary(max_size=300))
def test_garbage_raises_nothing_but_the_declared_errors(garbage: bytes) -> None:
    with pytest.raises(Error):
        CODEC.read_ask(garbage)
    with pytest.raises(AttemptFailed):
        CODEC.read_answer(garbage)
    reader = CODEC.event_reader()
    events = reader.feed(b"data: " + garbage + b"\n\n") + reader.feed(garbage + b"\n\n") + reader.close()

    assert not any(isinstance(event, Done) for event in events) or b"[DONE]" in garbage


def test_events_in_one_list_are_the_events_one_by_one() -> None:
    events: list[Event] = [
        Start("i", "m", 1),
        Open(0, Text(text="")),
        Grow(0, "a"),
        Grow(0, "b"),
        End(Ending.STOP),
        Counted(CODEC.read_answer(_SAMPLES["answer"].encode()).usage),  # type: ignore[arg-type]  # the sample counts
        Done(),
    ]
    together, single = CODEC.event_writer(WITH_USAGE), CODEC.event_writer(WITH_USAGE)

    assert together.write(events) == b"".join(single.write([event]) for event in events)
