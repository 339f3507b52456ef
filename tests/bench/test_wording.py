"""The bytes of both ends: events are found again whatever a proxy does around them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.sim.bench.wording import (
    ANSWER,
    EVENT_BYTES,
    EVENTS,
    FIRST_EVENT,
    LAST_EVENTS,
    MARK,
    chat_body,
    chunk,
    event,
    fill,
    post,
    stamp,
    stream_body,
)


@given(st.integers(0, 10**16 - 1), st.integers(0, 10**6 - 1))
def test_an_event_says_when_it_was_sent_and_its_number(sent_us: int, number: int) -> None:
    """Whatever the values, the length is the same and both are read back."""
    data = event(sent_us, number)

    assert EVENT_BYTES == len(data)
    assert (sent_us, number) == stamp(data, data.find(MARK))
    assert json.loads(data.removeprefix(b"data: "))["choices"][0]["delta"]["content"].endswith(f"n={number:06d}")


def test_only_events_in_between_carry_the_mark() -> None:
    """The head and the end of a stream must not be counted as events."""
    assert 0 == FIRST_EVENT.count(MARK) + LAST_EVENTS.count(MARK)
    assert 1 == event(1, 1).count(MARK)


def test_bodies_have_the_sizes_the_figures_are_named_for() -> None:
    """About 300 bytes of answer, 280 of question, 200 of event."""
    assert 280 <= len(ANSWER) <= 320
    assert 260 <= len(chat_body()) <= 300
    assert 170 <= EVENT_BYTES <= 220
    assert json.loads(ANSWER)["usage"]["total_tokens"] == 54


def test_the_last_events_are_usage_and_done() -> None:
    """A stream ends as vendors end it: finish reason, usage, [DONE]."""
    finish, usage, done = LAST_EVENTS.decode().removesuffix("\n\n").split("\n\n")

    assert "stop" == json.loads(finish.removeprefix("data: "))["choices"][0]["finish_reason"]
    assert 54 == json.loads(usage.removeprefix("data: "))["usage"]["total_tokens"]
    assert "data: [DONE]" == done


def test_a_request_for_a_stream_says_how_many_events() -> None:
    """The number stands in the message, where no proxy rewrites it."""
    asked = json.loads(stream_body(550))

    assert asked["stream"] is True
    assert asked["messages"][-1]["content"].endswith(f"{EVENTS.decode()}550")
    assert EVENTS not in chat_body()


def test_a_request_has_the_length_of_its_body() -> None:
    """One whole HTTP/1.1 request with the key."""
    head, _, body = post(b'{"a":1}').partition(b"\r\n\r\n")

    assert b'{"a":1}' == body
    assert b"Content-Length: 7" in head
    assert b"Authorization: Bearer sk-bench" in head


def test_chunks_are_sized_in_hexadecimal() -> None:
    """RFC 9112, 7.1."""
    assert b"1a\r\n" + b"x" * 26 + b"\r\n" == chunk(b"x" * 26)


def test_a_template_is_filled_completely_or_refused(tmp_path: Path) -> None:
    """An unknown value and a place left empty are both mistakes of ours."""
    template = tmp_path / "t.conf"
    template.write_text("listen @port@; work @work@;")

    assert "listen 80; work /w;" == fill(template, port=80, work="/w")
    with pytest.raises(ValueError, match="nothing was put in"):
        fill(template, port=80)
    with pytest.raises(ValueError, match="has no @host@"):
        fill(template, port=80, work="/w", host="x")
