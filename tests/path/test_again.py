"""Trying again: where, after how long, and how often in all."""

from __future__ import annotations

import asyncio

import pytest

from poise.errors import Error
from poise.path.fleet import Tongue
from poise.policy import Choose, Objective, Policy, Recover
from poise.rules.budget import TTL_US, Budget
from tests.path.fakes import (
    START_US,
    FakePool,
    FakeSink,
    Script,
    World,
    silent,
    turns,
    whole,
)

ORDER = Choose(mode="order")


def refused(status: int, *headers: tuple[bytes, bytes]) -> Script:
    """An error status, with headers."""
    return lambda connection: connection.answer(status, [(b"content-type", b"application/json"), *headers], b"{}")


async def _served(world: World) -> tuple[int, float]:
    """Ask once; the status the caller got, and the seconds that passed."""
    sink = FakeSink()
    began_us = world.clock.at_us
    try:
        await world.ask(sink)
    except Error as error:
        return error.status, (world.clock.at_us - began_us) / 1e6
    return sink.status, (world.clock.at_us - began_us) / 1e6


@pytest.mark.parametrize("status", [500, 502, 503, 529, 429])
def test_one_hiccup_alone_costs_one_more_attempt(status: int) -> None:
    """F04: nobody else to ask: the same target, after a moment, well within a second."""
    world = World(FakePool(refused(status), whole()))
    got, took_s = asyncio.run(_served(world))

    assert 200 == got
    assert 0.1 <= took_s <= 1.0
    assert [status, 200] == [row.status for row in world.outcome().attempts]


def test_a_target_that_goes_on_failing_is_asked_twice_at_most() -> None:
    """F02, F05: then the caller is told, within 1.5 s."""
    world = World(FakePool(refused(503)))
    got, took_s = asyncio.run(_served(world))

    assert got >= 500
    assert took_s <= 1.5
    assert 2 == len(world.pools[0].connections)


def test_elsewhere_comes_first() -> None:
    """No wait where somebody else can serve, and the failed one is not asked again."""
    world = World(FakePool(refused(503)), FakePool(whole()))
    got, took_s = asyncio.run(_served(world))

    assert (200, 0.0) == (got, took_s)
    assert 1 == len(world.pools[0].connections)


@pytest.mark.parametrize(("said", "low_s", "high_s"), [(b"2", 2.0, 2.4), (b"0", 0.0, 0.1), (b"-5", 0.0, 0.5)])
def test_retry_after_is_kept(said: bytes, low_s: float, high_s: float) -> None:
    """F01: nothing is sent inside the window, and what follows comes at most a fifth later."""
    world = World(FakePool(refused(429, (b"retry-after", said)), whole()))
    got, took_s = asyncio.run(_served(world))

    assert 200 == got
    assert low_s <= took_s <= high_s


@pytest.mark.parametrize("said", [b"30", b"1000000000"])
def test_a_window_beyond_the_deadline_is_told_at_once(said: bytes) -> None:
    """The caller hears it, instead of waiting for nothing."""
    policy = Policy("w", (), choose=ORDER, objective=Objective(deadline_us=10_000_000))
    world = World(FakePool(refused(429, (b"retry-after", said)), whole()), policy=policy)
    got, took_s = asyncio.run(_served(world))

    assert (429, 0.0) == (got, took_s)
    assert 1 == len(world.pools[0].connections)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    """The caller's own mistake, a bad key, a missing model."""
    world = World(FakePool(refused(status), whole()))
    got, _ = asyncio.run(_served(world))

    assert got != 200
    assert 1 == len(world.pools[0].connections)


def test_a_silent_target_is_not_asked_again() -> None:
    """F18: it would be silent once more."""

    async def story() -> None:
        world, sink = World(FakePool(silent)), FakeSink()
        task = asyncio.create_task(world.stack.admit(world.request(streams=True), sink))
        await turns()
        world.pass_time(11)
        with pytest.raises(Error) as caught:
            await task

        assert "upstream_timeout" == caught.value.code
        assert 1 == len(world.pools[0].connections)

    asyncio.run(story())


def test_extra_attempts_are_a_share_of_the_traffic() -> None:
    """F70: both targets fail for minutes; attempts stay below 1.1 for each request, over any ten seconds."""
    world = World(FakePool(refused(503)), FakePool(refused(503)))
    requests = 0
    made: list[int] = []

    async def storm() -> None:
        nonlocal requests
        for _ in range(3000):
            requests += 1
            await _served(world)
            world.clock.at_us += 10_000
            made.append(sum(len(pool.connections) for pool in world.pools))

    asyncio.run(storm())
    worst = max(made[i + 1000] - made[i] for i in range(100, 2000, 50))

    assert worst <= 1000 * 1.1 + 20  # and the floor of one a second for each of the two


def test_without_the_budget_a_storm_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail."""
    monkeypatch.setattr(Budget, "spend", lambda *_: True)
    world = World(FakePool(refused(503)), FakePool(refused(503)))

    async def storm() -> None:
        for _ in range(500):
            await _served(world)
            world.clock.at_us += 10_000

    asyncio.run(storm())

    assert sum(len(pool.connections) for pool in world.pools) >= 500 * 1.5


def test_a_healthy_target_takes_all_that_fails_elsewhere() -> None:
    """A thousand calls under way when their target dies: each is served by the other, which nothing is held against."""
    world = World(FakePool(refused(503)), FakePool(whole()))

    async def burst() -> list[tuple[int, float]]:
        return [await _served(world) for _ in range(200)]

    assert {200} == {status for status, _ in asyncio.run(burst())}


def test_budget_fades() -> None:
    """A quiet night does not pay for a storm."""
    budget = Budget(0.1, 1.0)
    assert 10 == sum(budget.spend(START_US) for _ in range(50))
    budget.calls = 1000
    assert 100 == sum(budget.spend(START_US + 1) for _ in range(500))
    budget.calls = 100_000
    later = sum(budget.spend(START_US + 1000 * TTL_US) for _ in range(1000))
    assert 19 <= later - 99 <= 20 or 10 <= later <= 21


def test_a_gateway_below_uses_the_same_budget() -> None:
    """It is told how many attempts are left, and what it tried itself counts."""
    used = refused(503, (b"x-poise-attempts", b"2"))
    world = World(
        FakePool(used), FakePool(whole()), FakePool(whole()), policy=Policy("w", (), choose=ORDER, recover=Recover(2))
    )
    for lane in world.lanes:
        tongue = lane.tongues["openai"]
        lane.tongues["openai"] = Tongue(tongue.dialect, tongue.heads, chained=True)
    got, _ = asyncio.run(_served(world))

    assert got >= 500
    assert b"x-poise-attempts-left: 2\r\n" in world.pools[0].connections[0].sent
    assert 0 == len(world.pools[1].connections)


def test_a_gateway_above_leaves_so_many() -> None:
    """It may lower the policy's number, never raise it."""
    for left, tried in ((1, 1), (2, 2), (99, 3)):
        world = World(*[FakePool(refused(503)) for _ in range(4)])
        request = world.request()
        request.call.attempts = left
        with pytest.raises(Error):
            asyncio.run(world.ask_for(request, FakeSink()))

        assert tried == sum(len(pool.connections) for pool in world.pools)
