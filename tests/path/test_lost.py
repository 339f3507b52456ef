"""What a translation cannot carry is said: on the record, or, to a caller who is strict, before anything is sent."""

from __future__ import annotations

import asyncio

import pytest

from poise.decision import OutcomeKind
from poise.errors import Error, Failure
from poise.path.fleet import Forms, Tongue
from poise.wire.conversation.codec import Manner
from poise.wire.dialects import CODECS, between
from tests.path.fakes import ANSWER, DONE, STOP, TOKEN, FakePool, FakeSink, World, stream, whole

BODY = b'{"model":"w","messages":[{"role":"user","content":"hi"}],"logit_bias":{"50256":-100}}'
MESSAGE = (
    b'{"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"hello"}],'
    b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}'
)


def _abroad(world: World, index: int) -> None:
    """Let a target speak Anthropic's dialect."""
    heads = {("chat", streams): b"POST /v1/messages HTTP/1.1\r\n" for streams in (False, True)}
    world.lanes[index].tongues["openai"] = Tongue(
        between("openai", "anthropic", Manner()), heads, Forms(b"application/json")
    )


def test_a_loss_is_on_the_record_and_in_a_header() -> None:
    world, sink = World(FakePool(whole(body=MESSAGE))), FakeSink()
    _abroad(world, 0)
    outcome = asyncio.run(world.ask_for(world.request(body=BODY), sink))

    assert OutcomeKind.COMPLETED == outcome.kind
    assert b"x-poise-lost: logit_bias\r\n" in sink.headers
    assert b'"content":"hello"' in sink.body
    assert [True] == ["logit_bias" in told for told in world.outcome().attempts[0].lost]


def test_a_strict_caller_is_refused_before_anything_is_sent() -> None:
    """With the field's name, and the target's health untouched."""
    world, sink = World(FakePool(whole(body=MESSAGE))), FakeSink()
    _abroad(world, 0)
    request = world.request(body=BODY)
    request.call.strict = True
    with pytest.raises(Error, match="logit_bias") as caught:
        asyncio.run(world.ask_for(request, sink))

    assert ("not_carried", 400) == (caught.value.code, caught.value.status)
    assert [] == world.pools[0].connections
    assert 0 == world.lanes[0].health.evidence


def test_a_strict_caller_is_served_where_nothing_is_lost() -> None:
    """The next candidate speaks the caller's dialect."""
    world, sink = World(FakePool(whole(body=MESSAGE)), FakePool(whole())), FakeSink()
    _abroad(world, 0)
    request = world.request(body=BODY)
    request.call.strict = True
    asyncio.run(world.ask_for(request, sink))

    assert ANSWER == sink.body
    assert b"x-poise-lost" not in sink.headers
    assert () == world.outcome().attempts[1].lost


def test_a_call_that_loses_nothing_is_translated_for_the_strict_too() -> None:
    world, sink = World(FakePool(whole(body=MESSAGE))), FakeSink()
    _abroad(world, 0)
    request = world.request(body=b'{"model":"w","messages":[{"role":"user","content":"hi"}]}')
    request.call.strict = True
    asyncio.run(world.ask_for(request, sink))

    assert b'"content":"hello"' in sink.body
    assert b"x-poise-lost" not in sink.headers


@pytest.mark.parametrize("broken", [b'data: {"choices":[{"del\n\n', b'data: {"choices":[],"note":"\xff"}\n\n'])
def test_events_that_nobody_can_read_are_left_out_and_on_the_record(broken: bytes) -> None:
    """Words may be missing: the client cannot be told which, but whoever asks why can be told that."""
    world, sink = World(FakePool(stream(TOKEN, broken, TOKEN + broken + STOP, DONE))), FakeSink()
    asyncio.run(world.ask(sink, streams=True))
    outcome = world.outcome()

    assert OutcomeKind.COMPLETED == outcome.kind
    assert TOKEN + TOKEN + STOP + DONE == sink.body
    assert ("the stream: 2 events that were no JSON in UTF-8 were left out",) == outcome.attempts[0].lost


def test_a_stream_of_which_nothing_can_be_read_is_malformed() -> None:
    """Four events that are no JSON: the next candidate answers, and the first one's record says why."""
    nonsense = FakePool(stream(4 * b"data: {nonsense}\n\n", TOKEN, STOP, DONE))
    world, sink = World(nonsense, FakePool(stream(TOKEN, STOP, DONE))), FakeSink()
    asyncio.run(world.ask(sink, streams=True))
    first, second = world.outcome().attempts

    assert TOKEN + STOP + DONE == sink.body
    assert (Failure.MALFORMED, "") == (first.failure, second.failure)


SEARCHED = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant",'
    b'"model":"c","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
    b'{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}\n\n'
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"hi"}}\n\n'
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":1}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":2}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)


def test_what_a_stream_loses_is_on_the_record() -> None:
    """A search that the vendor ran has no word in OpenAI chat."""
    world, sink = World(FakePool(stream(SEARCHED))), FakeSink()
    _abroad(world, 0)
    body = b'{"model":"w","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    asyncio.run(world.ask_for(world.request(streams=True, body=body), sink))

    assert b'"content":"hi"' in sink.body
    assert [True] == ["server_tool_use" in told for told in world.outcome().attempts[0].lost]


def test_a_body_too_deep_to_be_translated_is_the_caller_s_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read at the very bound, it is beyond it some frames deeper."""

    def too_deep(*_: object) -> bytes:
        raise RecursionError

    monkeypatch.setattr(CODECS["anthropic"], "write_ask", too_deep)
    world, sink = World(FakePool(whole(body=MESSAGE))), FakeSink()
    _abroad(world, 0)
    with pytest.raises(Error, match="nested too deep"):
        asyncio.run(world.ask_for(world.request(body=BODY), sink))


def test_an_upstream_s_own_code_never_holds_the_key() -> None:
    """Escaped in JSON the key passes a look at the bytes."""
    refusal = b'{"error":{"message":"no","code":"sk-\\u0073ecret"}}'
    world, sink = World(FakePool(whole(400, refusal))), FakeSink()
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask_for(world.request(), sink))

    assert "[key]" == caught.value.vendor_code
