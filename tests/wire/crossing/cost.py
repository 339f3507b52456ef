"""``python -m tests.wire.crossing.cost``: what translation costs on one core, for each pair of dialects.

Streams: events a second, read in one dialect and written in the other, chunk by chunk as a connection hands them over.
Answers: microseconds to read a whole answer of 4 KB in one dialect and write it in the other.
"""

from __future__ import annotations

import sys
import time
from typing import Final

from poise.wire.conversation.answer import Answer, Choice, Ending, Usage
from poise.wire.conversation.event import Close, Counted, Done, End, Event, Grow, Open, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Part, Reasoning, Text, ToolCall
from poise.wire.sse import events_of
from tests.wire.crossing.recorded import CODECS
from tests.wire.crossing.translate import CLIENTS

PIECES: Final = 2000
ROUNDS: Final = 7
WORDS: Final = "The quick brown fox jumps over the lazy dog. "


def stream_of(dialect: str) -> list[bytes]:
    """A stream as its chunks: mostly text, as streams are; each chunk is one event of the vendor's."""
    events: list[Event] = [Start("id-1", "a-model", 1_700_000_000), Open(0, Text(text=""))]
    events += [Grow(0, " word") for _ in range(PIECES)]
    events += [Close(0), Open(1, ToolCall(name="find", arguments="", id="call_1")), Grow(1, '{"a":1}'), Close(1)]
    events += [End(Ending.TOOL_CALLS), Counted(Usage(input=9, output=9)), Done()]
    written = b"".join(CODECS[dialect].event_writer(CLIENTS[dialect]).write([event]) for event in events)
    return events_of(written)


def answer_of(dialect: str) -> bytes:
    """A whole answer of about 4 KB: thought, text and two calls."""
    parts: list[Part] = [
        Reasoning(text=WORDS * 10),
        Text(text=WORDS * 60),
        ToolCall(name="find", arguments='{"query":"foxes","limit":10}', id="call_1"),
        ToolCall(name="find", arguments='{"query":"dogs","limit":10}', id="call_2"),
    ]
    usage = Usage(input=900, cached=100, output=800, reasoning=100)
    answer = Answer(
        spoken="", choices=[Choice(parts=parts, ending=Ending.TOOL_CALLS)], id="a-1", model="m", usage=usage
    )
    return CODECS[dialect].write_answer(answer, Lost())


def events_per_s(chunks: list[bytes], source: str, to: str) -> float:
    """The best of some rounds: the machine may be busy."""
    best = float("inf")
    for _ in range(ROUNDS):
        reader = CODECS[source].event_reader()
        writer = CODECS[to].event_writer(CLIENTS[to], Lost())
        start = time.process_time()
        for chunk in chunks:
            writer.write(reader.feed(chunk))
        writer.write(reader.close())
        best = min(best, time.process_time() - start)
    return len(chunks) / best


def answer_us(body: bytes, source: str, to: str) -> float:
    """Microseconds for one answer, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(100):
            CODECS[to].write_answer(CODECS[source].read_answer(body), Lost(), CLIENTS[to])
        best = min(best, time.process_time() - start)
    return best / 100 * 1e6


def main() -> None:
    """Print both tables."""
    for source in CODECS:
        chunks, body = stream_of(source), answer_of(source)
        for to in CODECS:
            if to != source:
                events, us = events_per_s(chunks, source, to), answer_us(body, source, to)
                sys.stdout.write(
                    f"{source:10} -> {to:10} {events:10,.0f} events/s {us:8.1f} us for {len(body)} bytes\n"
                )


if __name__ == "__main__":
    main()
