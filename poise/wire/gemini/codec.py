"""The Gemini dialect as translation sees it."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.answer import Answer
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import EventReader, EventWriter, Manner
from poise.wire.conversation.lost import Lost
from poise.wire.gemini import ask_read, ask_write, whole
from poise.wire.gemini.events_read import Reader
from poise.wire.gemini.events_write import Writer

# Other APIs of Google's: they are passed through to a Gemini target as they are, and to no other.
PASSED_THROUGH: Final = ("interactions", "models", "predict", "cachedContents", "files")


class Gemini:
    """generateContent and streamGenerateContent, both directions; satisfies ``wire.conversation.codec.Codec``."""

    name = ask_read.NAME

    def read_ask(self, body: bytes, *, model: str = "", stream: bool = False) -> Ask:
        return ask_read.read(body, model=model, stream=stream)

    def write_ask(self, ask: Ask, lost: Lost, manner: Manner) -> bytes:
        return ask_write.write(ask, lost, manner)

    def read_answer(self, body: bytes) -> Answer:
        return whole.read(body)

    def write_answer(self, answer: Answer, lost: Lost, ask: Ask | None = None) -> bytes:
        return whole.write(answer, lost)

    def event_reader(self) -> EventReader:
        return Reader()

    def event_writer(self, ask: Ask, lost: Lost | None = None) -> EventWriter:
        return Writer(lost)

    def array_writer(self, ask: Ask, lost: Lost | None = None) -> EventWriter:
        """As event_writer, for a client that did not ask for ``alt=sse``: one JSON array."""
        return Writer(lost, array=True)
