"""Broken answers mended, for callers of every dialect at targets of every dialect: nothing twice, nothing left out."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.errors import Failure
from poise.target import Capabilities, Target
from poise.wire.call import Call, StreamReader
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.event import Event
from poise.wire.dialects import CODECS
from poise.wire.mend.mender import Mender
from tests.wire.mend.streams import BACKS, FRONTS, ask_in, heard, said, streamed

WORDS = ("The ", "answer ", "is ", "forty", "-two, ", "as ever.")
TARGET = Target("m@p", "m", "p", "vllm", "", "m-upstream", can=Capabilities(prefill=True))


def _call(front: str) -> Call:
    call = Call("chat", {}, "w")
    call.stream = True
    call.ask = ask_in(front)
    return call


def _mender(front: str, back: str, manner: Manner | None = None) -> Mender:
    return Mender(CODECS[front], CODECS[back], manner or Manner())


def _sent(front: str, events: list[Event], count: int) -> bytes:
    """What the caller had been sent when the answer broke off, after so many events of the answer."""
    writer = CODECS[front].event_writer(ask_in(front))
    return b"".join([writer.write([event]) for event in events[:count]])


def _fed(reader: StreamReader, back: str, events: list[Event]) -> bytes:
    passed = b"".join([reader.feed(event) for event in streamed(back, events)])
    return passed + reader.close(b"")


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("back", BACKS)
def test_the_same_answer_once_more_goes_on_where_it_broke_off(front: str, back: str) -> None:
    """Cut after every event: the caller ends up with the whole answer once, and takes it for complete."""
    events = said(*WORDS)
    for count in range(2, 2 + len(WORDS) + 1):
        sent = _sent(front, events, count)
        mender = _mender(front, back)
        delivered = mender.delivered(sent)
        reader = mender.restart(_call(front), delivered)
        rest = _fed(reader, back, said("The answer", " is forty-two", ", as ever."))

        assert "" == reader.error
        assert ("".join(WORDS), True) == heard(front, sent + rest), count
        assert reader.started
        assert reader.finished


@pytest.mark.parametrize("front", FRONTS)
def test_thoughts_are_compared_like_words(front: str) -> None:
    """And said once."""
    events = said(*WORDS, thought="Let me see.")
    sent = _sent(front, events, 6)
    mender = _mender(front, "anthropic")
    reader = mender.restart(_call(front), mender.delivered(sent))
    rest = _fed(reader, "anthropic", events)

    assert ("".join(WORDS), True) == heard(front, sent + rest)
    assert b'delta":"Let me see.' not in rest
    assert front == "responses" or b"Let me see." not in rest  # whose last event says everything once more


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize(
    "again", [("The ", "answer ", "was ", "forty"), ("The ",), ("The answer is",), ("",), ("THE ANSWER IS FORTY-TWO",)]
)
def test_another_answer_is_never_spliced(front: str, again: tuple[str, ...]) -> None:
    """Other words, or fewer: not one byte goes on, and the failure says so."""
    sent = _sent(front, said(*WORDS), 6)
    mender = _mender(front, "openai")
    reader = mender.restart(_call(front), mender.delivered(sent))
    rest = _fed(reader, "openai", said(*again))

    assert (b"", Failure.DIFFERED) == (rest, reader.failure)
    assert not reader.started
    assert not reader.finished


@pytest.mark.parametrize("front", FRONTS)
def test_a_begun_tool_call_is_not_mended(front: str) -> None:
    """Two halves of two calls may make a third that nobody asked for."""
    events = said("I call.", call=True)
    delivered = _mender(front, "openai").delivered(_sent(front, events, 7))

    assert "tool call" in delivered.obstacle


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("back", ["openai", "anthropic", "gemini"])
def test_the_rest_goes_on_in_the_same_text(front: str, back: str) -> None:
    """The target is given what was said and goes on; blanks at the seam are there once."""
    for count, rest_words in (
        (5, ("forty-two, ", "as ever.")),
        (5, (" forty-two, ", "as ever.")),
        (4, ("is forty-two, as ever.",)),
    ):
        sent = _sent(front, said(*WORDS), count)
        mender = _mender(front, back)
        call = _call(front)
        delivered = mender.delivered(sent)
        assert "" == mender.why_not_resumed(call, TARGET, delivered)
        body = mender.resume_body(call, TARGET, delivered)
        reader = mender.resume(call, delivered)
        rest = _fed(reader, back, said(*rest_words))

        assert ("".join(WORDS), True) == heard(front, sent + rest), count
        assert "".join(WORDS[: count - 2]).rstrip().encode() in body
        assert reader.finished


def test_the_rest_is_asked_for_in_the_vendors_way() -> None:
    """VLLM wants the body marked, Mistral the message; Anthropic and Gemini need no mark."""
    sent = _sent("openai", said(*WORDS), 5)
    for manner, marks in (
        (Manner(prefill="continue_final_message"), {"continue_final_message": True, "add_generation_prompt": False}),
        (Manner(prefill="prefix"), {}),
    ):
        mender = _mender("openai", "openai", manner)
        body = msgspec.json.decode(mender.resume_body(_call("openai"), TARGET, mender.delivered(sent)))

        assert marks == {name: body[name] for name in marks}
        assert {"role": "assistant", "content": "The answer is"} == {
            name: body["messages"][-1][name] for name in ("role", "content")
        }
        assert (manner.prefill == "prefix") == body["messages"][-1].get("prefix", False)
        assert {"include_usage": True} == body["stream_options"]


@pytest.mark.parametrize(
    ("why", "events", "count", "prefill", "json"),
    [
        ("not known to go on", said(*WORDS), 5, None, False),
        ("has to be JSON", said(*WORDS), 5, True, True),
        ("no text", said(*WORDS, thought="Hm."), 3, True, False),
        ("no text", said(" "), 3, True, False),
        ("tool call", said("x", call=True), 6, True, False),
    ],
)
def test_what_cannot_be_gone_on_with_is_said(
    why: str, events: list[Event], count: int, prefill: bool | None, json: bool
) -> None:
    """Only a text, only where the target is known to go on, never JSON, a thought or a tool call."""
    mender = _mender("openai", "openai")
    call = _call("openai")
    call.json_output = json
    target = msgspec.structs.replace(TARGET, can=Capabilities(prefill=prefill))

    assert why in mender.why_not_resumed(call, target, mender.delivered(_sent("openai", events, count)))
    assert "no way" in _mender("openai", "openai", Manner(prefill=None)).why_not_resumed(
        _call("openai"), TARGET, mender.delivered(_sent("openai", said(*WORDS), 5))
    )


@settings(max_examples=300, deadline=None)
@given(
    text=st.text(min_size=1, max_size=60).filter(str.strip),
    cut=st.integers(0, 60),
    one=st.integers(1, 7),
    other=st.integers(1, 7),
    front=st.sampled_from(FRONTS),
    back=st.sampled_from(BACKS),
)
def test_no_byte_twice_whatever_the_pieces(text: str, cut: int, one: int, other: int, front: str, back: str) -> None:
    """However the two answers are cut into pieces, what is heard is the text, once."""
    first = [text[i : i + one] for i in range(0, len(text), one)]
    second = [text[i : i + other] for i in range(0, len(text), other)]
    events = said(*first)
    sent = _sent(front, events, 2 + min(cut, len(first)))
    mender = _mender(front, back)
    reader = mender.restart(_call(front), mender.delivered(sent))
    rest = _fed(reader, back, said(*second))

    assert (text, True) == heard(front, sent + rest)
