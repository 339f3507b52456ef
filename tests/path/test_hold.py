"""How much of a streamed answer must have come before any of it goes out."""

from __future__ import annotations

import asyncio

import pytest

from poise.decision import OutcomeKind
from poise.errors import Error
from poise.policy import Choose, Hold, Policy
from tests.path.fakes import DONE, STOP, TOKEN, FakePool, FakeSink, World, begins, breaks, stream, turns

ANSWER = (*[TOKEN] * 20, STOP, DONE)


def _world(hold: Hold, *pools: FakePool) -> World:
    return World(*pools, policy=Policy("w", (), choose=Choose(mode="order"), hold=hold))


@pytest.mark.parametrize("hold", [Hold(tokens=16), Hold(wait_us=2_000_000), Hold(whole=True)])
def test_what_breaks_while_it_is_held_is_repaired_unseen(hold: Hold) -> None:
    """Ten tokens had come: the client sees the other's answer, whole, and no trace of the first."""
    world, sink = _world(hold, FakePool(breaks(*[TOKEN] * 10)), FakePool(stream(*ANSWER))), FakeSink()
    outcome = asyncio.run(world.ask(sink, streams=True))

    assert b"".join(ANSWER) == sink.body
    assert OutcomeKind.COMPLETED == outcome.kind
    assert ["cut", ""] == [row.failure for row in outcome.attempts]


def test_without_a_hold_it_is_not() -> None:
    """The same break, seen."""
    world, sink = _world(Hold(), FakePool(breaks(*[TOKEN] * 10)), FakePool(stream(*ANSWER))), FakeSink()
    with pytest.raises(Error):
        asyncio.run(world.ask(sink, streams=True))

    assert TOKEN * 10 == sink.body


def test_it_goes_out_at_the_sixteenth_token() -> None:
    """Fifteen: nothing; sixteen: all of them."""

    async def story() -> None:
        world, sink = _world(Hold(tokens=16), FakePool(begins(*[TOKEN] * 15))), FakeSink()
        task = asyncio.create_task(world.stack.admit(world.request(streams=True), sink))
        await turns()
        assert b"" == sink.body
        receiver = world.pools[0].connections[0].receiver
        assert receiver is not None
        receiver.body(TOKEN)
        assert TOKEN * 16 == sink.body
        receiver.body(TOKEN)
        assert TOKEN * 17 == sink.body
        task.cancel()

    asyncio.run(story())


def test_it_goes_out_when_its_time_has_come() -> None:
    """Two seconds after the first token, though nothing else comes."""

    async def story() -> None:
        world, sink = _world(Hold(wait_us=2_000_000), FakePool(begins(TOKEN))), FakeSink()
        task = asyncio.create_task(world.stack.admit(world.request(streams=True), sink))
        await turns()
        world.pass_time(1.9)
        assert b"" == sink.body
        world.pass_time(0.2)
        assert TOKEN == sink.body
        task.cancel()

    asyncio.run(story())


def test_a_whole_answer_goes_out_at_its_end() -> None:
    """Not a byte before, and a first token that is timed when it came."""

    async def story() -> None:
        world, sink = _world(Hold(whole=True), FakePool(begins(*[TOKEN] * 20))), FakeSink()
        task = asyncio.create_task(world.stack.admit(world.request(streams=True), sink))
        await turns()
        assert b"" == sink.body
        world.pass_time(5)
        receiver = world.pools[0].connections[0].receiver
        assert receiver is not None
        receiver.body(STOP + DONE)
        outcome = await task

        assert b"".join(ANSWER) == sink.body
        assert 0 == outcome.attempts[0].first_token_us

    asyncio.run(story())
