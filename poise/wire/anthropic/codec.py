"""Anthropic's messages, as a dialect that takes part in translation."""

from __future__ import annotations

from poise.wire.anthropic.ask_read import read_ask
from poise.wire.anthropic.ask_write import write_ask
from poise.wire.anthropic.events_read import Reader
from poise.wire.anthropic.events_write import Writer
from poise.wire.anthropic.rest import NAME
from poise.wire.anthropic.whole import read_answer, write_answer
from poise.wire.conversation.answer import Answer
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost


class Anthropic:
    """``wire.conversation.codec.Codec`` for ``/v1/messages``, and for the requests of ``/v1/messages/count_tokens``."""

    name = NAME

    def read_ask(self, body: bytes, *, model: str = "", stream: bool = False) -> Ask:
        """See Codec."""
        return read_ask(body, model=model, stream=stream)

    def write_ask(self, ask: Ask, lost: Lost, manner: Manner) -> bytes:
        """See Codec."""
        return write_ask(ask, lost, manner)

    def read_answer(self, body: bytes) -> Answer:
        """See Codec."""
        return read_answer(body)

    def write_answer(self, answer: Answer, lost: Lost, ask: Ask | None = None) -> bytes:
        """See Codec."""
        return write_answer(answer, lost, ask)

    def event_reader(self) -> Reader:
        """See Codec."""
        return Reader()

    def event_writer(self, ask: Ask, lost: Lost | None = None) -> Writer:
        """See Codec."""
        return Writer(ask, lost)


CODEC = Anthropic()
