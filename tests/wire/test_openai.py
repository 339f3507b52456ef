"""The OpenAI dialect's corners: what is read of a call, of a stream, and of events in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.decision import Usage
from poise.errors import Failure
from poise.wire.openai import OpenAI
from poise.wire.openai.stream import ChatStream
from poise.wire.sse import MAX_EVENT_BYTES, Splitter, TooLong, events_of, last_boundary

STREAM = b'{"model":"m","messages":[],"stream":true}'


@pytest.mark.parametrize("word", ["image_url", "input_audio", "file"])
def test_a_word_is_not_a_picture(word: str) -> None:
    """A message, a name or a text that is just the word of a part type says nothing of modalities."""
    for body in (
        b'{"model":"m","messages":[{"role":"user","content":"%b"}]}',
        b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"%b"}]}]}',
        b'{"model":"m","messages":[{"role":"tool","name":"%b","content":"x"}]}',
    ):
        assert () == OpenAI().read_call("chat", body % word.encode()).modalities


def test_parts_are_told_by_their_type() -> None:
    """Blanks around the colon change nothing; an inline picture is not counted as text."""
    part = b'{"type" : "image_url", "image_url": {"url": "data:image/png;base64,%b"}}' % (b"A" * 40_000)
    call = OpenAI().read_call("chat", b'{"model":"m","messages":[{"role":"user","content":[%b]}]}' % part)

    assert ("image",) == call.modalities
    assert 1000 > call.tokens


def test_limits_are_read_where_they_are() -> None:
    """A null beside the older name, and the field that belongs to the API called."""
    said = b'{"model":"m","messages":[],"max_completion_tokens":null,"max_tokens":7,"n":3}'
    call = OpenAI().read_call("chat", said)

    assert (7, 3) == (call.max_output, call.choices)
    with pytest.raises(Exception, match="no messages"):
        OpenAI().read_call("chat", b'{"model":"m","input":"x"}')
    with pytest.raises(Exception, match="no input"):
        OpenAI().read_call("embeddings", b'{"model":"m","messages":[]}')


def test_a_vendor_that_writes_blanks_is_understood() -> None:
    """``"finish_reason": "stop"`` ends an answer, and ``"usage": null`` that we caused is taken out."""
    reader = OpenAI().stream_reader(OpenAI().read_call("chat", STREAM))
    token = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": null}], "usage": null}\n\n'
    stop = b'data: {"usage": null, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 6}}\n\n'
    out = reader.feed(token) + reader.feed(token) + reader.feed(stop) + reader.feed(usage)

    assert b"usage" not in out
    assert reader.finished
    assert Usage(5, 6) == reader.usage


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"\r", b"data: x", b"\n\n"]), max_size=30), st.data())
def test_events_come_out_whole_however_they_are_cut(parts: list[bytes], data: st.DataObject) -> None:
    """What goes out always ends with an empty line, nothing is lost, and events_of takes nothing away."""
    body = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    splitter, out = Splitter(), b""
    for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True):
        piece = body[start:end]
        if piece:
            events = splitter.feed(piece)
            assert last_boundary(events) == len(events)
            out += events

    assert body == out + splitter.tail
    assert body == b"".join(events_of(body))


def test_an_event_without_end_is_refused_at_its_bound() -> None:
    """In small pieces as in one."""
    splitter = Splitter()
    for _ in range(MAX_EVENT_BYTES // 1024):
        assert not splitter.feed(b"x" * 1024)
    with pytest.raises(TooLong):
        splitter.feed(b"x")
    with pytest.raises(TooLong):
        Splitter().feed(b"x" * (MAX_EVENT_BYTES + 1))


def test_an_event_that_is_not_json_is_left_out() -> None:
    """Clients' own parsers would break on it, and on bytes that are no UTF-8; the rest of the answer is sound."""
    stream = ChatStream(injected=False)
    for bad in (b'data: {"model":"gpt\xe6","choices":[]}\n\n', b'data: {"choices":[\n\n', b"data: <html>\n\n"):
        assert b"" == stream.feed(bad)
    assert "" == stream.error

    assert b"" == stream.feed(b"data: once more\n\n")
    assert (True, Failure.MALFORMED) == ("not JSON" in stream.error, stream.failure)


def test_an_event_that_is_not_json_is_left_out_in_mid_answer_too() -> None:
    """Where events are no longer parsed."""
    token = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
    stream = ChatStream(injected=False)
    stream.feed(token)

    assert b"" == stream.feed(token[:-8] + b"\n\n")
    assert b"" == stream.feed(token.replace(b"hi", b"\xff"))
    assert token.replace(b"hi", "日本".encode()) == stream.feed(token.replace(b"hi", "日本".encode()))
