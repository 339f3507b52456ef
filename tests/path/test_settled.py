"""What a request may spend, what is kept of it, and what is never told."""

from __future__ import annotations

import asyncio

import pytest

from poise.decision import OutcomeKind
from poise.errors import Error
from poise.policy import Choose, Objective, Policy, Recover
from tests.path.fakes import (
    DONE,
    STOP,
    TOKEN,
    USAGE,
    FakePool,
    FakeSink,
    World,
    breaks,
    stream,
    whole,
)

ORDER = Choose(mode="order")
ERROR = b'data: {"error":{"message":"out of memory"}}\n\n'


def test_money_is_part_of_the_budget() -> None:
    """A candidate that costs more than the request may spend is dropped; where all do, the caller is told."""
    policy = Policy("w", (), choose=ORDER, recover=Recover(spend_usd_e6=100))
    world = World(FakePool(whole()), policy=policy)
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(FakeSink()))

    assert "over_budget" == caught.value.code
    assert OutcomeKind.REFUSED == world.outcome().kind


def test_a_required_record_refuses_when_it_cannot_be_kept() -> None:
    """Nothing is sent that could not be recorded, where the policy says so."""
    world = World(FakePool(whole()), policy=Policy("w", (), choose=ORDER, record_required=True))
    world.recorder.full = True
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(FakeSink()))

    assert "record_required" == caught.value.code
    assert 0 == len(world.pools[0].connections)


def test_the_providers_key_never_shows() -> None:
    """An upstream that echoes our key in its error: neither the caller nor the record sees it."""
    echo = b'{"error":{"message":"bad key sk-secret given"}}'
    world = World(FakePool(whole(400, echo)))
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(FakeSink()))

    assert "sk-secret" not in str(caught.value)
    assert "sk-secret" not in repr(world.outcome())


def test_an_error_in_the_same_breath_as_the_first_token_fails_over() -> None:
    """Nothing had gone out when both were read, so the caller need not know."""
    world, sink = World(FakePool(stream(TOKEN + ERROR + DONE)), FakePool(stream(TOKEN, STOP, DONE))), FakeSink()
    asyncio.run(world.ask(sink, streams=True))

    assert TOKEN + STOP + DONE == sink.body


@pytest.mark.parametrize(("ends", "complete"), [((0,), False), ((0, 1), True), ((0, 0), False)])
def test_with_several_choices_each_must_end(ends: tuple[int, ...], *, complete: bool) -> None:
    """``n: 2``: the first choice's end is not the answer's, where the upstream sends no [DONE]."""
    marks = [b'data: {"choices":[{"index":%d,"delta":{},"finish_reason":"stop"}]}\n\n' % index for index in ends]
    world, sink = World(FakePool(stream(TOKEN, *marks))), FakeSink()
    request = world.request(body=b'{"model":"w","messages":[],"stream":true,"n":2}')
    if complete:
        asyncio.run(world.ask_for(request, sink))
    else:
        with pytest.raises(Error):
            asyncio.run(world.ask_for(request, sink))

    assert complete == sink.done


def test_half_a_key_is_a_secret_too() -> None:
    """A key that lies across the place where a text is cut is taken out before the cut."""
    for pad in (190, 195, 490, 495):
        echo = b'{"error":{"message":"%bsk-secret is bad"}}' % (b"x" * pad)
        world = World(FakePool(whole(500, echo)))
        with pytest.raises(Error) as caught:
            asyncio.run(world.ask(FakeSink()))

        assert "sk-s" not in str(caught.value)
        assert "sk-s" not in repr(world.outcome())


def test_what_a_cut_stream_had_cost_is_known() -> None:
    """Usage that came behind the words is exact, before their end it was as far as they had come; else the caller's own
    maximum bounds it; else it is estimated by what was seen.
    """

    def billed(body: bytes, *parts: bytes) -> tuple[str, int]:
        world = World(FakePool(breaks(*parts)))
        with pytest.raises(Error):
            asyncio.run(world.ask_for(world.request(body=body), FakeSink()))
        row = world.outcome().attempts[0]
        return row.billing, row.output_tokens

    plain = b'{"model":"w","messages":[],"stream":true}'
    assert ("exact", 3) == billed(plain, TOKEN, STOP, USAGE)
    assert ("estimated", 3) == billed(plain, TOKEN, USAGE)
    assert ("bounded", 99) == billed(b'{"model":"w","messages":[],"stream":true,"max_tokens":99}', TOKEN)
    assert ("estimated", len(TOKEN) * 20 // 160) == billed(plain, *[TOKEN] * 20)


def test_an_expired_deadline_is_refused_at_the_door() -> None:
    """No decision, no call."""
    world = World(FakePool(whole()), policy=Policy("w", (), choose=ORDER, objective=Objective(deadline_us=0)))
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(FakeSink()))

    assert "deadline_exceeded" == caught.value.code
    assert {} == world.recorder.decisions
