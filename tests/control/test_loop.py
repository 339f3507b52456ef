"""The loop: it ticks on the clock it is handed, never waits for the store, and outlives a bad tick."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import pytest

from poise.clock import Timer
from poise.control.board import Action
from poise.control.loop import TICK_S, Loop
from poise.signal import Board, Reading, TargetSignals, WorkerSignals

START_US = 1_700_000_000_000_000


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.us = START_US
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def now_us(self) -> int:
        return self.us

    def later(self, wait_s: float, call: Callable[[], None]) -> Timer:
        entry = (wait_s, call)
        self.calls.append(entry)
        clock = self

        class Taken:
            def cancel(self) -> None:
                if entry in clock.calls:
                    clock.calls.remove(entry)

        return Taken()

    def bits64(self) -> int:
        return 4

    def tick(self) -> None:
        """Let the one waiting call happen."""
        ((wait_s, call),) = self.calls
        self.calls.clear()
        self.us += int(wait_s * 1e6)
        call()


class Recorded:
    """Effects that remember. ``gate`` holds the store up while it is cleared."""

    def __init__(self) -> None:
        self.view: list[WorkerSignals] = []
        self.boards: list[Board] = []
        self.actions: list[Action] = []
        self.passes: list[int] = []
        self.told = self.faults = 0
        self.gate = threading.Event()
        self.gate.set()
        self.broken = ""

    def views(self) -> Iterable[WorkerSignals]:
        if self.broken == "views":
            self._fail()
        return self.view

    def send(self, board: Board) -> None:
        self.boards.append(board)

    def act(self, actions: Sequence[Action]) -> None:
        self.actions += actions

    def store(self, now_us: int) -> Callable[[], None]:
        self.gate.wait(10)
        if self.broken == "store":
            self._fail()
        self.passes.append(now_us)
        return self._tell

    def _fail(self) -> None:
        self.faults += 1
        raise ZeroDivisionError("a fault of ours")

    def _tell(self) -> None:
        self.told += 1


def run(story: Callable[[Loop, HandClock, Recorded], Coroutine[Any, Any, None]]) -> tuple[Loop, HandClock, Recorded]:
    """Play a story with a started loop, and stop it."""

    async def whole() -> tuple[Loop, HandClock, Recorded]:
        clock, effects = HandClock(), Recorded()
        loop = Loop(effects, clock)
        loop.start()
        await story(loop, clock, effects)
        effects.gate.set()
        effects.broken = ""
        await loop.stop()
        return loop, clock, effects

    return asyncio.run(whole())


async def until(true: Callable[[], bool]) -> None:
    """Let the loop's thread and tasks run until something holds."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is waited for happens in the loop's thread, which sets no event
            await asyncio.sleep(0)


def out(until_us: int) -> WorkerSignals:
    """A worker that has ejected target a."""
    return WorkerSignals(0, 1, START_US, 0, (TargetSignals("a", Reading(0, 10**6, until_us)),), {}, {})


def test_a_tick_hands_out_a_board_and_stores() -> None:
    """Each quarter of a second: a board, a pass of the store; and a last pass when it stops."""

    async def story(loop: Loop, clock: HandClock, effects: Recorded) -> None:
        while effects.told < 5:
            await until(lambda: effects.told == len(effects.boards))
            if effects.told < 5:
                clock.tick()

    _, clock, effects = run(story)
    tick_us = int(TICK_S * 1e6)

    assert [START_US + n * tick_us for n in range(5)] == [board.made_us for board in effects.boards]
    assert [START_US + n * tick_us for n in (0, 1, 2, 3, 4, 4)] == effects.passes
    assert [] == clock.calls


def test_a_slow_store_holds_up_no_board() -> None:
    """While one pass blocks, boards go out at every tick and no second pass is begun."""

    async def story(loop: Loop, clock: HandClock, effects: Recorded) -> None:
        await until(lambda: effects.told == 1)
        effects.gate.clear()
        for _ in range(20):
            clock.tick()
            await asyncio.sleep(0)
        assert 21 == len(effects.boards)
        assert 1 == len(effects.passes)

    run(story)


def test_what_the_loop_does_is_recorded() -> None:
    """An ejection that appears on the board becomes an action, its end another."""

    async def story(loop: Loop, clock: HandClock, effects: Recorded) -> None:
        effects.view = [out(START_US + 600_000)]
        for _ in range(4):
            clock.tick()

    _, _, effects = run(story)

    assert [("health", "a", "eject"), ("health", "a", "return")] == [
        (a.loop, a.subject, a.action) for a in effects.actions
    ]


@pytest.mark.parametrize("where", ["views", "store"])
def test_a_bad_tick_is_said_once_and_survived(where: str, caplog: pytest.LogCaptureFixture) -> None:
    """A fault in a tick is logged with its trace, once however often it comes, and the loop goes on."""

    async def story(loop: Loop, clock: HandClock, effects: Recorded) -> None:
        await until(lambda: effects.told == 1)
        effects.broken = where
        while effects.faults < 3:
            clock.tick()
            await asyncio.sleep(0)
        effects.broken = ""
        told = effects.told
        while effects.told == told:
            clock.tick()
            await asyncio.sleep(0)

    with caplog.at_level(logging.ERROR):
        run(story)

    assert 1 == len(caplog.records)
    assert "ZeroDivisionError: a fault of ours" in caplog.text
