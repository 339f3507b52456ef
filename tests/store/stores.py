"""A data folder with a tail on it, and short ways to look into the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import msgspec

from poise.decision import encode_decision, encode_outcome
from poise.policy import Policy
from poise.store.journal import Writer
from poise.store.sqlite import connect
from poise.store.tail import FOLDER, Kept, Report, Tail
from tests.store.journals import SMALL
from tests.store.samples import NOW_US, OUTCOME, POLICY, decision

FIRST = NOW_US << 12
FOREVER = Kept(seconds=10**6, bytes=1 << 40)


class World:
    """One data folder. ``now_us`` moves only when told to."""

    def __init__(self, data: Path, open_store: Callable[[Path], sqlite3.Connection] = connect) -> None:
        self.data = data
        self.now_us = NOW_US
        self.open_store = open_store
        self._writers: list[Writer] = []
        self.tail = self._tail()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for writer in self._writers:
            writer.close()
        self.tail.close()

    def _tail(self) -> Tail:
        tail = Tail(self.data, FOREVER, self.open_store)
        tail.keep(FOREVER, [POLICY])
        return tail

    def writer(self, worker: int = 0, capacity: int = 16 * SMALL) -> Writer:
        """A worker's journal."""
        writer = Writer.create(self.data / FOLDER, worker=worker, started_us=len(self._writers), capacity=capacity)
        self._writers.append(writer)
        return writer

    def restart(self) -> None:
        """Control dies and comes back."""
        self.tail.close()
        self.tail = self._tail()

    def step(self, later_us: int = 250_000) -> Report:
        """One pass, a tick later."""
        self.now_us += later_us
        return self.tail.step(self.now_us)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds in the store."""
        with closing(sqlite3.connect(f"file:{self.data / 'store.db'}?mode=ro", uri=True)) as db:
            return db.execute(query, values).fetchall()

    def outcomes(self) -> dict[int, int | None]:
        """Outcome codes by id, counted from FIRST."""
        return {id_ - FIRST: outcome for id_, outcome in self.rows("SELECT id, outcome FROM decisions")}


def begin(writer: Writer, number: int, *, conversation: str = "", of: Policy = POLICY, required: bool = False) -> bool:
    """Open the request FIRST + number with a real decision."""
    made = msgspec.structs.replace(decision(0, of=of, conversation=conversation), id=FIRST + number)
    return writer.opened(
        FIRST + number, of.digest, of.workflow, conversation, "web-app", encode_decision(made), required
    )


def end(writer: Writer, number: int, outcome: int = 1, target: str = "gpt-5.2@openai-us") -> None:
    """Finish the request FIRST + number."""
    writer.finished(
        FIRST + number, outcome, 200, target, 1_900_000, 3_225, 900, 210, encode_outcome(OUTCOME), 420_000, 2
    )
