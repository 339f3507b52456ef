"""Hedging: a second attempt beside a first that is slow to begin."""

from __future__ import annotations

import asyncio

import pytest

from poise.decision import OutcomeKind
from poise.policy import Choose, Hedge, Policy, Recover
from poise.rules.quantile import FEWEST, Quantiles
from tests.path.fakes import (
    DONE,
    STOP,
    TOKEN,
    FakePool,
    FakeSink,
    Script,
    World,
    begins,
    silent,
    stream,
    turns,
    whole,
)

HEDGED = Policy("w", (), choose=Choose(mode="order"), recover=Recover(hedge=Hedge(after_us=800_000)))


async def _asked(world: World, *, streams: bool = True, tools: bool = False) -> tuple[asyncio.Task[object], FakeSink]:
    sink = FakeSink()
    request = world.request(streams=streams)
    if tools:
        import msgspec

        request.facts = msgspec.structs.replace(request.facts, tools=True)
    task = asyncio.create_task(world.stack.admit(request, sink))
    await turns()
    return task, sink


def _calls(world: World) -> list[int]:
    return [len(pool.connections) for pool in world.pools]


@pytest.mark.parametrize("streams", [True, False])
def test_a_slow_first_is_overtaken(streams: bool) -> None:
    """After 800 ms the next is asked too; its answer goes out, and the first is closed and written down."""

    async def story() -> None:
        script: Script = stream(TOKEN, STOP, DONE) if streams else whole()
        world = World(FakePool(silent), FakePool(script), policy=HEDGED)
        task, sink = await _asked(world, streams=streams)
        world.pass_time(0.7)
        await turns()
        assert [1, 0] == _calls(world)
        world.pass_time(0.2)
        await task

        assert sink.done
        assert [1, 1] == _calls(world)
        assert world.upstream_closed()
        assert [("a@p", "cancelled"), ("b@p", "")] == [(row.target, row.failure) for row in world.outcome().attempts]
        assert "faster" in world.outcome().attempts[0].detail
        assert 0 == world.lanes[0].health.evidence
        assert [0, 0] == [lane.in_flight for lane in world.lanes]

    asyncio.run(story())


def test_a_first_that_begins_in_time_runs_alone() -> None:
    """And a stream that has begun is never raced, however long it takes."""

    async def story() -> None:
        world = World(FakePool(begins(TOKEN)), FakePool(whole()), policy=HEDGED)
        task, sink = await _asked(world)
        world.pass_time(5)
        await turns()
        receiver = world.pools[0].connections[0].receiver
        assert receiver is not None
        receiver.body(STOP + DONE)
        await task

        assert [1, 0] == _calls(world)
        assert TOKEN + STOP + DONE == sink.body

    asyncio.run(story())


def test_the_first_may_still_win() -> None:
    """It begins while the second is silent: the second is called off, and not one byte of it was seen."""

    async def story() -> None:
        world = World(FakePool(silent), FakePool(silent), policy=HEDGED)
        task, sink = await _asked(world)
        world.pass_time(1)
        await turns()
        assert [1, 1] == _calls(world)
        stream(TOKEN, STOP, DONE)(world.pools[0].connections[0])
        await task

        assert TOKEN + STOP + DONE == sink.body
        assert world.upstream_closed(1)
        assert [("b@p", "cancelled"), ("a@p", "")] == [(row.target, row.failure) for row in world.outcome().attempts]

    asyncio.run(story())


def test_both_in_one_breath_is_one_answer() -> None:
    """Two first tokens in the same turn of the loop: one owns the client."""

    async def story() -> None:
        world = World(FakePool(silent), FakePool(silent), policy=HEDGED)
        task, sink = await _asked(world)
        world.pass_time(1)
        await turns()
        for pool in world.pools:
            stream(TOKEN, STOP, DONE)(pool.connections[0])
        await task

        assert TOKEN + STOP + DONE == sink.body
        assert OutcomeKind.COMPLETED == world.outcome().kind

    asyncio.run(story())


@pytest.mark.parametrize("allowed", [True, False])
def test_tools_are_hedged_only_where_the_policy_says_so(allowed: bool) -> None:
    """Two models may call them."""

    async def story() -> None:
        hedge = Hedge(after_us=800_000, tools=allowed)
        policy = Policy("w", (), choose=Choose(mode="order"), recover=Recover(hedge=hedge))
        world = World(FakePool(silent), FakePool(silent), policy=policy)
        task, _ = await _asked(world, tools=True)
        world.pass_time(2)
        await turns()
        task.cancel()
        await turns()

        assert [1, int(allowed)] == _calls(world)

    asyncio.run(story())


def test_hedges_are_a_small_share() -> None:
    """Of a thousand slow firsts a twentieth is hedged, whatever the policy says."""

    async def story() -> int:
        world = World(FakePool(silent), FakePool(silent), policy=HEDGED)
        for _ in range(1000):
            task, _ = await _asked(world)
            world.pass_time(0.9)
            await turns(8)
            task.cancel()
            await turns(8)
            world.clock.at_us -= 890_000
        return _calls(world)[1]

    assert 40 <= asyncio.run(story()) <= 60


def test_a_worker_that_is_late_itself_hedges_nothing() -> None:
    """Its own lateness is not the target's, and more work is no help."""

    async def story() -> None:
        world = World(FakePool(silent), FakePool(silent), policy=HEDGED)
        world.stack.recover.lag_us = 100_000
        task, _ = await _asked(world)
        world.pass_time(2)
        await turns()
        task.cancel()

        assert [1, 0] == _calls(world)

    asyncio.run(story())


def test_both_failing_goes_on_to_the_third() -> None:
    """A race that nobody wins is a failed attempt like any other."""

    async def story() -> None:
        world = World(FakePool(silent), FakePool(whole(503, b"{}")), FakePool(whole()), policy=HEDGED)
        task, sink = await _asked(world, streams=False)
        world.pass_time(1)
        await turns()
        whole(503, b"{}")(world.pools[0].connections[0])
        await task

        assert sink.done
        assert ["b@p", "a@p", "c@p"] == [row.target for row in world.outcome().attempts]

    asyncio.run(story())


def test_the_client_goes_in_mid_race() -> None:
    """Both are closed, both are written down, one outcome."""

    async def story() -> None:
        world = World(FakePool(silent), FakePool(silent), policy=HEDGED)
        task, _ = await _asked(world)
        world.pass_time(1)
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert world.upstream_closed(0)
        assert world.upstream_closed(1)
        assert ["cancelled", "cancelled"] == [row.failure for row in world.outcome().attempts]
        assert OutcomeKind.CLIENT_GONE == world.outcome().kind

    asyncio.run(story())


def test_a_percentile_waits_until_it_is_known() -> None:
    """Below twenty samples nothing is hedged; then it is the 95th of a hundred, at most a fifth too high."""
    quantiles = Quantiles()
    for i in range(FEWEST - 1):
        quantiles.add(1000 * i)
    assert -1 == quantiles.at(95)
    quantiles = Quantiles()
    for i in range(1, 101):
        quantiles.add(10_000 * i)
    assert 950_000 <= quantiles.at(95) <= 950_000 * 1.2


def test_old_samples_fade() -> None:
    """What was slow an hour ago is not waited for now."""
    quantiles = Quantiles()
    for _ in range(1000):
        quantiles.add(5_000_000)
    for _ in range(10_000):
        quantiles.add(100_000)
    assert quantiles.at(95) <= 120_000
