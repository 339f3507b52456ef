"""The binary framing: any cut gives the same messages, any changed byte is told, nothing grows without bound."""

from __future__ import annotations

import contextlib
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.wire.bedrock.frames import Corrupt, Message, Splitter, messages_of, write
from poise.wire.sse import MAX_EVENT_BYTES, TooLong

MESSAGES = st.lists(
    st.tuples(st.sampled_from(["contentBlockDelta", "metadata", "x" * 30]), st.binary(max_size=60)),
    min_size=1,
    max_size=4,
)


def _split(raw: bytes, cuts: list[int]) -> tuple[list[Message], bytes]:
    splitter = Splitter()
    found: list[Message] = []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        found += messages_of(splitter.feed(raw[start:end]))
    return found, splitter.tail


@given(MESSAGES, st.data())
def test_any_cut_gives_the_same_messages(said: list[tuple[str, bytes]], data: st.DataObject) -> None:
    """And what is not complete stays, to the last byte."""
    raw = b"".join(write(name, payload) for name, payload in said)
    end = data.draw(st.integers(0, len(raw)))
    cuts = sorted(data.draw(st.lists(st.integers(0, end), max_size=8)))
    found, tail = _split(raw[:end], cuts)

    whole = [Message("event", name, payload) for name, payload in said]
    assert found == whole[: len(found)]
    assert raw[:end].endswith(tail)
    assert end - len(tail) == sum(len(write(name, payload)) for name, payload in said[: len(found)])


@given(MESSAGES, st.data())
def test_byte_by_byte_is_as_whole(said: list[tuple[str, bytes]], data: st.DataObject) -> None:
    """The finest cut."""
    raw = b"".join(write(name, payload) for name, payload in said)

    assert _split(raw, list(range(1, len(raw)))) == _split(raw, [])


@given(MESSAGES, st.data())
def test_one_changed_byte_is_told(said: list[tuple[str, bytes]], data: st.DataObject) -> None:
    """By a checksum, wherever it is; a length that seems longer may also just never come."""
    raw = bytearray(b"".join(write(name, payload) for name, payload in said))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises((Corrupt, TooLong)):
        _split(bytes(raw), [])


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_garbage_raises_only_what_is_declared(raw: bytes) -> None:
    """Fed to either half."""
    for call in (messages_of, Splitter().feed):
        with contextlib.suppress(Corrupt, TooLong):
            call(raw)


@settings(max_examples=300)
@given(st.binary(max_size=60), st.binary(max_size=10))
def test_headers_that_are_garbage_raise_only_what_is_declared(headers: bytes, payload: bytes) -> None:
    """With checksums that hold."""
    with contextlib.suppress(Corrupt):
        messages_of(_message(headers, payload))


def _message(headers: bytes, payload: bytes, length: int = 0) -> bytes:
    prelude = struct.pack("!II", length or 16 + len(headers) + len(payload), len(headers))
    prelude += struct.pack("!I", zlib.crc32(prelude))
    whole = prelude + headers + payload
    return whole + struct.pack("!I", zlib.crc32(whole))


def test_a_message_that_claims_to_be_too_long_is_refused_before_it_came() -> None:
    """After twelve bytes."""
    with pytest.raises(TooLong):
        Splitter().feed(_message(b"", b"", MAX_EVENT_BYTES + 1)[:12])


def test_headers_of_every_type_are_passed_over() -> None:
    """Numbers, moments and the like stand beside the text that counts."""
    values = {0: b"", 1: b"", 2: b"a", 3: b"ab", 4: b"abcd", 5: b"8" * 8, 6: b"\x00\x03abc", 8: b"8" * 8, 9: b"u" * 16}
    headers = b"".join(b"\x02h%d%c%b" % (kind, kind, value) for kind, value in values.items())
    headers += b"\x0b:event-type\x07\x00\x02up"

    assert [Message("event", "up", b"{}")] == messages_of(_message(headers, b"{}"))


def test_an_error_without_a_payload_is_told_by_its_headers() -> None:
    """The second kind of error that the framing has."""
    fields = ((":message-type", "error"), (":error-code", "InternalError"), (":error-message", "it broke"))
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in fields
    )

    assert [Message("error", "InternalError", b"", "it broke")] == messages_of(_message(headers, b""))


def test_many_pieces_of_one_long_message_cost_no_square() -> None:
    """Each byte is looked at once: the pieces are joined when all have come."""
    raw = write("contentBlockDelta", b"x" * 200_000)
    splitter = Splitter()
    for at in range(0, len(raw) - 1, 7):
        assert b"" == splitter.feed(raw[at : min(at + 7, len(raw) - 1)])

    assert raw == splitter.feed(raw[-1:])
    assert b"" == splitter.tail
