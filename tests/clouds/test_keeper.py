"""Keeping a grant fresh, on virtual time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from poise.clock import Timer
from poise.edge.clouds.bearer import Bearer
from poise.edge.clouds.keeper import SKEW_US, Keeper, Standing, in_thread
from poise.edge.clouds.signer import Grant, NotGranted
from poise.errors import AttemptFailed, Error, Failure
from poise.sim.clock import EPOCH_US, VirtualClock, run

HOUR_US = 3_600_000_000
ASKED = (b"POST", b"/", b"h", b"")


class Office:
    """Grants tokens of an hour while it is open, and remembers when it was asked."""

    def __init__(self, clock: VirtualClock, life_us: int = HOUR_US) -> None:
        self.clock = clock
        self.life_us = life_us
        self.asked_s: list[float] = []
        self.trouble: Exception | None = None

    async def fetch(self) -> Grant:
        """A new token."""
        now_us = self.clock.now_us()
        self.asked_s.append((now_us - EPOCH_US) / 1e6)
        if self.trouble is not None:
            raise self.trouble
        return Grant((f"token{len(self.asked_s)}",), now_us + self.life_us if self.life_us else 0)


async def _kept(keeper: Keeper, clock: VirtualClock, wait_s: float) -> None:
    task = asyncio.get_running_loop().create_task(keeper.run())
    await clock.sleep(wait_s)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_token_is_renewed_minutes_before_it_ends() -> None:
    """In the last five minutes, where Google's metadata server gives a new one; and never all at the same moment."""
    moments: set[float] = set()

    async def main(clock: VirtualClock) -> None:
        office = Office(clock)
        keeper = Keeper("google", office.fetch, clock)
        await _kept(keeper, clock, 3700)

        assert 2 == len(office.asked_s)
        assert 3300 <= office.asked_s[1] <= 3400
        assert b"authorization: Bearer token2\r\n" == Bearer(keeper).lines(*ASKED, clock.now_us())
        moments.add(office.asked_s[1])

    for seed in range(5):
        run(main, seed)
    assert 5 == len(moments)


def test_a_failing_source_is_asked_ever_more_slowly_and_the_old_token_serves_until_its_end() -> None:
    """What is told says until when."""

    async def main(clock: VirtualClock) -> None:
        office, told = Office(clock), list[Standing]()
        keeper = Keeper("aws", office.fetch, clock, told.append)
        assert await keeper.refresh()
        office.trouble = OSError("no route")
        task = asyncio.get_running_loop().create_task(keeper.run())
        end_us = keeper.standing.expires_us

        assert ("token1",) == keeper.values(end_us - SKEW_US - 1)
        await clock.sleep(600)
        waits = [after - before for before, after in zip(office.asked_s[1:], office.asked_s[2:], strict=False)]
        assert 0.75 <= waits[0] <= 1.0
        assert all(wait <= 60 for wait in waits)
        assert all(wait >= 45 for wait in waits[6:])
        assert ("aws", end_us, "no route", 1) == told[0][:4]
        assert len(told) == len(office.asked_s) - 1

        with pytest.raises(AttemptFailed, match="have expired") as failed:
            keeper.values(end_us - SKEW_US)
        assert Failure.AUTH is failed.value.failure
        office.trouble = None
        await clock.sleep(61)
        assert ("", 0) == told[-1][2:4]
        assert keeper.standing.expires_us > end_us
        task.cancel()

    run(main, 1)


def test_before_the_first_grant_there_is_nothing_to_show() -> None:
    """It counts as the key's failure, so another target may serve."""

    async def main(clock: VirtualClock) -> None:
        keeper = Keeper("google", Office(clock).fetch, clock)
        with pytest.raises(AttemptFailed, match="none yet"):
            Bearer(keeper).lines(*ASKED, clock.now_us())

    run(main, 1)


def test_what_no_waiting_helps_is_asked_for_rarely_and_told_with_its_hint() -> None:
    """A library that is not installed."""

    async def main(clock: VirtualClock) -> None:
        office, told = Office(clock), list[Standing]()
        office.trouble = Error("internal", "botocore is not installed", hint="pip install 'poise[clouds]'")
        await _kept(Keeper("aws", office.fetch, clock, told.append), clock, 900)

        assert 4 >= len(office.asked_s)
        assert "botocore is not installed (hint: pip install 'poise[clouds]')" == told[0].trouble

    run(main, 1)


def test_keys_that_never_expire_are_looked_at_again() -> None:
    """A file may have been replaced; within the hour."""

    async def main(clock: VirtualClock) -> None:
        office = Office(clock, life_us=0)
        keeper = Keeper("aws", office.fetch, clock)
        await _kept(keeper, clock, 3601)

        assert 2 == len(office.asked_s)
        assert ("token2",) == keeper.values(clock.now_us() + 1000 * HOUR_US)

    run(main, 1)


def test_a_source_that_gives_the_same_short_grant_again_is_not_hammered() -> None:
    """A token with seconds left is asked for again, seconds apart."""

    async def main(clock: VirtualClock) -> None:
        office = Office(clock, life_us=12_000_000)
        await _kept(Keeper("google", office.fetch, clock), clock, 100)

        assert 8 <= len(office.asked_s) <= 27

    run(main, 1)


@pytest.mark.parametrize(
    ("grant", "why"),
    [
        (Grant(("t",), EPOCH_US), "expired already"),
        (Grant(("t\r\nx: y",)), "cannot stand in a header"),
        (Grant(("tökén",)), "cannot stand in a header"),
    ],
)
def test_a_grant_that_cannot_be_shown_is_a_failure(grant: Grant, why: str) -> None:
    """Of another time, or with a line end in it."""

    async def main(clock: VirtualClock) -> None:
        async def fetch() -> Grant:
            return grant

        keeper = Keeper("azure", fetch, clock)
        assert not await keeper.refresh()
        assert why in keeper.standing.trouble
        assert -1 == keeper.standing.expires_us

    run(main, 1)


def test_a_refused_token_is_renewed_soon() -> None:
    """Somebody withdrew it; many refusals are one renewal."""

    async def main(clock: VirtualClock) -> None:
        office = Office(clock)
        keeper = Keeper("google", office.fetch, clock)
        task = asyncio.get_running_loop().create_task(keeper.run())
        await clock.sleep(100)
        for _ in range(50):
            keeper.refused()
        await clock.sleep(60)
        task.cancel()

        assert [0.0, 105.0] == office.asked_s

    run(main, 1)


def test_two_who_refresh_at_once_ask_once() -> None:
    """The start and the task, for one."""

    async def main(clock: VirtualClock) -> None:
        office = Office(clock)
        keeper = Keeper("google", office.fetch, clock)
        assert [True, True] == list(await asyncio.gather(keeper.refresh(), keeper.refresh()))
        assert 1 == len(office.asked_s)

    run(main, 1)


class Now:
    """A clock that stands still, for the tests with a real thread."""

    def now_us(self) -> int:
        """Always the same."""
        return EPOCH_US

    def later(self, wait_s: float, call: Callable[[], None]) -> Timer:
        """Nobody waits here."""
        raise AssertionError

    def bits64(self) -> int:
        """No chance."""
        return 0


class Teller:
    """A source that blocks on nothing."""

    name = "teller"

    def __init__(self, trouble: Exception | None = None) -> None:
        self.trouble = trouble

    def fetch(self) -> Grant:
        """A grant, or trouble."""
        if self.trouble is not None:
            raise self.trouble
        return Grant(("t",))


async def _in_thread(trouble: Exception | None) -> Keeper:
    keeper = Keeper("teller", in_thread(Teller(trouble)), Now())
    await keeper.refresh()
    return keeper


def test_a_source_runs_in_a_thread_of_its_own() -> None:
    """What it gives and what it raises both come back."""
    assert ("t",) == asyncio.run(_in_thread(None)).values(EPOCH_US)
    assert "x" == asyncio.run(_in_thread(NotGranted("x"))).standing.trouble


def test_a_library_that_breaks_is_a_failure_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises; threading's hook is told too, which prints the traceback."""
    hooked: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: hooked.append(told.exc_type))
    assert "a library broke" in asyncio.run(_in_thread(KeyError("x"))).standing.trouble
    for thread in threading.enumerate():
        if thread.name == "teller credentials":
            thread.join()

    assert [KeyError] == hooked


def test_a_source_that_hangs_is_left_behind() -> None:
    """And the process may end."""
    never = threading.Event()

    class Hangs:
        name = "hangs"

        def fetch(self) -> Grant:
            never.wait(30)
            return Grant(("late",))

    async def main() -> Standing:
        keeper = Keeper("hangs", in_thread(Hangs(), patience_s=0.01), Now())
        await keeper.refresh()
        return keeper.standing

    assert asyncio.run(main()).trouble == "TimeoutError"
    never.set()


def test_a_grant_does_not_show_its_secrets() -> None:
    """Wherever it is printed."""
    assert "secret" not in f"{Grant(('secret',), 5)!r}"


def test_what_is_told_of_trouble_holds_no_secret_and_no_line_end() -> None:
    """A library may repeat what it sent; the log has one line for each trouble."""

    async def main(clock: VirtualClock) -> None:
        told: list[Standing] = []
        answers: list[Grant | OSError] = [Grant(("a-long-secret",)), OSError("refused: a-long-secret\nmore")]

        async def fetch() -> Grant:
            answer = answers.pop(0)
            if isinstance(answer, OSError):
                raise answer
            return answer

        keeper = Keeper("google", fetch, clock, told.append)
        await keeper.refresh()
        await keeper.refresh()

        assert ["refused: [key] more"] == [standing.trouble for standing in told]

    run(main, 1)
