"""The pool: who gets which connection, what is bounded, and what is left after cancellation."""

from __future__ import annotations

import asyncio
import random
from functools import partial

import pytest

from poise.edge.http.pool import UpstreamPool
from poise.edge.http.upstream import UpstreamConnection
from poise.errors import AttemptFailed, Failure
from poise.sim.clock import VirtualClock, run
from tests.http_client.memory import MemoryDialer, memory_pool, wire_of
from tests.http_client.peers import ASK, OK, WAIT_S, Heard, Runner, answers, on_both_loops, peer, pool_to


async def exchange(connection: UpstreamConnection) -> Heard:
    """One exchange that is not interrupted."""
    heard = Heard()
    connection.send(ASK, heard)
    return await heard.over()


def test_the_connection_used_last_is_taken_first() -> None:
    """LIFO: under light load the rest grows old and expires."""

    async def main(clock: VirtualClock) -> None:
        pool = memory_pool(clock, MemoryDialer(clock), connections=4)
        first, second = await pool.open(1), await pool.open(1)
        await exchange(first)
        await exchange(second)

        assert (0, 2) == (pool.in_use, pool.idle)
        assert second is pool.take()
        assert first is pool.take()
        assert pool.take() is None
        assert "<UpstreamPool p: 2 in use, 0 idle, 0 dialling, 0 waiting, of 4>" == repr(pool)

    run(main, 1)


def test_idle_connections_expire() -> None:
    """The sweep closes those idle for longer than idle_s, and only those."""

    async def main(clock: VirtualClock) -> None:
        dialer = MemoryDialer(clock)
        pool = memory_pool(clock, dialer, connections=4, idle_s=30)
        old, new = await pool.open(1), await pool.open(1)
        await exchange(old)
        await clock.sleep(20)
        pool.sweep(clock.now_us())
        await exchange(new)
        await clock.sleep(11)
        pool.sweep(clock.now_us())

        assert 1 == pool.idle
        assert old.closed
        assert 1 == len(dialer.wires)
        assert new is pool.take()

    run(main, 1)


def test_a_connection_that_slept_too_long_is_not_taken() -> None:
    """Also where no sweep ran in between, as after the machine was suspended."""

    async def main(clock: VirtualClock) -> None:
        dialer = MemoryDialer(clock)
        pool = memory_pool(clock, dialer, connections=4, idle_s=30)
        await exchange(await pool.open(1))
        await clock.sleep(31)

        assert pool.take() is None
        assert (0, 0, set()) == (pool.in_use, pool.idle, dialer.wires)

    run(main, 1)


def test_those_who_wait_are_served_in_order() -> None:
    """A connection that becomes free goes to the longest waiting, not to the idle ones."""

    async def main(clock: VirtualClock) -> None:
        pool = memory_pool(clock, MemoryDialer(clock), connections=1)
        only = await pool.open(1)
        served: list[int] = []

        async def wait(number: int) -> None:
            connection = await pool.open(5)
            served.append(number)
            await exchange(connection)

        tasks = [asyncio.create_task(wait(number)) for number in range(5)]
        await clock.sleep(0.1)
        assert (5, []) == (pool.waiting, served)
        await exchange(only)
        await asyncio.gather(*tasks)

        assert [0, 1, 2, 3, 4] == served
        assert (0, 1, 0) == (pool.in_use, pool.idle, pool.waiting)

    run(main, 1)


def test_a_slot_that_becomes_free_is_dialled_anew_for_the_one_who_waits() -> None:
    """A closed connection's slot is used at once."""

    async def main(clock: VirtualClock) -> None:
        dialer = MemoryDialer(clock)
        pool = memory_pool(clock, dialer, connections=1)
        only = await pool.open(1)
        waits = asyncio.create_task(pool.open(5))
        await clock.sleep(0.1)
        only.close()
        fresh = await waits

        assert fresh is not only
        assert not fresh.reused
        assert (2, 1) == (dialer.dials, len(dialer.wires))

    run(main, 1)


def test_a_fresh_one_is_fresh_though_idle_ones_fill_the_slots() -> None:
    """``open`` after a stale connection: the oldest idle one makes room."""

    async def main(clock: VirtualClock) -> None:
        dialer = MemoryDialer(clock)
        pool = memory_pool(clock, dialer, connections=2)
        first, second = await pool.open(1), await pool.open(1)
        await exchange(first)
        await exchange(second)
        fresh = await pool.open(1)

        assert not fresh.reused
        assert first.closed
        assert (1, 1, 2) == (pool.in_use, pool.idle, len(dialer.wires))

    run(main, 1)


def test_waiting_for_a_slot_ends_in_time_and_is_our_own_fault() -> None:
    """Every slot in use for the whole time: LOCAL, which no target is blamed for."""

    async def main(clock: VirtualClock) -> None:
        pool = memory_pool(clock, MemoryDialer(clock), connections=1)
        await pool.open(1)
        before_us = clock.now_us()
        with pytest.raises(AttemptFailed) as failed:
            await pool.open(2)

        assert Failure.LOCAL == failed.value.failure
        assert "all 1 connections to p stayed in use for 2.0 s" == failed.value.text
        assert 2_000_000 == clock.now_us() - before_us
        assert 0 == pool.waiting

    run(main, 1)


def test_a_dial_that_hangs_ends_in_time() -> None:
    """CONNECT after the timeout, and its slot is free again."""

    async def main(clock: VirtualClock) -> None:
        dialer = MemoryDialer(clock)
        dialer.fixed_s = 3600.0
        pool = memory_pool(clock, dialer, connections=1)
        with pytest.raises(AttemptFailed) as failed:
            await pool.open(2)
        await clock.sleep(0)

        assert Failure.CONNECT == failed.value.failure
        assert "no connection within 2.0 s" == failed.value.text
        assert (0, 0, 0) == (pool.in_use, pool.dialling, pool.waiting)

    run(main, 1)


def test_a_refused_dial_fails_one_caller_only() -> None:
    """Each failure is told to one who waits; the others go on."""

    async def main(clock: VirtualClock) -> None:
        dialer = MemoryDialer(clock, fails=1.0)
        pool = memory_pool(clock, dialer, connections=2)
        told = await asyncio.gather(*(pool.open(1) for _ in range(5)), return_exceptions=True)

        assert ["refused"] * 5 == [str(error) for error in told]
        assert (5, 0, 0, 0) == (dialer.dials, pool.in_use, pool.dialling, pool.waiting)

    run(main, 1)


def test_a_dial_whose_caller_left_ends_among_the_idle() -> None:
    """The next request finds it."""

    async def main(clock: VirtualClock) -> None:
        dialer = MemoryDialer(clock, steps=2)
        dialer.fixed_s = 0.5
        pool = memory_pool(clock, dialer, connections=2)
        caller = asyncio.create_task(pool.open(2))
        await clock.sleep(0.1)
        caller.cancel()
        await clock.sleep(1)

        assert caller.cancelled()
        assert (0, 1, 0) == (pool.in_use, pool.idle, pool.waiting)
        assert pool.take() is not None

    run(main, 1)


def test_a_closed_pool_keeps_nothing() -> None:
    """Idle ones close at once, those who wait are told, the one in use closes at its end."""

    async def main(clock: VirtualClock) -> None:
        dialer = MemoryDialer(clock)
        pool = memory_pool(clock, dialer, connections=2)
        used, idle = await pool.open(1), await pool.open(1)
        waits = asyncio.create_task(pool.open(5))
        await clock.sleep(0)
        await exchange(idle)
        assert (await waits) is idle
        idle.close()
        heard = Heard()
        used.send(ASK, heard)
        pool.close()
        await heard.over()
        with pytest.raises(AttemptFailed, match="are closed"):
            await pool.open(1)

        assert ["end"] == heard.ends
        assert (0, 0, set()) == (pool.in_use, pool.idle, dialer.wires)

    run(main, 1)


def test_an_upstream_that_hangs_up_between_dial_and_use() -> None:
    """The request fails as lost before any byte; the slot is free."""

    async def main(clock: VirtualClock) -> None:
        dialer = MemoryDialer(clock)
        pool = memory_pool(clock, dialer, connections=1)
        connection = await pool.open(1)
        wire_of(dialer, connection).hang_up()
        heard = await exchange(connection)

        assert [Failure.CONNECT] == heard.ends
        assert (0, 0) == (pool.in_use, pool.idle)

    run(main, 1)


def test_a_connection_lost_while_it_was_handed_over_to_a_cancelled_caller() -> None:
    """It is not put among the idle ones: given, closed by the peer, and refused, all in one turn of the loop."""

    async def main(clock: VirtualClock) -> None:
        dialer = MemoryDialer(clock)
        pool = memory_pool(clock, dialer, connections=1)
        only = await pool.open(1)
        waits = asyncio.create_task(pool.open(5))
        await clock.sleep(0.1)
        wire = wire_of(dialer, only)
        only.send(ASK, Heard())
        only.data_received(OK)
        wire.hang_up()
        waits.cancel()
        await asyncio.gather(waits, return_exceptions=True)

        assert waits.cancelled()
        assert (0, 0, set()) == (pool.in_use, pool.idle, dialer.wires)

    run(main, 1)


class Storm:
    """Callers that take, send and wait, each cancelled at a random moment."""

    def __init__(self, pool: UpstreamPool, seed: int) -> None:
        self.pool = pool
        self.dice = random.Random(seed)
        self.finished = 0
        self.failed = 0

    async def call(self) -> None:
        """What the request path does."""
        try:
            connection = self.pool.take() or await self.pool.open(self.dice.choice([0.002, 0.02, 2.0]))
        except AttemptFailed:
            self.failed += 1
            return
        heard = Heard()
        try:
            connection.send(ASK, heard)
            await heard.over()
            self.finished += 1
        finally:
            if not heard.ends:
                connection.close()


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


@pytest.mark.parametrize("seed", range(4))
def test_ten_thousand_cancellations_lose_no_slot(seed: int) -> None:
    """Cancelled at any await point - waiting, dialling, handed over, answered - every slot is usable afterwards."""

    async def main(clock: VirtualClock) -> None:
        dialer = MemoryDialer(clock, seed=seed, steps=4, fails=0.05)
        pool = memory_pool(clock, dialer, connections=7)
        storm = Storm(pool, seed)
        cancelled = 0
        while cancelled < 2_500:
            tasks = [asyncio.create_task(storm.call()) for _ in range(20)]
            for task in tasks:
                clock.later(storm.dice.randrange(12) / 1000, partial(_cancel, task))
            await asyncio.gather(*tasks, return_exceptions=True)
            cancelled += sum(task.cancelled() for task in tasks)
            assert pool.in_use + pool.idle + pool.dialling <= 7
            await clock.sleep(11)  # the timers of the wave are over
        await clock.sleep(3)
        assert storm.finished > 100
        assert storm.failed > 100
        assert dialer.most <= 7
        assert (0, 0, 0) == (pool.in_use, pool.dialling, pool.waiting)
        assert pool.idle == len(dialer.wires)

        dialer.fails = 0.0
        held = [pool.take() or await pool.open(1) for _ in range(7)]
        with pytest.raises(AttemptFailed, match="all 7 connections"):
            await pool.open(0.5)
        assert [["end"]] * 7 == [heard.ends for heard in await asyncio.gather(*(exchange(one) for one in held))]
        assert (0, 7) == (pool.in_use, pool.idle)
        pool.close()
        assert set() == dialer.wires

    run(main, seed)


@on_both_loops
def test_cancellations_over_real_sockets_leave_none_open(run: Runner) -> None:
    """The same with the kernel in between: a thousand callers, cancelled after a random number of the loop's turns."""

    async def main() -> None:
        async with peer(answers(*[OK] * 50)) as upstream:
            pool = pool_to(upstream, connections=5)
            storm = Storm(pool, 1)
            for _ in range(50):
                tasks = [asyncio.create_task(storm.call()) for _ in range(20)]
                for task in tasks:
                    for _ in range(storm.dice.randrange(4)):
                        await asyncio.sleep(0)
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                assert pool.in_use + pool.idle + pool.dialling <= 5
            held = [pool.take() or await pool.open(WAIT_S) for _ in range(5)]
            assert (5, 0) == (pool.in_use, pool.waiting)
            for connection in held:
                connection.close()
            pool.close()
            await upstream.quiet()

            assert 0 < storm.finished < 1000
            assert (0, 0) == (pool.in_use, pool.idle)

    run(main())
