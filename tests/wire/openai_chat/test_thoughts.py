"""Several thoughts in one stream: each comes back in the next ask with its own text and seal, as stock clients collect it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.lib.streaming._deltas import accumulate_delta

from poise.wire.anthropic.codec import Anthropic
from poise.wire.conversation.answer import Ending
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.event import Close, Done, End, Event, Grow, Open, Seal, Start
from poise.wire.conversation.joined import joined
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Reasoning, Text
from poise.wire.openai.codec import OpenAIChat
from poise.wire.sse import data_of, events_of

CHAT = OpenAIChat()
Thought = tuple[str, str, str]  # text, signature, sealed


def streamed(*thoughts: Thought) -> bytes:
    """A stream of thoughts, as a provider that seals them tells it, written as chat completions."""
    events: list[Event] = [Start(id="a", model="m", spoken="anthropic")]
    for at, (text, signature, sealed) in enumerate(thoughts):
        events.append(Open(at, Reasoning(sealed=sealed)))
        events += [Grow(at, piece) for piece in (text[:2], text[2:]) if piece]
        events += [Seal(at, signature, "")] if signature else []
        events.append(Close(at))
    last = len(thoughts)
    events += [Open(last, Text(text="so")), Close(last), End(Ending.STOP), Done()]
    return CHAT.event_writer(Ask(spoken="openai", model="m", messages=[])).write(events)


def collected(stream: bytes) -> dict[str, Any]:
    """The message as the official SDK puts it together."""
    message: dict[object, object] = {}
    for event in events_of(stream):
        data = data_of(event)
        if data and data != b"[DONE]":
            for choice in json.loads(data)["choices"]:
                message = accumulate_delta(message, choice["delta"])
    return {str(key): value for key, value in message.items()}


def sent_back(message: dict[str, Any]) -> list[dict[str, Any]]:
    """What Anthropic is asked with, where a client sends it as history."""
    turns = [{"role": "user", "content": "q"}, message, {"role": "user", "content": "and?"}]
    ask = CHAT.read_ask(json.dumps({"model": "m", "messages": turns}).encode())
    body = json.loads(Anthropic().write_ask(joined(ask, pieces=False), Lost(), Manner()))
    blocks: list[dict[str, Any]] = body["messages"][1]["content"]
    return blocks


def block(thought: Thought) -> dict[str, Any]:
    """A thought in Anthropic's words."""
    text, signature, sealed = thought
    if sealed:
        return {"type": "redacted_thinking", "data": sealed}
    return {"type": "thinking", "thinking": text, "signature": signature}


A, B, C = ("first", "sig-a", ""), ("second", "sig-b", ""), ("third", "sig-c", "")
SEALED, OPEN = ("", "", "closed-1"), ("loose", "", "")


@pytest.mark.parametrize(
    "thoughts",
    [(A,), (A, B), (A, B, C), (SEALED, A), (A, SEALED, B), (SEALED, SEALED), (A, A), (B, A, B), (OPEN, B, C)],
    ids=lambda thoughts: "-".join(text or "sealed" for text, _, _ in thoughts),
)
def test_each_thought_keeps_its_own_text_and_seal(thoughts: tuple[Thought, ...]) -> None:
    """A seal on another text than its own is refused by who made it. What was never sealed is left out, as ever."""
    blocks = sent_back(collected(streamed(*thoughts)))
    kept = [block(one) for one in thoughts if one != OPEN]

    assert [*kept, {"type": "text", "text": "so"}] == blocks


@pytest.mark.parametrize("thoughts", [(A, B, C), (OPEN, B), (A, OPEN)])
def test_the_words_are_told_once_where_clients_show_them(thoughts: tuple[Thought, ...]) -> None:
    """Who reads reasoning_content alone reads all that was thought, in order."""
    assert "".join(text for text, _, _ in thoughts) == collected(streamed(*thoughts))["reasoning_content"]


@pytest.mark.parametrize("thoughts", [(A, B, C), (SEALED, A, B), (OPEN, B)])
def test_another_gateway_reads_each_thought_once(thoughts: tuple[Thought, ...]) -> None:
    """What stands twice in a chunk is one piece."""
    reader, said = CHAT.event_reader(), [""] * 9
    for event in reader.feed(streamed(*thoughts)):
        if isinstance(event, Grow):
            said[event.index] += event.text
    told = [text for text in said if text]

    assert [*(text for text, _, _ in thoughts if text), "so"] == told


def test_a_message_that_was_collected_is_written_again_as_it_was() -> None:
    """In its own dialect nothing is moved."""
    message = collected(streamed(A, B))
    body = {"model": "m", "messages": [{"role": "user", "content": "q"}, message]}
    written = json.loads(CHAT.write_ask(CHAT.read_ask(json.dumps(body).encode()), Lost(), Manner()))

    assert body == written
