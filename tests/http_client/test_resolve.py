"""Names: asked off the loop, remembered, and kept while the resolver is down."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence

import pytest

from poise.clock import Timer
from poise.edge.http.resolve import KEEP_S, LOOKUPS, SystemResolver, look_up
from poise.errors import AttemptFailed, Failure
from tests.http_client.peers import WAIT_S, Runner, on_both_loops, until


class Hands:
    """A clock that is set by hand. The loop is real: look-ups run on threads."""

    def __init__(self) -> None:
        self.s = 1000.0

    def now_us(self) -> int:
        return int(self.s * 1e6)

    def later(self, wait_s: float, call: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(wait_s, call)

    def bits64(self) -> int:
        return 4


class Names:
    """A resolver's answers; an OSError among them is raised. Counts questions."""

    def __init__(self, *said: Sequence[str] | OSError) -> None:
        self.said = list(said)
        self.asked: list[str] = []

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        if isinstance(said, OSError):
            raise said
        return said


GONE = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
DOWN = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


async def found(resolver: SystemResolver, host: str = "a.example") -> list[object]:
    """Host addresses alone."""
    return [address.name[0] for address in await resolver.resolve(host, 443)]


@on_both_loops
def test_answers_are_remembered_and_refreshed_behind_the_callers_back(run: Runner) -> None:
    """Within 30 s no question; after that the old answer at once, and the new one for the next caller."""

    async def main() -> None:
        clock, names = Hands(), Names(["10.0.0.1"], ["10.0.0.2", "::2"])
        resolver = SystemResolver(clock, names)
        assert ["10.0.0.1"] == await found(resolver)
        clock.s += 29
        assert ["10.0.0.1"] == await found(resolver)
        assert 1 == len(names.asked)
        clock.s += 2
        assert ["10.0.0.1"] == await found(resolver)
        await until(lambda: len(names.asked) == 2)
        await until(lambda: resolver.busy == 0)

        assert ["10.0.0.2", "::2"] == await found(resolver)
        assert 2 == len(names.asked)

    run(main())


@on_both_loops
def test_a_resolver_that_fails_takes_nothing_away_for_an_hour(run: Runner) -> None:
    """NXDOMAIN, failures, empty answers: the last good addresses stay; after an hour they are too old to trust."""

    async def main() -> None:
        clock, names = Hands(), Names(["10.0.0.1"], GONE, [], DOWN)
        resolver = SystemResolver(clock, names)
        await found(resolver)
        for number in range(2, 6):
            clock.s += 600
            assert ["10.0.0.1"] == await found(resolver)
            await until(lambda: resolver.busy == 0)
            assert number == len(names.asked)
        clock.s += KEEP_S
        with pytest.raises(AttemptFailed, match=r"no address for 'a\.example': Temporary failure") as failed:
            await found(resolver)

        assert Failure.CONNECT == failed.value.failure

    run(main())


@pytest.mark.parametrize(("said", "text"), [(GONE, "Name or service not known"), ([], "the name has no address")])
@on_both_loops
def test_a_name_without_address_fails_and_is_not_asked_for_by_every_caller(
    run: Runner, said: Sequence[str] | OSError, text: str
) -> None:
    """CONNECT; for a second the same answer is given without asking, then the resolver gets another chance."""

    async def main() -> None:
        clock, names = Hands(), Names(said, said, ["10.0.0.1"])
        resolver = SystemResolver(clock, names)
        for _ in range(5):
            with pytest.raises(AttemptFailed, match=text):
                await found(resolver)
        assert 1 == len(names.asked)
        clock.s += 1.5
        with pytest.raises(AttemptFailed, match=text):
            await found(resolver)
        clock.s += 1.5

        assert ["10.0.0.1"] == await found(resolver)

    run(main())


@on_both_loops
def test_a_hanging_resolver_blocks_neither_the_loop_nor_other_names(run: Runner) -> None:
    """One question per name however many wait; cancelling one who waits leaves the others their answer."""

    async def main() -> None:
        release = threading.Event()
        asked: list[str] = []

        def slow(host: str) -> Sequence[str]:
            asked.append(host)
            if host == "slow.example":
                release.wait(WAIT_S)
            return ["10.0.0.1"]

        resolver = SystemResolver(Hands(), slow)
        waiting = [asyncio.create_task(found(resolver, "slow.example")) for _ in range(3)]
        await until(lambda: asked == ["slow.example"])
        assert ["10.0.0.1"] == await found(resolver, "quick.example")
        waiting[0].cancel()
        await asyncio.sleep(0)
        release.set()
        told = await asyncio.gather(*waiting, return_exceptions=True)

        assert isinstance(told[0], asyncio.CancelledError)
        assert [["10.0.0.1"], ["10.0.0.1"]] == told[1:]
        assert ["slow.example", "quick.example"] == asked

    run(main())


@on_both_loops
def test_questions_under_way_are_bounded(run: Runner) -> None:
    """LOOKUPS threads at once; the others wait their turn."""

    async def main() -> None:
        release = threading.Event()
        lock = threading.Lock()
        now, most = 0, 0

        def slow(host: str) -> Sequence[str]:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            release.wait(WAIT_S)
            with lock:
                now -= 1
            return [f"10.0.0.{len(host)}"]

        resolver = SystemResolver(Hands(), slow)
        tasks = [asyncio.create_task(found(resolver, "x" * size)) for size in range(1, 12)]
        await until(lambda: now == LOOKUPS)
        release.set()
        told = await asyncio.gather(*tasks)

        assert LOOKUPS == most
        assert [[f"10.0.0.{size}"] for size in range(1, 12)] == told

    run(main())


def test_the_system_knows_itself() -> None:
    """The real look-up."""
    assert {"127.0.0.1", "::1"} & set(look_up("localhost"))


@on_both_loops
def test_numbers_need_no_question(run: Runner) -> None:
    """IPv4 and IPv6."""

    async def main() -> None:
        resolver = SystemResolver(Hands(), Names(GONE))

        assert [(socket.AF_INET, ("10.0.0.1", 80))] == list(await resolver.resolve("10.0.0.1", 80))
        assert [(socket.AF_INET6, ("::1", 80, 0, 0))] == list(await resolver.resolve("::1", 80))

    run(main())
