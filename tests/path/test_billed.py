"""A record says exact only where the vendor's figures are the last ones and agree; all else is an estimate, never nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import pytest

from poise.decision import AttemptRecord, Usage
from poise.errors import Error
from poise.path.fleet import Forms, Tongue
from poise.wire import interpret
from poise.wire.conversation.answer import Usage as Counted
from poise.wire.conversation.codec import Manner
from poise.wire.dialects import between
from tests.path.fakes import ANSWER, DONE, STOP, TOKEN, FakePool, FakeSink, Script, World, stream, whole

BEGUN = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant",'
    b'"model":"c","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
)
WORD = (
    b"event: content_block_delta\ndata: "
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word "}}\n\n'
)


def ended(written: bytes) -> bytes:
    """The end of a message, with this figure."""
    return (
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":'
        b'{"output_tokens":%b}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n' % written
    )


def record(script: Script, *, streams: bool, back: str = "openai", max_output: int = 0) -> AttemptRecord:
    """Of the only attempt."""
    world = World(FakePool(script))
    if back != "openai":
        heads = {("chat", streamed): b"POST / HTTP/1.1\r\n" for streamed in (False, True)}
        forms = Forms(b"application/json", b"text/event-stream")
        world.lanes[0].tongues["openai"] = Tongue(between("openai", back, Manner()), heads, forms)
    request = world.request(streams=streams)
    request.facts = msgspec.structs.replace(request.facts, max_output=max_output)
    with suppress(Error):  # the record is what is looked at
        asyncio.run(world.ask_for(request, FakeSink()))
    return world.outcome().attempts[0]


def figures(attempt: AttemptRecord) -> tuple[int, int, str]:
    return attempt.input_tokens, attempt.output_tokens, attempt.billing


def test_figures_that_agree_are_exact() -> None:
    assert (7, 3, "exact") == figures(record(whole(), streams=False))
    assert (3, 20, "exact") == figures(record(stream(BEGUN, WORD, ended(b"20")), streams=True, back="anthropic"))


@pytest.mark.parametrize(
    "usage", [b'{"prompt_tokens":0,"completion_tokens":0}', b'{"prompt_tokens":-7,"completion_tokens":3}']
)
@pytest.mark.parametrize("streams", [False, True])
def test_no_tokens_at_all_are_estimated_by_size(usage: bytes, streams: bool) -> None:
    """Ten tokens were estimated of the question; four bytes a token of a whole answer, 160 of a stream."""
    sent = (TOKEN, STOP, b'data: {"choices":[],"usage":%b}\n\n' % usage, DONE)
    body = ANSWER.replace(b'{"prompt_tokens":7,"completion_tokens":3}', usage)
    size = sum(map(len, sent)) // 160 if streams else len(body) // 4
    attempt = record(stream(*sent) if streams else whole(body=body), streams=streams)

    assert (10, size, "estimated") == figures(attempt)


def test_figures_that_contradict_each_other_are_an_estimate() -> None:
    body = ANSWER.replace(b'"completion_tokens":3', b'"completion_tokens":300,"total_tokens":7')

    assert (7, 300, "estimated") == figures(record(whole(body=body), streams=False))


@pytest.mark.parametrize(("max_output", "written", "billing"), [(0, 4, "estimated"), (900, 900, "bounded")])
def test_figures_of_an_answer_that_was_cut_are_not_the_last(max_output: int, written: int, billing: str) -> None:
    """Anthropic counts one token at the start; the vendor bills what it wrote after that too."""
    attempt = record(stream(BEGUN, *[WORD] * 3), streams=True, back="anthropic", max_output=max_output)

    assert (3, written, billing) == figures(attempt)


def test_without_the_look_at_the_figures_a_lie_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ablation: whatever is told is written down as the truth."""

    def believed(usage: Counted) -> Usage:
        return Usage(usage.prompt, usage.completion)

    lies = stream(BEGUN.replace(b":3,", b":0,"), WORD, ended(b"0"))
    looked_at = record(lies, streams=True, back="anthropic")
    monkeypatch.setattr(interpret, "brief", believed)
    ablated = record(lies, streams=True, back="anthropic")

    assert "estimated" == looked_at.billing
    assert (0, 0, "exact") == figures(ablated)
