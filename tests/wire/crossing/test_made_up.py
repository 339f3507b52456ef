"""Made-up asks, answers and streams, through each pair of dialects and back: only what stands on the list changes."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poise.wire.conversation.answer import Answer, Ending
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.event import Close, Done, End, Event, Fault, Grow, Open, Start
from poise.wire.conversation.part import Media, Message, Refusal, Text, ToolCall, ToolResult
from poise.wire.sse import data_of, events_of
from tests.wire.crossing.differences import DIFFERENCES
from tests.wire.crossing.legs import answer_leg, ask_leg, stream_leg
from tests.wire.crossing.recorded import CODECS
from tests.wire.crossing.strategies import AWKWARD, answers, asks, event_lists, words
from tests.wire.crossing.translate import CLIENTS, assembled, complete, read_events

PAIRS: Final = [(dialect, to) for dialect in CODECS for to in CODECS if dialect != to]
SOME: Final = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
ENDINGS: Final = tuple(one for one in Ending if one not in (Ending.TOOL_CALLS, Ending.UNFINISHED))
# What each dialect can say of itself: endings that it has a word for, figures that it tells apart, several answers.
SAID: Final = {
    "openai": (ENDINGS, ("cached", "cache_write", "reasoning", "audio_input", "image_output"), 3),
    "responses": ((Ending.STOP, Ending.LENGTH, Ending.CONTENT_FILTER, Ending.CANCELLED), ("cached", "reasoning"), 1),
    "anthropic": (
        (Ending.STOP, Ending.STOP_SEQUENCE, Ending.LENGTH, Ending.PAUSE, Ending.REFUSAL),
        ("cached", "cache_write", "cache_write_long", "reasoning"),
        1,
    ),
    "gemini": ((Ending.STOP, Ending.LENGTH, Ending.CONTENT_FILTER), ("cached", "reasoning", "image_input"), 3),
}


def _answers(dialect: str, *, refusal: bool) -> st.SearchStrategy[Answer]:
    endings, buckets, count = SAID[dialect]
    made = answers(dialect, endings=endings, buckets=buckets, count=count, refusal=refusal)
    return made.map(_refused)


def _refused(answer: Answer) -> Answer:
    """Where words of refusal came and it stopped, it refused: so all dialects that have such words are read."""
    for choice in answer.choices:
        if choice.ending in (Ending.STOP, Ending.STOP_SEQUENCE) and any(
            isinstance(part, Refusal) for part in choice.parts
        ):
            choice.ending = Ending.REFUSAL
    return answer


@pytest.mark.parametrize(("dialect", "to"), PAIRS)
@SOME
@given(data=st.data())
def test_an_ask_comes_back(dialect: str, to: str, data: st.DataObject) -> None:
    """Any conversation."""
    ask = data.draw(asks(dialect, result_media=True, system=("system", "developer")))
    there = ask_leg(ask, to)  # asserts what arrives

    assert there.value is not None
    assert ask_leg(there.value, dialect).value is not None


@pytest.mark.parametrize(("dialect", "to"), PAIRS)
@SOME
@given(data=st.data())
def test_an_answer_comes_back(dialect: str, to: str, data: st.DataObject) -> None:
    """Any answer."""
    answer = data.draw(_answers(dialect, refusal=dialect in ("openai", "responses")))
    there = answer_leg(answer, to)  # asserts what arrives, or that it must not

    if there.value is not None:
        answer_leg(there.value, dialect)


@pytest.mark.parametrize(("dialect", "to"), PAIRS)
@SOME
@given(data=st.data())
def test_a_stream_comes_back(dialect: str, to: str, data: st.DataObject) -> None:
    """Any stream, its texts cut anywhere, its calls growing side by side."""
    made = _answers(dialect, refusal=dialect in ("openai", "responses"))
    events = data.draw(event_lists(made, parallel=True))
    there = stream_leg(events, dialect, to)

    if there.value is not None:
        stream_leg(there.value, to, dialect)


@pytest.mark.parametrize("to", list(CODECS))
@SOME
@given(pieces=st.lists(words | st.sampled_from(AWKWARD), min_size=1, max_size=6))
def test_content_cannot_forge_a_frame(to: str, pieces: list[str]) -> None:
    """Whatever a model says, as text or in a call, the stream has the frames that it would have for harmless words."""
    said = _frames(to, pieces)
    harmless = _frames(to, ["x" * max(len(piece), 1) for piece in pieces])

    assert harmless == said
    events = read_events(to, _written(to, pieces))
    assert complete(events)
    texts = [part.text for part in assembled(to, events).choices[0].parts if isinstance(part, Text)]
    assert "".join(pieces) == "".join(texts)


def _written(to: str, pieces: list[str]) -> bytes:
    events: list[Event] = [Start("id", "model"), Open(0, Text(text=""))]
    events += [Grow(0, piece) for piece in pieces]
    events += [
        Close(0),
        Open(1, ToolCall(name="f", arguments="", id="call_1")),
        Grow(1, '{"a":"'),
        Grow(1, '"}'),
        Close(1),
    ]
    return CODECS[to].event_writer(CLIENTS[to]).write([*events, End(Ending.TOOL_CALLS), Done()])


def _frames(to: str, pieces: list[str]) -> list[bytes]:
    """The first line of each event, and that it has data."""
    found = events_of(_written(to, pieces))
    return [event.split(b"\n")[0][:12] if event.startswith(b"event:") else data_of(event)[:1] for event in found]


@pytest.mark.parametrize(("dialect", "to"), PAIRS)
def test_a_fault_is_never_an_end(dialect: str, to: str) -> None:
    """A stream that broke off in one dialect is not complete in any other."""
    events: list[Event] = [
        Start("id", "m", 0, dialect),
        Open(0, Text(text="")),
        Grow(0, "half"),
        Fault("overloaded", "o", 529),
    ]
    written = CODECS[to].event_writer(CLIENTS[to]).write(events)

    assert not complete(read_events(to, written))


EXAMPLES: Final = {
    "result-order": Ask(
        spoken="anthropic",
        model="m",
        messages=[
            Message(role="user", parts=[Text(text="look")]),
            Message(role="assistant", parts=[ToolCall(name="look", arguments="{}", id="call_1")]),
            Message(
                role="tool",
                parts=[
                    ToolResult(
                        call_id="call_1",
                        parts=[Media(kind="image", media_type="image/png", data="aGk="), Text(text="this is it")],
                    )
                ],
            ),
        ],
    ),
}


@pytest.mark.parametrize("name", [one.name for one in DIFFERENCES if not one.recorded])
def test_differences_that_no_recording_shows_have_an_example(name: str) -> None:
    """What is on the list is met."""
    ask = EXAMPLES[name]
    met = {one.name for to in CODECS if to != ask.spoken for one in ask_leg(ask, to).used}

    assert name in met
