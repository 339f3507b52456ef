"""Events that are no JSON in UTF-8 reach no client: up to three of a stream are left out and counted, more are no stream."""

from __future__ import annotations

import json
from itertools import product

import pytest

from poise.errors import Failure
from poise.wire import interpret
from poise.wire.call import StreamReader
from poise.wire.conversation.codec import Manner
from poise.wire.dialects import DIALECTS, between
from poise.wire.legible import legible
from poise.wire.sse import data_of, events_of
from tests.wire.mend.streams import BACKS, FRONTS, heard, said, streamed

BROKEN = (b'data: {"choices": [{"del\n\n', b'data: {"note":"\xff\xfe"}\n\n', b"event: x\ndata: {nonsense}\n\n")
WORDS = ("one", " two", " three")
BODIES = {
    "openai": b'{"model":"w","messages":[],"stream":true,"stream_options":{"include_usage":true}}',
    "responses": b'{"model":"w","input":"hi","stream":true}',
    "anthropic": b'{"model":"w","max_tokens":9,"messages":[],"stream":true}',
    "gemini": b'{"contents":[]}',
    "gemini-array": b'{"contents":[]}',
}
PAIRS = list(product(FRONTS, BACKS))


def reader_of(front: str, back: str) -> StreamReader:
    dialect = between(front, back, Manner())
    return dialect.stream_reader(DIALECTS[front].read_call("chat", BODIES[front], "w", stream=True))


def with_broken(back: str, count: int) -> list[bytes]:
    """A whole answer with so many events in it that nobody can read; its first and its last event are sound."""
    events = streamed(back, said(*WORDS))
    return events[:2] + [BROKEN[at % len(BROKEN)] for at in range(count)] + events[2:]


def told(reader: StreamReader, pieces: list[bytes]) -> bytes:
    """What a client is sent."""
    out = b""
    for piece in pieces:
        out += reader.feed(piece)
        if reader.error:
            return out
    return out + reader.close(b"")


def breaks_a_client(front: str, wire: bytes) -> bool:
    """Whether a parser that takes every event for JSON in UTF-8 stumbles."""
    found = [wire] if front == "gemini-array" else [data_of(event) for event in events_of(wire)]
    try:
        for one in found:
            if one and one != b"[DONE]":
                json.loads(one.decode())
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_three_events_that_nobody_can_read_are_left_out_and_counted(front: str, back: str, together: bool) -> None:
    """One by one, and all in one piece: the client hears the words that could be read, and its end."""
    reader = reader_of(front, back)
    pieces = with_broken(back, 3)
    out = told(reader, [b"".join(pieces)] if together else pieces)

    assert ("", True, 3) == (reader.error, reader.finished, reader.skipped)
    assert not breaks_a_client(front, out)
    assert ("".join(WORDS), True) == heard(front, out)


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(("front", "back"), PAIRS)
def test_four_of_them_are_no_stream(front: str, back: str, together: bool) -> None:
    """Nothing that came with the fourth makes the answer look complete."""
    reader = reader_of(front, back)
    pieces = with_broken(back, 4)
    out = told(reader, [b"".join(pieces)] if together else pieces)

    assert "more than 3 events that are not JSON" == reader.error
    assert (Failure.MALFORMED, b"") == (reader.failure, reader.fault)
    assert front == "gemini-array" or not heard(front, out)[1]


@pytest.mark.parametrize("back", BACKS)
def test_a_stream_that_ends_with_one_of_them_is_cut(back: str) -> None:
    """It may have been the end, or an error."""
    events = streamed(back, said(*WORDS))
    reader = reader_of("anthropic", back)
    told(reader, [*events[:-1], BROKEN[0]])

    assert not reader.finished
    assert 1 == reader.skipped


@pytest.mark.parametrize("back", [back for back in BACKS if back != "openai"])
def test_without_the_sieve_a_client_stumbles(back: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ablation: the vendor's bytes go on as they came, and the record would say that all is well."""
    monkeypatch.setattr(interpret, "legible", lambda events: events)
    reader = reader_of(back, back)
    out = told(reader, with_broken(back, 1))

    assert reader.finished
    assert breaks_a_client(back, out)


def test_without_a_bound_a_stream_of_nonsense_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ablation: a hundred events are lost, and the answer counts as whole."""
    monkeypatch.setattr(interpret, "MOST_UNREAD", 1000)
    reader = reader_of("anthropic", "anthropic")
    told(reader, with_broken("anthropic", 100))

    assert ("", True) == (reader.error, reader.finished)


def test_the_sieve_keeps_what_says_nothing() -> None:
    """Comments, names, marks and the bare error that some vendors send instead of a stream are no broken events."""
    kept = (
        b"\xef\xbb\xbf: hello\n\n",
        b"event: ping\n\n",
        b"id: 7\nretry: 100\ndata: {}\n\n",
        b"data: {\r\ndata: }\r\n\r\n",
        b'{"error": {"message": "no"}}\n\n',
        b"data: [DONE]\n\n",
    )
    dropped = (b"no field\n\n", b"data: {\n\n", b'data: {"a":"\xff"}\r\n\r\n', b"{\n\n")

    assert b"".join(kept) == legible(
        b"".join(one for pair in zip(kept, (*dropped, b"", b""), strict=True) for one in pair)
    )
