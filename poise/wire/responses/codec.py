"""OpenAI's responses dialect, both directions: ``poise.wire.conversation.codec.Codec``."""

from __future__ import annotations

from poise.wire.conversation.answer import Answer
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import EventReader, EventWriter, Manner
from poise.wire.conversation.lost import Lost
from poise.wire.responses import ask_read, ask_write, whole
from poise.wire.responses.events_read import Reader
from poise.wire.responses.events_write import Writer
from poise.wire.responses.shell import NAME


class Responses:
    """Also reads the bodies of ``/responses/compact`` and the requests of ``/responses/input_tokens``."""

    name: str = NAME

    def read_ask(self, body: bytes, *, model: str = "", stream: bool = False) -> Ask:
        return ask_read.read_ask(body, model=model, stream=stream)

    def write_ask(self, ask: Ask, lost: Lost, manner: Manner) -> bytes:
        return ask_write.write_ask(ask, lost, manner)

    def read_answer(self, body: bytes) -> Answer:
        return whole.read_answer(body)

    def write_answer(self, answer: Answer, lost: Lost, ask: Ask | None = None) -> bytes:
        return whole.write_answer(answer, lost, ask)

    def event_reader(self) -> EventReader:
        return Reader()

    def event_writer(self, ask: Ask, lost: Lost | None = None) -> EventWriter:
        return Writer(ask, lost)
