"""Bedrock's Converse, as a dialect that takes part in translation."""

from __future__ import annotations

from functools import lru_cache

from poise.wire.bedrock import whole
from poise.wire.bedrock.ask_read import read_ask
from poise.wire.bedrock.ask_write import write_ask
from poise.wire.bedrock.events_read import Reader
from poise.wire.bedrock.events_write import Writer
from poise.wire.bedrock.rest import NAME
from poise.wire.conversation.answer import Answer
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Bedrock:
    """``wire.conversation.codec.Codec`` for ``/model/{model}/converse`` and ``converse-stream``.

    Streams are binary: events are fed as whole messages (``frames.Splitter``), and written as such.
    """

    name = NAME

    def read_ask(self, body: bytes, *, model: str = "", stream: bool = False) -> Ask:
        """See Codec."""
        return read_ask(body, model=model, stream=stream)

    def write_ask(self, ask: Ask, lost: Lost, manner: Manner) -> bytes:
        """See Codec."""
        return write_ask(ask, lost, manner)

    def read_answer(self, body: bytes) -> Answer:
        """See Codec."""
        return whole.read_answer(body)

    def write_answer(self, answer: Answer, lost: Lost, ask: Ask | None = None) -> bytes:
        """See Codec."""
        return whole.write_answer(answer, lost, ask)

    def event_reader(self) -> Reader:
        """See Codec."""
        return Reader()

    def event_writer(self, ask: Ask, lost: Lost | None = None) -> Writer:
        """See Codec."""
        return Writer(ask, lost)


CODEC = Bedrock()


@lru_cache(maxsize=256)
def path_of(model: str, stream: bool) -> bytes:
    """The path of a call. A model's id may be an ARN, so all but plain letters are escaped, slashes too."""
    escaped = b"".join(b"%c" % byte if byte in _PLAIN else b"%%%02X" % byte for byte in model.encode())
    return b"/model/%b/converse%b" % (escaped, b"-stream" if stream else b"")
