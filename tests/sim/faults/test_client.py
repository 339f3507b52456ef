"""The table's client is as strict as the vendors' own: what it cannot read is visible, what lacks its end is odd."""

from __future__ import annotations

import pytest

from poise.sim.faults.client import Told, Wish, read_stream

DONE = {
    "openai": b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
    "responses": b'data: {"type":"response.completed"}\n\n',
    "anthropic": b'data: {"type":"message_stop"}\n\n',
    "gemini": b'data: {"candidates":[{"finishReason":"STOP"}]}\n\n',
}
WORD = {
    "openai": b'data: {"choices":[{"delta":{"content":"word"},"finish_reason":null}]}\n\n',
    "responses": b'data: {"type":"response.output_text.delta","delta":"word"}\n\n',
    "anthropic": b'data: {"type":"content_block_delta","delta":{"text":"word"}}\n\n',
    "gemini": b'data: {"candidates":[{"content":{"parts":[{"text":"word"}]}}]}\n\n',
}


def read(dialect: str, body: bytes, *, framed: bool = True) -> Told:
    told = Told(Wish(0.0, "p", "k", dialect), 0)  # type: ignore[arg-type]  # one of the four
    read_stream(told, body, framed=framed)
    return told


@pytest.mark.parametrize("dialect", DONE)
def test_only_an_answer_with_its_end_is_complete(dialect: str) -> None:
    """Without the dialect's own end it is odd, without HTTP's it is cut."""
    word, done = WORD[dialect], DONE[dialect]

    assert ("complete", "wordword") == ((told := read(dialect, word + word + done)).ended, told.text)
    assert "odd" == read(dialect, word).ended
    assert "cut" == read(dialect, word + done, framed=False).ended


@pytest.mark.parametrize("dialect", DONE)
def test_error_event_is_told_and_broken_json_raises(dialect: str) -> None:
    error = b'data: {"type":"error","error":{"code":"stream_broken"}}\n\n'

    assert ("told", "stream_broken") == ((told := read(dialect, WORD[dialect] + error)).ended, told.code)
    for broken in (b'data: {"choices": [{\n\n', b'data: {"a":"\xff"}\n\n'):
        with pytest.raises(ValueError, match=r"utf-8|Expecting"):
            read(dialect, broken)


@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\n"])
def test_lines_end_in_any_of_three_ways(end: bytes) -> None:
    body = (b"\xef\xbb\xbf: hello\n" + WORD["openai"] + DONE["openai"]).replace(b"\n", end)

    assert ("complete", "word") == ((told := read("openai", body)).ended, told.text)
