"""A client that goes: the upstream is closed where that saves money, and read to its end where it does not."""

from __future__ import annotations

import asyncio

import pytest

from poise.decision import AttemptRecord, OutcomeKind
from poise.path.fleet import Tongue
from tests.path.fakes import DONE, STOP, TOKEN, USAGE, FakePool, FakeSink, World, begins, turns


def _world(*, drains: bool) -> World:
    world = World(FakePool(begins(TOKEN)))
    tongue = world.lanes[0].tongues["openai"]
    world.lanes[0].tongues["openai"] = Tongue(tongue.dialect, tongue.heads, drains=drains)
    return world


async def _left(world: World) -> tuple[asyncio.Task[object], FakeSink]:
    """A client that asked for a stream, had a token of it, and went."""
    sink = FakeSink()
    task = asyncio.create_task(world.stack.admit(world.request(streams=True), sink))
    await turns()
    assert TOKEN == sink.body
    task.cancel()
    await turns()
    return task, sink


async def _row(world: World, task: asyncio.Task[object]) -> AttemptRecord:
    with pytest.raises(asyncio.CancelledError):
        await task
    assert OutcomeKind.CLIENT_GONE == world.outcome().kind
    assert 0 == world.lanes[0].in_flight
    assert 0 == len(world.stack.call.live)
    return world.outcome().attempts[0]


def test_where_hanging_up_saves_money_it_is_done_at_once() -> None:
    async def story() -> AttemptRecord:
        world = _world(drains=False)
        task, _ = await _left(world)
        assert world.upstream_closed()
        return await _row(world, task)

    assert "estimated" == asyncio.run(story()).billing


def test_where_it_does_not_the_tokens_are_waited_for() -> None:
    """The vendor bills the whole answer: its usage is read, nothing goes to the client, and the bill is exact."""

    async def story() -> AttemptRecord:
        world = _world(drains=True)
        task, sink = await _left(world)
        assert not world.upstream_closed()
        receiver = world.pools[0].connections[0].receiver
        assert receiver is not None
        receiver.body(TOKEN + STOP + USAGE + DONE)
        assert TOKEN == sink.body
        return await _row(world, task)

    row = asyncio.run(story())
    assert (7, 3, "exact") == (row.input_tokens, row.output_tokens, row.billing)


def test_a_drain_is_bounded() -> None:
    """Ten seconds, then the connection is closed, and the bill is an estimate."""

    async def story() -> AttemptRecord:
        world = _world(drains=True)
        task, _ = await _left(world)
        world.pass_time(9.9)
        await turns()
        assert not world.upstream_closed()
        world.pass_time(0.2)
        row = await _row(world, task)
        assert world.upstream_closed()
        return row

    assert "estimated" == asyncio.run(story()).billing


def test_a_server_that_stops_drains_nothing() -> None:
    """Its own grace time is for clients that are still there."""

    async def story() -> None:
        world = _world(drains=True)
        sink = FakeSink()
        task = asyncio.create_task(world.stack.admit(world.request(streams=True), sink))
        await turns()
        sink.cut = True
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert world.upstream_closed()
        assert OutcomeKind.DRAINED == world.outcome().kind

    asyncio.run(story())


def test_a_drain_can_be_called_off_as_well() -> None:
    """A second cancellation, as a server that stops sends it: the connection is closed."""

    async def story() -> None:
        world = _world(drains=True)
        task, _ = await _left(world)
        task.cancel()
        await _row(world, task)

        assert world.upstream_closed()

    asyncio.run(story())
