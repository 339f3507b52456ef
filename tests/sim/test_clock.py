"""Virtual time: order, jumps, hangs, determinism."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from poise.sim.clock import EPOCH_US, Stuck, VirtualClock, run


def test_waiting_costs_virtual_time_only() -> None:
    """An hour of waiting is an hour on the clock, to the microsecond."""

    async def main(clock: VirtualClock) -> int:
        await clock.sleep(3600)
        return clock.now_us()

    assert EPOCH_US + 3_600_000_000 == run(main, 1)


def test_timers_fire_by_time_and_equal_times_in_the_order_they_were_set() -> None:
    """Asyncio leaves the order of equal times open; here it is fixed."""

    async def main(clock: VirtualClock) -> list[str]:
        seen: list[str] = []
        for name, wait_s in (("c", 0.5), ("a", 0.25), ("b", 0.25), ("d", 0.5), ("e", 0.5)):
            clock.later(wait_s, partial(seen.append, name))
        await clock.sleep(1)
        return seen

    assert ["a", "b", "c", "d", "e"] == run(main, 1)


def test_a_cancelled_timer_is_never_made() -> None:
    """Taking a call back works, also after its time."""

    async def main(clock: VirtualClock) -> list[str]:
        seen: list[str] = []
        timer = clock.later(1, lambda: seen.append("never"))
        clock.later(1, lambda: seen.append("kept"))
        timer.cancel()
        await clock.sleep(2)
        timer.cancel()
        return seen

    assert ["kept"] == run(main, 1)


def test_a_hang_is_raised_and_says_when() -> None:
    """Where every task waits and no timer runs, nothing can ever happen: that is an error, not a wait."""

    async def main(clock: VirtualClock) -> None:
        await clock.sleep(2.5)
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck, match=r"at 2\.500000 s every task waits"):
        run(main, 1)


def test_a_run_without_end_is_raised() -> None:
    """A timer that sets itself for ever ends at the bound of virtual time."""

    async def main(clock: VirtualClock) -> None:
        while True:
            await clock.sleep(3600)

    with pytest.raises(Stuck, match="still running after 86400"):
        run(main, 1)


def test_asyncio_timeouts_run_on_virtual_time() -> None:
    """``asyncio.timeout`` and ``wait_for`` use the loop's time, so they work here as they stand."""

    async def main(clock: VirtualClock) -> int:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().create_future(), 90)
        return clock.now_us() - EPOCH_US

    assert 90_000_000 == run(main, 1)


def _trace(seed: int) -> list[tuple[int, int, int]]:
    async def main(clock: VirtualClock) -> list[tuple[int, int, int]]:
        trace: list[tuple[int, int, int]] = []

        async def walk(name: int) -> None:
            for _ in range(20):
                await clock.sleep(clock.bits64() % 1000 / 1e6)
                trace.append((clock.now_us(), name, clock.bits64()))

        await asyncio.gather(*[walk(name) for name in range(10)])
        return trace

    return run(main, seed)


def test_the_same_seed_gives_the_same_trace_and_another_seed_another() -> None:
    """Time, order and chance all follow from the seed."""
    assert _trace(7) == _trace(7)
    assert _trace(7) != _trace(8)


def test_many_cancelled_timers_lose_none() -> None:
    """Asyncio throws its heap away once most of 100 timers are cancelled; what is set afterwards still fires."""

    async def main(clock: VirtualClock) -> list[int]:
        for timer in [clock.later(60, lambda: None) for _ in range(300)]:
            timer.cancel()
        fired: list[int] = []
        clock.later(1, partial(fired.append, 1))
        await clock.sleep(2)
        clock.later(1, partial(fired.append, 2))
        await clock.sleep(2)
        return fired

    assert [1, 2] == run(main, 1)
