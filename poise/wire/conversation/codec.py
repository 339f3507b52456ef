"""What a dialect must be able to do to take part in translation: both directions of asks, answers and streams. Sans I/O."""

from __future__ import annotations

from typing import Protocol

import msgspec

from poise.wire.conversation.answer import Answer
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.event import Event
from poise.wire.conversation.lost import Lost


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How one vendor's server differs from its dialect, as far as an ask shows it. Rows stand in the table of vendors.

    limit_field is the name of the output limit; developer: system text is sent with the role ``developer``; lacks are
    fields that are refused there and so are left out, with a note; max_output is sent where the caller set no limit and
    the dialect wants one; schema: structured output is understood; adds are fields that this server wants in every body
    (``anthropic_version`` on Vertex and Bedrock). prefill is how a begun answer is marked as one: '' where the last turn
    speaks for itself, ``prefix`` (a field of that message), ``continue_final_message`` (of the body), None where there is
    no way.
    """

    limit_field: str = ""
    developer: bool = False
    lacks: frozenset[str] = frozenset()
    max_output: int = 4096
    schema: bool = True
    tool_ids: str = ""
    adds: dict[str, str] = {}
    prefill: str | None = ""


class EventReader(Protocol):
    """Reads one streamed answer. unread counts the events that are no JSON in UTF-8: they are passed over."""

    @property
    def unread(self) -> int:
        """How many so far."""

    def feed(self, data: bytes) -> list[Event]:
        """Whole events in (``wire.sse.Splitter``; whole lines for dialects without SSE), what they mean out.

        Never raises for what a vendor sent: what cannot be understood is a Fault, what is unknown is passed over.
        """

    def close(self) -> list[Event]:
        """The bytes ended. What is still open is closed only where the dialect needs no mark of its own for that."""


class EventWriter(Protocol):
    """Writes one streamed answer, framing included."""

    def write(self, events: list[Event]) -> bytes:
        """The events in this dialect; b'' where they show nothing here (yet)."""


class Codec(Protocol):
    """One dialect, both directions. Reading and writing back gives equal JSON."""

    name: str

    def read_ask(self, body: bytes, *, model: str = "", stream: bool = False) -> Ask:
        """Decode a request. model and stream are the path's, for dialects that say them there.

        Raises Error (invalid_json, invalid_field) naming the field.
        """

    def write_ask(self, ask: Ask, lost: Lost, manner: Manner) -> bytes:
        """The body of a request that asks the same; what has no counterpart is noted in lost."""

    def read_answer(self, body: bytes) -> Answer:
        """Decode a whole 2xx answer. Raises AttemptFailed (MALFORMED) where it is none."""

    def write_answer(self, answer: Answer, lost: Lost, ask: Ask | None = None) -> bytes:
        """The body of a whole answer that says the same; what has no counterpart is noted in lost.

        ask is what it answers, read by this dialect, where that is at hand: it knows which words its client wants, and
        how many calls came before, so that ids which are made do not come twice in a conversation.
        """

    def event_reader(self) -> EventReader:
        """For one answer."""

    def event_writer(self, ask: Ask, lost: Lost | None = None) -> EventWriter:
        """For one answer to ask, which was read by this dialect (it knows whether usage is wanted, and the like).

        What has no counterpart is noted in lost as it comes.
        """
