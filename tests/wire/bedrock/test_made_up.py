"""Made-up asks, answers and streams: what the model in the middle holds survives Converse."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poise.errors import AttemptFailed, Error
from poise.wire.bedrock.codec import CODEC
from poise.wire.bedrock.frames import Corrupt, Splitter, messages_of, write
from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.event import Close, Done, End, Event, Fault, Grow, Open, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Media, Message, Part, Text, ToolResult
from poise.wire.sse import TooLong
from tests.wire.crossing import strategies as made
from tests.wire.crossing.plain import of_answer, of_ask

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
ENDINGS = (Ending.STOP, Ending.LENGTH, Ending.STOP_SEQUENCE, Ending.CONTENT_FILTER, Ending.MALFORMED_CALL, Ending.ERROR)
ANSWERS = made.answers("other", signed=True, endings=ENDINGS, buckets=("cached", "cache_write", "cache_write_long"))
BUILT = Ask(spoken="bedrock", messages=[])


def _read(raw: bytes, cuts: list[int]) -> list[Event]:
    reader, splitter = CODEC.event_reader(), Splitter()
    events: list[Event] = []
    try:
        for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
            if whole := splitter.feed(raw[start:end]):
                events += reader.feed(whole)
    except (Corrupt, TooLong):
        return events
    if splitter.tail:
        events += reader.feed(splitter.tail)
    return [*events, *reader.close()]


def _whole(events: list[Event]) -> Answer:
    assembler = Assembler("bedrock")
    assembler.feed(events)
    return assembler.finish()


def _sayable(parts: list[Part]) -> list[Part]:
    """What Converse can be sent: no picture by its address, no text of white space."""
    kept: list[Part] = []
    for part in parts:
        if isinstance(part, ToolResult):
            part.parts = _sayable(part.parts)
        if not (isinstance(part, Media) and not part.data) and not (isinstance(part, Text) and not part.text.strip()):
            kept.append(part)
    return kept


@settings(max_examples=150)
@given(made.asks("other", result_media=True, system=("system", "developer")))
def test_another_dialects_ask_survives(ask: Ask) -> None:
    """Turns, tools, pictures and schemas; and once it is Bedrock's own, letter by letter and without a loss."""
    ask.thinking = None  # what stands in its way is another test's
    ask.model = "amazon.nova-pro-v1:0"
    if ask.tool_choice is not None and ask.tool_choice.mode == "none":
        ask.tool_choice = None
    ask.messages = [Message(role=m.role, parts=_sayable(m.parts)) for m in ask.messages]
    lost = Lost()
    written = CODEC.write_ask(ask, lost, Manner())
    read = CODEC.read_ask(written, model=ask.model, stream=ask.stream)
    if not ask.tools:
        read.tools = []  # those that were called are declared again

    assert of_ask(ask) == of_ask(read)
    assert (ask.max_output, ask.temperature, ask.top_p) == (read.max_output, read.temperature, read.top_p)
    assert ask.stop == read.stop
    assert [] == lost.losses
    assert json.loads(written) == json.loads(CODEC.write_ask(CODEC.read_ask(written), lost, Manner()))
    assert [] == lost.losses


@settings(max_examples=150)
@given(ANSWERS)
def test_another_dialects_answer_survives(answer: Answer) -> None:
    """Whole, in both directions; and once it is Bedrock's own, letter by letter."""
    written = CODEC.write_answer(answer, Lost())
    read = CODEC.read_answer(written)
    if answer.usage is None:
        read.usage = None  # it must be said there

    assert of_answer(answer) == of_answer(read)
    assert json.loads(written) == json.loads(CODEC.write_answer(CODEC.read_answer(written), Lost()))


@settings(max_examples=150)
@given(made.event_lists(ANSWERS, parallel=True), st.data())
def test_another_dialects_stream_survives(events: list[Event], data: st.DataObject) -> None:
    """Written and read again, cut anywhere."""
    raw = CODEC.event_writer(BUILT).write(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    read, before = _whole(_read(raw, cuts)), _whole(events)
    if before.usage is None:
        read.usage = None

    assert of_answer(before) == of_answer(read)
    assert Done() == _read(raw, cuts)[-1]


@settings(max_examples=150)
@given(made.event_lists(ANSWERS, parallel=True), st.data())
def test_a_stream_that_is_cut_is_not_done(events: list[Event], data: st.DataObject) -> None:
    """Anywhere before the message that says the stop reason is whole; a part of any message is told as a fault."""
    raw = CODEC.event_writer(BUILT).write(events)
    sizes = [len(write(m.name, m.payload)) for m in messages_of(raw)]
    cut = data.draw(st.integers(0, len(raw) - 1))
    read = _read(raw[:cut], [])

    done = any(isinstance(event, Done) for event in read)
    whole = cut in {sum(sizes[:number]) for number in range(len(sizes) + 1)}
    assert done == (whole and cut >= sum(sizes[:-1]))
    assert whole != any(isinstance(event, Fault) for event in read)


@given(st.sampled_from(made.AWKWARD), st.integers(0, 8))
def test_content_forges_no_frame(text: str, cut: int) -> None:
    """Whatever was said is inside a payload."""
    events: list[Event] = [Start(), Open(0, Text(text="")), Grow(0, text[:cut]), Grow(0, text[cut:]), Close(0)]
    raw = CODEC.event_writer(BUILT).write([*events, End(Ending.STOP), Done()])

    said = [json.loads(m.payload) for m in messages_of(raw) if m.name == "contentBlockDelta"]
    assert text == "".join(node["delta"]["text"] for node in said)
    assert 4 + len(said) == len(messages_of(raw))


NAMES = [
    "messages",
    "role",
    "content",
    "text",
    "image",
    "document",
    "source",
    "bytes",
    "s3Location",
    "uri",
    "format",
    "name",
    "toolUse",
    "toolUseId",
    "input",
    "toolResult",
    "json",
    "status",
    "reasoningContent",
    "reasoningText",
    "signature",
    "redactedContent",
    "citationsContent",
    "citations",
    "location",
    "web",
    "url",
    "system",
    "inferenceConfig",
    "maxTokens",
    "stopSequences",
    "toolConfig",
    "tools",
    "toolSpec",
    "inputSchema",
    "toolChoice",
    "auto",
    "tool",
    "outputConfig",
    "textFormat",
    "type",
    "structure",
    "jsonSchema",
    "schema",
    "effort",
    "additionalModelRequestFields",
    "thinking",
    "budget_tokens",
    "top_k",
    "output",
    "message",
    "stopReason",
    "usage",
    "inputTokens",
    "totalTokens",
    "contentBlockIndex",
    "delta",
    "start",
    "additionalModelResponseFields",
]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.text(max_size=3)
    | st.sampled_from(["user", "json_schema", "low"])
)


def _odd(max_leaves: int) -> st.SearchStrategy[object]:
    return st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
        max_leaves=max_leaves,
    )


@settings(max_examples=400)
@given(st.binary(max_size=100) | _odd(20).map(lambda value: json.dumps(value).encode()))
@example(b"\xff")
@example(b"[" * 5000)
@example(b'{"messages":[{"role":"user","content":[{"text":"\\ud800"}]}]}')
@example(
    b'{"messages":[{"role":"user","content":['
    + b'{"toolResult":{"toolUseId":"","content":[' * 300
    + b"]}}" * 300
    + b"]}]}"
)
@example(b'{"output":{"message":{"content":[' + b'{"toolUse":{"toolUseId":"","name":"","input":[' * 300)
def test_garbage_raises_only_what_is_declared(body: bytes) -> None:
    """An ask that cannot be read is an Error, an answer AttemptFailed, a stream's a Fault or nothing."""
    try:
        ask: Ask | Error = CODEC.read_ask(body)
    except Error as bad:
        ask = bad
    if isinstance(ask, Error):
        assert ask.code in {"invalid_json", "invalid_field"}
        assert ask.hint
    else:
        CODEC.write_ask(ask, Lost(), Manner())
    with contextlib.suppress(AttemptFailed):
        CODEC.write_answer(CODEC.read_answer(body), Lost())
    for name in (
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
        "new",
        "messageStart",
    ):
        events = _read(write(name, body), [])
        assert 1 >= sum(isinstance(event, Fault | Done) for event in events)
    assert 1 >= sum(isinstance(event, Fault) for event in _read(body, []))


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(NAMES), _odd(8), max_size=4))
def test_odd_asks_are_refused_or_written_as_they_were_read(extra: dict[str, object]) -> None:
    """There is no third way: whatever was accepted is said again in full."""
    for body in (
        extra,
        {"messages": [{"role": "user", "content": [extra]}]},
        {
            "messages": [
                {**extra, "role": "user", "content": [{"toolResult": {**extra, "toolUseId": "t"}}, {"text": "a"}]}
            ]
        },
        {"messages": [{"role": "assistant", "content": [{"toolUse": extra}, {"reasoningContent": extra}]}]},
        {"messages": [], "inferenceConfig": extra, "toolConfig": {"tools": [extra], **extra}, "outputConfig": extra},
        {"messages": [], "additionalModelRequestFields": extra, "outputConfig": {"textFormat": extra, "effort": "low"}},
    ):
        try:
            ask = CODEC.read_ask(json.dumps(body).encode())
        except Error:
            continue
        assert body == json.loads(CODEC.write_ask(ask, Lost(), Manner()))


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(NAMES), _odd(8), max_size=4))
def test_odd_answers_are_refused_or_written_as_they_were_read(extra: dict[str, object]) -> None:
    """The same for answers."""
    for body in (
        {**extra, "output": {"message": {"role": "assistant", "content": [extra]}}},
        {"output": {**extra, "message": {**extra, "content": [{"text": "a"}]}}, "usage": extra, "stopReason": "new"},
    ):
        try:
            answer = CODEC.read_answer(json.dumps(body).encode())
        except AttemptFailed:
            continue
        assert body == json.loads(CODEC.write_answer(answer, Lost()))


@pytest.mark.parametrize(
    "model", [CLAUDE, "amazon.nova-2-lite-v1:0", "openai.gpt-oss-20b-1:0", "meta.llama3-1-8b-instruct-v1:0"]
)
@given(ask=made.asks("other"))
@settings(max_examples=40)
def test_what_is_told_as_lost_is_bounded_and_named(model: str, ask: Ask) -> None:
    """Each loss says where and what."""
    ask.model = model
    lost = Lost()
    CODEC.write_ask(ask, lost, Manner())

    assert all(loss.where and loss.what for loss in lost.losses)
