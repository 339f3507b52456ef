"""A Gemini stream that is read as one array: the vendor's own elements, however the bytes were cut."""

from __future__ import annotations

import json

import pytest

from poise.wire.call import Call
from poise.wire.conversation.codec import Manner
from poise.wire.dialects import between
from poise.wire.sse import Splitter

ELEMENTS = [
    {"candidates": [{"content": {"parts": [{"text": "é\n"}]}, "index": 0}], "usageMetadata": {"promptTokenCount": 3}},
    {"candidates": [{"content": {"parts": [{"text": "b"}]}}], "aFieldOfTomorrow": {"kept": [1]}},
    {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}},
]
STREAM = b"".join(b"data: %b\r\n\r\n" % json.dumps(one, ensure_ascii=False).encode() for one in ELEMENTS)
DIALECT = between("gemini-array", "gemini", Manner())


def call() -> Call:
    return DIALECT.read_call("chat", b'{"contents":[]}', "m", stream=True)


@pytest.mark.parametrize("size", [1, 2, 7, 64, len(STREAM)])
def test_every_field_of_every_event_is_an_element_s(size: int) -> None:
    """Figures on each event and fields that nobody knows stay where they were; the answer is whole and counted."""
    reader, splitter, out = DIALECT.stream_reader(call()), Splitter(), b""
    for start in range(0, len(STREAM), size):
        out += reader.feed(splitter.feed(STREAM[start : start + size]))
    out += reader.close(splitter.tail)

    assert ELEMENTS == json.loads(out)
    assert reader.finished
    assert reader.usage is not None
    assert (3, 2) == (reader.usage.input_tokens, reader.usage.output_tokens)


def test_a_last_event_without_its_empty_line_is_an_element_too() -> None:
    """It is whole but for that."""
    reader, tail = DIALECT.stream_reader(call()), STREAM.rstrip().rpartition(b"\r\n\r\n")[2]
    out = reader.feed(STREAM[: STREAM.index(tail)]) + reader.close(tail)

    assert ELEMENTS == json.loads(out)
    assert reader.finished


def test_an_array_that_is_cut_is_not_complete() -> None:
    """No end of the answer came, so none is told."""
    reader = DIALECT.stream_reader(call())
    reader.feed(STREAM[: STREAM.index(b"data:", 10)])
    reader.close(b"data: {")

    assert not reader.finished


def test_the_request_goes_on_as_it_came() -> None:
    """Nothing is translated between the two framings of one dialect."""
    assert "gemini-array" == DIALECT.name
    assert call().lost is None
