"""OpenAI chat completions as a ``wire.conversation.codec.Codec``."""

from __future__ import annotations

from poise.wire.conversation.answer import Answer
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.openai import ask_read, ask_write, whole
from poise.wire.openai.events_read import Stream
from poise.wire.openai.events_write import Writer


class OpenAIChat:
    """Chat completions, of OpenAI and of every vendor that speaks its dialect."""

    name: str = ask_write.NAME

    def read_ask(self, body: bytes, *, model: str = "", stream: bool = False) -> Ask:
        return ask_read.read(body, model=model, stream=stream)

    def write_ask(self, ask: Ask, lost: Lost, manner: Manner) -> bytes:
        return ask_write.write(ask, lost, manner)

    def read_answer(self, body: bytes) -> Answer:
        return whole.read(body)

    def write_answer(self, answer: Answer, lost: Lost, ask: Ask | None = None) -> bytes:
        return whole.write(answer, lost, ask)

    def event_reader(self) -> Stream:
        return Stream()

    def event_writer(self, ask: Ask, lost: Lost | None = None) -> Writer:
        return Writer(ask, lost)
