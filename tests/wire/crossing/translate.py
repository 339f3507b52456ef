"""Translating as the gateway does it: into another dialect, over its bytes, and back."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from poise.errors import AttemptFailed, Error
from poise.wire.conversation.answer import Answer
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.assemble import Assembler, disassemble
from poise.wire.conversation.codec import Codec, Manner
from poise.wire.conversation.event import Done, Event, Fault
from poise.wire.conversation.lost import Loss, Lost
from poise.wire.sse import Splitter
from tests.wire.crossing.plain import Row, of_answer, of_ask
from tests.wire.crossing.recorded import CODECS, Recorded

# An ask for a stream of each dialect, whose client wants to know all.
_CLIENTS: Final = {
    "openai": b'{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}',
    "responses": b'{"model":"m","input":[],"stream":true}',
    "anthropic": b'{"model":"m","messages":[],"stream":true}',
    "gemini": b'{"contents":[]}',
}
CLIENTS: Final[dict[str, Ask]] = {name: CODECS[name].read_ask(body) for name, body in _CLIENTS.items()}


class Arrived(NamedTuple):
    """What arrived in a dialect: its projection, and what was noted as lost on the way there."""

    rows: list[Row]
    losses: list[Loss]


def read_ask(thing: Recorded) -> Ask | None:
    """The request as a conversation; None where it is none, as its own vendor found too."""
    try:
        return CODECS[thing.dialect].read_ask(thing.body, model=thing.model, stream=thing.stream)
    except Error:
        return None


def read_answer(thing: Recorded) -> Answer | None:
    """The whole answer; None for an error in its place."""
    try:
        return CODECS[thing.dialect].read_answer(thing.body)
    except AttemptFailed:
        return None


def read_events(dialect: str, body: bytes) -> list[Event]:
    """The events of a stream, as a connection reads it."""
    reader, splitter = CODECS[dialect].event_reader(), Splitter()
    if dialect == "gemini" and body.lstrip()[:1] == b"[":
        return [*reader.feed(body), *reader.close()]
    whole = splitter.feed(body)
    events = reader.feed(whole) if whole else []
    if splitter.tail:
        events += reader.feed(splitter.tail if dialect == "gemini" else splitter.tail + b"\n\n")
    return [*events, *reader.close()]


def assembled(dialect: str, events: list[Event]) -> Answer:
    """The answer that events say."""
    assembler = Assembler(dialect)
    assembler.feed(events)
    return assembler.finish()


def complete(events: list[Event]) -> bool:
    """Whether the stream came to its end."""
    return Done() in events and not any(isinstance(event, Fault) for event in events)


def ask_into(ask: Ask, to: str) -> tuple[Ask, Arrived]:
    """The same request, written and read in another dialect."""
    lost = Lost()
    codec: Codec = CODECS[to]
    body = codec.write_ask(ask, lost, Manner())
    again = codec.read_ask(body, model=ask.model, stream=ask.stream)
    return again, Arrived(of_ask(again), lost.losses)


def answer_into(answer: Answer, to: str) -> tuple[Answer, Arrived]:
    """The same answer, written and read in another dialect."""
    lost = Lost()
    again = CODECS[to].read_answer(CODECS[to].write_answer(answer, lost))
    return again, Arrived(of_answer(again), lost.losses)


def events_into(events: list[Event], to: str) -> tuple[list[Event], Arrived]:
    """The same stream, written and read in another dialect, each event as it comes."""
    lost = Lost()
    writer = CODECS[to].event_writer(CLIENTS[to], lost)
    body = b"".join([writer.write([event]) for event in events])
    again = read_events(to, body)
    return again, Arrived(of_answer(assembled(to, again)), lost.losses)


def streamed(answer: Answer) -> list[Event]:
    """A whole answer as a stream."""
    return disassemble(msgspec.structs.replace(answer))
