"""Answers as each dialect streams them, made from one list of events, and what stock clients would read of them."""

from __future__ import annotations

import msgspec

from poise.wire.conversation.answer import Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler
from poise.wire.conversation.event import Close, Counted, Done, End, Event, Grow, Open, Start
from poise.wire.conversation.part import Message, Part, Reasoning, Text, ToolCall
from poise.wire.dialects import CODECS
from poise.wire.sse import events_of

FRONTS = ("openai", "responses", "anthropic", "gemini", "gemini-array")
BACKS = ("openai", "responses", "anthropic", "gemini")


def ask_in(dialect: str) -> Ask:
    """A question, as its own codec would have read it."""
    spoken = CODECS[dialect].name
    return Ask(spoken=spoken, model="w", messages=[Message(role="user", parts=[Text(text="hi")])], stream=True)


def said(*words: str, thought: str = "", call: bool = False) -> list[Event]:
    """A whole answer that comes word by word."""
    events: list[Event] = [Start("answer-1", "model-x", 1_790_000_000)]
    index = 0
    if thought:
        events += [Open(0, Reasoning()), Grow(0, thought), Close(0)]
        index = 1
    part: Part = Text(text="")
    events.append(Open(index, part))
    events += [Grow(index, word) for word in words]
    events.append(Close(index))
    if call:
        called = ToolCall(name="f", arguments="", id="call_1")
        events += [Open(index + 1, called), Grow(index + 1, '{"a":1}'), Close(index + 1)]
    ending = Ending.TOOL_CALLS if call else Ending.STOP
    return [*events, End(ending), Counted(Usage(input=7, output=len(words))), Done()]


def streamed(dialect: str, events: list[Event]) -> list[bytes]:
    """The same as a vendor of that dialect sends it, an event of the wire each."""
    writer = CODECS[dialect].event_writer(ask_in(dialect))
    wire = b"".join([writer.write([event]) for event in events])
    return [wire] if dialect == "gemini-array" else events_of(wire)


def heard(dialect: str, wire: bytes) -> tuple[str, bool]:
    """The words that a client of that dialect ends up with, and whether it takes the answer for complete."""
    if dialect == "gemini-array":  # read as one array, and its elements as the events that they would be
        closed = wire.rstrip().endswith(b"]")
        elements = msgspec.json.decode(wire.rstrip().removesuffix(b"]") + b"]")
        text, done = heard("gemini", b"".join([b"data: %b\n\n" % msgspec.json.encode(one) for one in elements]))
        return text, done and closed
    reader = CODECS[dialect].event_reader()
    assembler = Assembler(dialect)
    assembler.feed([*reader.feed(wire), *reader.close()])
    answer = assembler.finish()
    parts = answer.choices[0].parts if answer.choices else []
    return "".join(part.text for part in parts if isinstance(part, Text)), assembler.done
