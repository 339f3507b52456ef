"""Answers that clients collected from a stream and send back in pieces are whole again before they are translated."""

from __future__ import annotations

import time

from poise.wire.conversation.ask import Ask
from poise.wire.conversation.joined import joined
from poise.wire.conversation.part import Citation, Message, Part, Reasoning, Text, ToolCall


def together(*parts: Part, pieces: bool) -> list[Part]:
    ask = Ask(spoken="x", model="m", messages=[Message(role="assistant", parts=list(parts))])
    (message,) = joined(ask, pieces=pieces).messages
    return message.parts


def test_a_thought_in_pieces_is_one_with_its_seal() -> None:
    """Google's client: each piece a part, the seal on the last, which may be empty."""
    parts = together(Reasoning(text="a"), Reasoning(text="b"), Reasoning(signature="s"), Text(text="c"), pieces=True)

    assert [Reasoning(text="ab", signature="s"), Text(text="c")] == parts


def test_a_seal_beside_the_text_of_a_thought_is_its_own() -> None:
    """OpenAI's client: the text in one field, the seal in another."""
    assert [Reasoning(text="a", signature="s")] == together(Reasoning(text="a"), Reasoning(signature="s"), pieces=False)


def test_thoughts_that_are_sealed_each_stay_apart() -> None:
    """A seal is good for its own thought only."""
    parts: list[Part] = [Reasoning(text="a", signature="s"), Reasoning(text="b", signature="t")]

    assert parts == together(*parts, pieces=True)
    assert parts == together(*parts, pieces=False)


def test_texts_are_one_where_they_are_pieces_and_stay_apart_elsewhere() -> None:
    """Two blocks of Anthropic's are two."""
    parts: list[Part] = [Text(text="a"), Text(text="b")]

    assert [Text(text="ab")] == together(*parts, pieces=True)
    assert parts == together(*parts, pieces=False)


def test_a_text_whose_sources_count_its_characters_stays_apart() -> None:
    """Their places would be wrong in a longer text."""
    parts: list[Part] = [Text(text="a"), Text(text="b", citations=[Citation(url="u", start=0, end=1)])]

    assert parts == together(*parts, pieces=True)


def test_turns_of_the_assistant_that_follow_each_other_are_one_where_they_are_pieces() -> None:
    """Google's chat keeps a turn for each piece; a tool's result still ends one."""
    call = ToolCall(name="f", arguments="{}")
    messages = [
        Message(role="user", parts=[Text(text="q")]),
        Message(role="assistant", parts=[Text(text="a")]),
        Message(role="assistant", parts=[Text(text="b"), call]),
        Message(role="tool", parts=[]),
        Message(role="assistant", parts=[Text(text="c")]),
    ]
    ask = Ask(spoken="x", model="m", messages=messages)

    assert [["user", 1], ["assistant", 2], ["tool", 0], ["assistant", 1]] == [
        [one.role, len(one.parts)] for one in joined(ask, pieces=True).messages
    ]
    assert 5 == len(joined(ask, pieces=False).messages)
    assert [Text(text="a")] == messages[1].parts


def test_a_turn_in_thousands_of_pieces_is_joined_in_one_go() -> None:
    """Two by two would cost the square of their number: seconds, for a body of half a megabyte."""
    calls: list[Part] = [ToolCall(id=str(n), name="f", arguments="") for n in range(20_000)]
    texts: list[Part] = [Text(text="a", rest={str(n): n}) for n in range(20_000)]
    ask = Ask(spoken="x", messages=[Message(role="assistant", parts=[part]) for part in (*calls, *texts)])
    before = time.process_time()

    (message,) = joined(ask, pieces=True).messages

    whole = message.parts[-1]
    assert calls == message.parts[:-1]
    assert isinstance(whole, Text) and "a" * 20_000 == whole.text and 20_000 == len(whole.rest)
    assert time.process_time() - before < 2
