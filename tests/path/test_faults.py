"""Errors inside a stream, and errors that are numbers, are what their vendor means by them: on the record and for the caller."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from poise.errors import Error, Failure
from poise.path.fleet import Forms, Tongue
from poise.wire.conversation.codec import Manner
from poise.wire.dialects import DIALECTS, between
from tests.path.fakes import FakePool, FakeSink, Script, World, stream, whole

TOKEN = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
BEGUN = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant",'
    b'"model":"c","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
)


def ask(script: Script, *, vendor: str = "openai", back: str = "openai", streams: bool = True) -> tuple[World, Error]:
    """What comes of an answer of this vendor's."""
    world = World(FakePool(script))
    lane = world.lanes[0]
    lane.target = msgspec.structs.replace(lane.target, vendor=vendor)
    dialect = DIALECTS["openai"] if back == "openai" else between("openai", back, Manner())
    heads = {("chat", streamed): b"POST / HTTP/1.1\r\n" for streamed in (False, True)}
    lane.tongues["openai"] = Tongue(dialect, heads, Forms(b"application/json", b"text/event-stream"))
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(FakeSink(), streams=streams))
    return world, caught.value


@pytest.mark.parametrize(
    ("error", "means", "status"),
    [
        (b'{"message":"Overloaded","type":"overloaded_error"}', Failure.OVERLOAD, 503),
        (b'{"message":"slow down","code":"rate_limit_exceeded"}', Failure.RATE, 429),
        (b'{"message":"the prompt has too many tokens","code":"context_length_exceeded"}', Failure.CONTEXT_LENGTH, 400),
        (b'{"message":"x","code":502}', Failure.SERVER, 502),
        (b'"the GPU fell off"', Failure.SERVER, 502),
    ],
)
def test_an_error_that_is_all_of_a_stream_is_told_as_what_it_is(error: bytes, means: Failure, status: int) -> None:
    """Nothing had gone out, so the caller gets a status, and another target could have been asked where that helps."""
    world, told = ask(stream(b'data: {"error":%b}\n\n' % error))
    attempt = world.outcome().attempts[0]

    assert (means, status) == (attempt.failure, told.status)
    assert (200, "error in the stream") == (attempt.status, attempt.detail[:19])


def test_an_error_after_the_first_words_is_classified_too() -> None:
    """The caller's stream broke; the record says of what, and that what had come is billed."""
    world, told = ask(stream(TOKEN, b'data: {"error":{"message":"Overloaded","type":"overloaded_error"}}\n\n'))
    attempt = world.outcome().attempts[0]

    assert "stream_broken" == told.code
    assert (Failure.OVERLOAD, 200, "estimated") == (attempt.failure, attempt.status, attempt.billing)


@pytest.mark.parametrize(
    ("back", "sent", "means"),
    [
        (
            "anthropic",
            BEGUN
            + b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
            Failure.OVERLOAD,
        ),
        (
            "gemini",
            b'data: {"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}\r\n\r\n',
            Failure.RATE,
        ),
        (
            "responses",
            b'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"slow down"}\n\n',
            Failure.RATE,
        ),
        ("anthropic", BEGUN + 4 * b"event: message_delta\ndata: {nonsense}\n\n", Failure.MALFORMED),
        ("responses", b'event: response.created\ndata: {"type":"response.created","respo', Failure.CUT),
    ],
)
def test_other_dialects_errors_in_a_stream_are_classified(back: str, sent: bytes, means: Failure) -> None:
    """By the vendor's word where there is one; what nobody can read is malformed; bytes that stop in an event are cut."""
    world, _ = ask(stream(sent), back=back)

    assert means == world.outcome().attempts[0].failure


def test_the_provider_s_key_is_in_no_error_of_a_stream() -> None:
    """Not where the vendor quotes it in the words, nor as the name of the error."""
    world, told = ask(stream(b'data: {"error":{"message":"bad sk-secret","code":"sk-secret"}}\n\n'))

    assert "sk-secret" not in f"{told.text}{told.vendor_code}{world.outcome()}"


def test_a_number_means_what_its_own_vendor_means_by_it() -> None:
    """Z.ai's 1113 is an empty account, not a request that is wrong; at another vendor it says nothing."""
    body = b'{"error":{"code":"1113","message":"recharge"}}'
    zai, told = ask(whole(400, body), vendor="zai", streams=False)
    other, rejected = ask(whole(400, body), vendor="openai", streams=False)

    assert (Failure.QUOTA, 429) == (zai.outcome().attempts[0].failure, told.status)
    assert (Failure.BAD_REQUEST, 400) == (other.outcome().attempts[0].failure, rejected.status)


def test_an_error_in_a_whole_success_is_told_as_what_it_is() -> None:
    """OpenRouter answers 200 and names the status inside."""
    world, told = ask(whole(200, b'{"error":{"code":429,"message":"rate limited upstream"}}'), streams=False)

    assert (Failure.RATE, 429) == (world.outcome().attempts[0].failure, told.status)
