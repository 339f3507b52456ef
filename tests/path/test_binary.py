"""A stream in AWS's binary messages: it goes on as events, and what was cut, changed or is too long never looks complete.

The messages are the emulator's, which writes them with no code of the reader's.
"""

from __future__ import annotations

import asyncio
from binascii import crc32
from functools import partial

import pytest

from poise.decision import OutcomeKind
from poise.errors import AttemptFailed, Error, Failure
from poise.path.fleet import Forms, Tongue
from poise.sim.emulate.asked import Call, Reply
from poise.sim.emulate.converse_write import broken, frames
from poise.sim.emulate.event_stream import message
from poise.wire.conversation.codec import Manner
from poise.wire.dialects import BACKS, between
from poise.wire.sse import MAX_EVENT_BYTES
from tests.path.fakes import FakeConnection, FakePool, FakeSink, Script, World, stream

BEDROCK = BACKS["bedrock"]
KIND = [(b"content-type", b"application/vnd.amazon.eventstream")]
TALK = frames(
    Reply(
        mark="0" * 16,
        pieces=["wörd", " fish."],
        calls=[Call("1" * 16, "f", {})],
        ending="tools",
        prompt=7,
    )
)
DATA = b"".join(TALK)
ENDED = len(b"".join(TALK[:-1]))  # the stop reason is said; only the usage is missing
BODY = b'{"model":"w","stream":true,"messages":[{"role":"user","content":"hi"}]}'


def behind(*scripts: Script) -> World:
    """Targets of which the first speaks Bedrock's dialect."""
    world = World(*(FakePool(script) for script in scripts))
    heads = {("chat", streams): b"POST /model/m/converse-stream HTTP/1.1\r\n" for streams in (False, True)}
    world.lanes[0].tongues["openai"] = Tongue(
        between("openai", "bedrock", Manner()),
        heads,
        Forms(b"application/json", b"text/event-stream", BEDROCK.streams_as, BEDROCK.splitter),
    )
    return world


def says(*parts: bytes) -> Script:
    """Answer with a binary stream, and end it cleanly."""
    return lambda connection: connection.answer(200, KIND, *parts)


def resets(*parts: bytes) -> Script:
    """Begin a binary stream, and lose the connection."""

    def script(connection: FakeConnection) -> None:
        assert connection.receiver is not None
        connection.receiver.head(200, KIND)
        for part in parts:
            if not connection.closed:
                connection.receiver.body(part)
        if not connection.closed:
            connection.receiver.failed(AttemptFailed(Failure.CUT, "reset"))

    return script


def asked(world: World) -> tuple[FakeSink, str]:
    """What the client saw, and the code of the error that it was told, '' for none."""
    sink = FakeSink()
    try:
        asyncio.run(world.ask_for(world.request(streams=True, body=BODY), sink))
    except Error as error:
        return sink, error.code
    return sink, ""


def test_messages_become_events() -> None:
    """Text, call, usage and end, in the caller's dialect."""
    world = behind(says(*(DATA[at : at + 50] for at in range(0, len(DATA), 50))))
    sink, code = asked(world)
    row = world.outcome().attempts[0]

    assert ("", True) == (code, sink.done)
    assert ["wörd" in sink.body.decode(), '"name":"f"' in sink.body.decode()] == [True, True]
    assert b"[DONE]" in sink.body
    assert b"content-type: text/event-stream\r\n" in sink.headers
    assert (7, "exact") == (row.input_tokens, row.billing)


@pytest.mark.parametrize("ends", [says, resets], ids=["fin", "reset"])
def test_cut_at_any_byte_it_never_looks_complete(ends: object) -> None:
    """By a clean end and by a reset. The answer is whole when its stop reason was said, and then only; its last event
    goes out with the usage, or at a clean end without it. What then becomes of the connection is no matter.
    """
    make = says if ends is says else resets
    wholes = []
    for cut in range(len(DATA) + 1):
        sink, code = asked(behind(make(DATA[:cut]) if cut else make()))
        if sink.done:
            wholes.append(cut)
        else:
            assert code
            assert cut == len(DATA) or b"[DONE]" not in sink.body
            assert cut >= ENDED or b'finish_reason":"' not in sink.body

    assert ([ENDED, len(DATA)] if make is says else [len(DATA)]) == wholes


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 16, 64])
def test_however_it_is_cut_into_pieces_it_is_the_same(piece: int) -> None:
    whole, _ = asked(behind(says(DATA)))
    sink, code = asked(behind(says(*(DATA[at : at + piece] for at in range(0, len(DATA), piece)))))

    assert ("", whole.body) == (code, sink.body)


def test_a_changed_byte_anywhere_is_malformed_and_goes_elsewhere() -> None:
    """Lengths and content have checksums: before the first word another target answers, unseen."""
    for at in range(len(TALK[0]) + len(TALK[1])):
        data = bytearray(DATA)
        data[at] ^= 0x20
        done = b'data: {"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        world = behind(says(bytes(data)), stream(done))
        sink, code = asked(world)
        first = world.outcome().attempts[0]

        assert ("", done) == (code, sink.body)
        assert Failure.MALFORMED == first.failure, at


def test_a_changed_byte_after_the_first_word_breaks_the_stream() -> None:
    """What is wrong is not passed on, and nothing ends."""
    at = DATA.index(b"fish")
    sink, code = asked(behind(says(DATA[: at - 100], DATA[at - 100 :].replace(b"fish", b"fist", 1))))

    assert "stream_broken" == code
    assert (False, False) == (b"fist" in sink.body, b"[DONE]" in sink.body)


def test_an_event_beyond_the_cap_is_refused_by_its_length_alone() -> None:
    """Its twelve bytes of prelude have come, and nothing is held of what would follow."""
    prelude = (MAX_EVENT_BYTES + 1).to_bytes(4) + (0).to_bytes(4)
    world = behind(says(TALK[0], prelude + crc32(prelude).to_bytes(4), b"x" * 1000))
    _, code = asked(world)

    assert ("upstream_failed", Failure.MALFORMED) == (code, world.outcome().attempts[0].failure)
    assert world.upstream_closed()


def test_an_event_as_long_as_the_cap_passes() -> None:
    """The bound is on one event, not on the answer."""
    text = "x" * (MAX_EVENT_BYTES - 4096)
    long = frames(Reply(mark="0" * 16, pieces=[text, text], prompt=1))
    data = b"".join(long)
    sink, code = asked(behind(says(*(data[at : at + 65536] for at in range(0, len(data), 65536)))))

    assert ("", True) == (code, sink.done)
    assert 2 * len(text) < len(sink.body)


def test_an_exception_inside_the_stream_is_an_error() -> None:
    """Before the first word it goes elsewhere, after it the stream breaks."""
    early = partial(asked, behind(says(TALK[0], *broken()), stream(b"data: [DONE]\n\n")))
    late = partial(asked, behind(says(*TALK[:3], *broken())))

    assert ["", "stream_broken"] == [early()[1], late()[1]]


def test_an_exception_means_what_it_is_called() -> None:
    """Too many requests are that inside a stream as well; what no name tells is the server's error."""
    throttled = message("throttlingException", b'{"message":"slow down"}', "exception")
    worlds = [behind(says(TALK[0], one)) for one in (throttled, *broken())]
    for world in worlds:
        asked(world)

    assert [Failure.RATE, Failure.SERVER] == [world.outcome().attempts[0].failure for world in worlds]


def test_sse_where_binary_was_asked_for_is_no_stream() -> None:
    """A proxy's page, or another server altogether."""
    world = behind(stream(b"data: [DONE]\n\n"))
    sink, code = asked(world)

    assert ("upstream_failed", b"", OutcomeKind.FAILED) == (code, sink.body, world.outcome().kind)
