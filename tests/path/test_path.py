"""The request path over scripted upstreams: what the caller gets, and the one outcome that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from poise.decision import OutcomeKind
from poise.errors import AttemptFailed, Error, Failure
from poise.policy import Choose, Policy, Timers
from tests.path.fakes import (
    ANSWER,
    DONE,
    ROLE,
    STOP,
    TOKEN,
    USAGE,
    FakePool,
    FakeSink,
    Script,
    World,
    begins,
    breaks,
    silent,
    stream,
    turns,
    whole,
)

ORDER = Choose(mode="order")
ERROR = b'data: {"error":{"message":"out of memory"}}\n\n'


def test_a_whole_answer_passes_unchanged() -> None:
    """Bytes of the body as they came, the target's headers added, usage and cost in the record, the model replaced upstream."""
    world, sink = World(FakePool(whole())), FakeSink()
    outcome = asyncio.run(world.ask(sink))

    assert ANSWER == sink.body
    assert b"x-poise-target: a@p\r\n" in sink.headers
    assert OutcomeKind.COMPLETED == outcome.kind == world.outcome().kind
    assert (7, 3, 13, "exact", "real") == _ledger(world)
    assert b'"model":"model-a"' in world.pools[0].connections[0].sent


def _ledger(world: World) -> tuple[int, int, int, str, str]:
    row = world.outcome().attempts[-1]
    return row.input_tokens, row.output_tokens, row.cost_usd_e6, row.billing, row.model


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529, 401, 404])
def test_a_refusal_by_status_fails_over(status: int) -> None:
    """The next candidate answers; the caller sees one clean 200, the record both attempts."""
    world, sink = World(FakePool(whole(status, b"{}")), FakePool(whole())), FakeSink()
    asyncio.run(world.ask(sink))

    assert (200, ANSWER) == (sink.status, sink.body)
    assert ["a@p", "b@p"] == [row.target for row in world.outcome().attempts]
    assert b"x-poise-attempts: 2\r\n" in sink.headers


@pytest.mark.parametrize("failure", [Failure.CONNECT, Failure.TLS, Failure.LOCAL])
def test_no_connection_fails_over(failure: Failure) -> None:
    """Refused, blackholed, bad certificate: elsewhere at once."""
    dead = FakePool(whole())
    dead.refuses = AttemptFailed(failure, "no")
    world, sink = World(dead, FakePool(whole())), FakeSink()
    asyncio.run(world.ask(sink))

    assert 200 == sink.status
    assert 0 == len(dead.connections)


def test_a_callers_own_mistake_is_not_tried_elsewhere() -> None:
    """400: one attempt, the vendor's status and text, nobody's health is touched."""
    bad = b'{"error":{"message":"temperature too high","code":"bad_temperature"}}'
    world, sink = World(FakePool(whole(400, bad)), FakePool(whole())), FakeSink()
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(sink))

    assert ("upstream_rejected", 400, "bad_temperature") == (
        caught.value.code,
        caught.value.status,
        caught.value.vendor_code,
    )
    assert 0 == len(world.pools[1].connections)
    assert 0 == world.lanes[0].health.evidence


def test_attempts_are_bounded() -> None:
    """Four candidates that fail, three attempts allowed: three calls, then the truth."""
    world, sink = World(*[FakePool(whole(500, b"{}")) for _ in range(4)]), FakeSink()
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(sink))

    assert [1, 1, 1, 0] == [len(pool.connections) for pool in world.pools]
    assert "upstream_failed" == caught.value.code
    assert OutcomeKind.FAILED == world.outcome().kind


def test_three_failures_in_a_row_eject() -> None:
    """SPRT: the fourth request does not go there any more, and says why."""
    world = World(FakePool(whole(500, b"{}")), FakePool(whole()))
    for _ in range(3):
        asyncio.run(world.ask(FakeSink()))
    asyncio.run(world.ask(FakeSink()))

    assert 3 == len(world.pools[0].connections)
    assert ["ejected"] == [row.reason for row in world.recorder.decisions[4].verdict.dropped]


def test_a_stream_commits_at_the_first_token() -> None:
    """A role chunk alone does not commit: the upstream that breaks after it is replaced unseen."""
    world, sink = World(FakePool(breaks(ROLE)), FakePool(stream(ROLE, TOKEN, STOP, USAGE, DONE))), FakeSink()
    asyncio.run(world.ask(sink, streams=True))

    assert ROLE + TOKEN + STOP + DONE == sink.body
    assert sink.done
    assert [Failure.CUT, ""] == [row.failure for row in world.outcome().attempts]
    assert (7, 3, 13, "exact", "real") == _ledger(world)


def test_an_error_event_before_the_first_token_fails_over() -> None:
    """Overload told inside a 200 stream is as good as a 503 while nothing was delivered."""
    error = b'data: {"error":{"message":"overloaded"}}\n\n'
    world, sink = World(FakePool(stream(error)), FakePool(stream(TOKEN, STOP, DONE))), FakeSink()
    asyncio.run(world.ask(sink, streams=True))

    assert TOKEN + STOP + DONE == sink.body


@pytest.mark.parametrize(
    "broken",
    [
        breaks(TOKEN),
        stream(TOKEN),
        breaks(TOKEN, TOKEN[:9]),
        stream(TOKEN, ERROR),
        stream(TOKEN, ERROR, DONE),
        stream(TOKEN, ERROR + DONE),
        stream(TOKEN, TOKEN[:40], TOKEN[40:60]),
    ],
)
def test_after_the_commit_point_a_break_never_looks_complete(broken: Script) -> None:
    """Lost, ended early, cut inside an event, error in the stream: no [DONE] reaches the client; the outcome is truncated."""
    world, sink = World(FakePool(broken), FakePool(stream(TOKEN, DONE))), FakeSink()
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(sink, streams=True))

    assert "stream_broken" == caught.value.code
    assert TOKEN == sink.body
    assert not sink.done
    assert (OutcomeKind.TRUNCATED, "some") == (world.outcome().kind, world.outcome().delivered)
    assert (200, "estimated") == (world.outcome().attempts[-1].status, world.outcome().attempts[-1].billing)
    assert world.outcome().first_byte_us >= 0
    assert len(TOKEN) == world.outcome().bytes
    assert 0 == len(world.pools[1].connections)


def test_a_dead_pooled_connection_costs_one_retry_on_a_fresh_one() -> None:
    """Lost before a byte came back, on a connection that was used before: again, same target, not counted as an attempt."""
    world, sink = World(FakePool(breaks(failure=Failure.CONNECT), whole(), reused=True)), FakeSink()
    asyncio.run(world.ask(sink))

    assert 200 == sink.status
    assert 2 == len(world.pools[0].connections)
    assert 1 == len(world.outcome().attempts)
    assert 0 == world.lanes[0].health.evidence


def test_a_fresh_connection_that_dies_is_a_failure() -> None:
    """The same loss on a fresh connection is not repeated there."""
    world = World(FakePool(breaks(failure=Failure.CONNECT)), FakePool(whole()))
    asyncio.run(world.ask(FakeSink()))

    assert 1 == len(world.pools[0].connections)
    assert 2 == len(world.outcome().attempts)


async def _start(world: World, sink: FakeSink, *, streams: bool) -> asyncio.Task[object]:
    task: asyncio.Task[object] = asyncio.create_task(world.ask(sink, streams=streams))
    await turns()
    return task


def test_a_silent_upstream_is_left_after_the_headers_timer() -> None:
    """Nothing for 10 s: closed, the next candidate answers. One attempt there, no more."""

    async def story() -> None:
        world, sink = World(FakePool(silent), FakePool(stream(TOKEN, STOP, DONE))), FakeSink()
        task = await _start(world, sink, streams=True)
        world.pass_time(9.9)
        assert not world.upstream_closed()
        world.pass_time(0.2)
        await task

        assert world.upstream_closed()
        assert TOKEN + STOP + DONE == sink.body
        assert [Failure.TIMEOUT, ""] == [row.failure for row in world.outcome().attempts]

    asyncio.run(story())


def test_a_whole_answer_is_not_cut_by_timers_made_for_streams() -> None:
    """Twenty silent seconds are fine for a whole answer; the deadline is not."""

    async def story() -> None:
        world, sink = World(FakePool(silent), FakePool(whole())), FakeSink()
        task = await _start(world, sink, streams=False)
        world.pass_time(20)
        assert not world.upstream_closed()
        world.pass_time(41)
        with pytest.raises(Error) as caught:
            await task

        assert "deadline_exceeded" == caught.value.code
        assert OutcomeKind.DEADLINE == world.outcome().kind
        assert 0 == world.lanes[0].health.evidence

    asyncio.run(story())


def test_a_stall_after_the_commit_point_ends_in_band() -> None:
    """Thirty silent seconds in mid-answer, unless the client itself is not reading."""

    async def story(*, paused: bool) -> World:
        world, sink = World(FakePool(begins(TOKEN))), FakeSink()
        task = await _start(world, sink, streams=True)
        sink.paused = paused
        for _ in range(4):
            world.pass_time(10)
        await turns()
        if not paused:
            with pytest.raises(Error):
                await task
        task.cancel()
        return world

    assert Failure.STALLED == asyncio.run(story(paused=False)).outcome().attempts[0].failure
    assert "cancelled" == asyncio.run(_first_failure(story(paused=True)))


async def _first_failure(story: Awaitable[World]) -> str:
    world = await story
    await turns()
    return world.outcome().attempts[0].failure


def test_keep_alive_comments_leave_fail_over_open() -> None:
    """15 s without a byte: comments go out; the answer then still comes from elsewhere, in the same stream."""

    async def story() -> None:
        policy = Policy("w", (), choose=ORDER, timers=Timers(headers_us=40_000_000, first_token_us=40_000_000))
        world, sink = World(FakePool(silent), FakePool(stream(TOKEN, STOP, DONE)), policy=policy), FakeSink()
        task = await _start(world, sink, streams=True)
        for _ in range(3):
            world.pass_time(15)
        await task

        assert 2 == sink.comments
        assert TOKEN + STOP + DONE == sink.body

    asyncio.run(story())


def test_a_client_that_goes_closes_the_upstream() -> None:
    """Cancellation: the connection is closed, nothing stays live, the outcome says so, once."""

    async def story() -> None:
        world, sink = World(FakePool(silent)), FakeSink()
        task = await _start(world, sink, streams=True)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert world.upstream_closed()
        assert 0 == len(world.stack.call.live)
        assert 0 == world.lanes[0].in_flight
        assert (OutcomeKind.CLIENT_GONE, "cancelled") == (world.outcome().kind, world.outcome().attempts[0].failure)

    asyncio.run(story())


def test_a_slow_client_pauses_the_upstream() -> None:
    """The sink is told which flow to pause once an answer goes out, and that there is none after it."""

    async def story() -> None:
        world, sink = World(FakePool(begins(TOKEN))), FakeSink()
        task = await _start(world, sink, streams=True)
        await turns()
        assert sink.flow is world.pools[0].connections[0]
        task.cancel()
        await turns()
        assert sink.flow is None

    asyncio.run(story())


def test_later_attempts_look_again_at_limits() -> None:
    """A candidate that reached its limit since the decision is passed over, and the attempt says why."""

    async def story() -> None:
        world = World(FakePool(whole(503, b"{}")), FakePool(whole()), FakePool(whole()))
        world.lanes[1].health = world.lanes[1].health._replace(ejected_until_us=world.clock.at_us + 10)
        decided = world.request()
        world.lanes[1].health = world.lanes[1].health._replace(ejected_until_us=0)
        task = asyncio.create_task(world.stack.admit(decided, FakeSink()))
        await asyncio.sleep(0)
        world.lanes[1].health = world.lanes[1].health._replace(ejected_until_us=world.clock.at_us + 10)
        await task

        assert ["", "ejected", ""] == [row.skipped for row in world.outcome().attempts]
        assert 0 == len(world.pools[1].connections)

    asyncio.run(story())
