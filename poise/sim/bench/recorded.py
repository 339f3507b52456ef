"""What Poise's store holds of a round: every answer the load got must be in it, and have ended."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from poise.sim.bench import stopwatch

FILE = "store.db"
_POLL_S = 0.1
_STABLE_POLLS = 5  # control commits every 100 to 250 ms: half a second without a new row means that all are in


class Count(NamedTuple):
    """Decisions in the store: all of them, and those without an outcome yet."""

    rows: int
    open: int


def newest(data: Path) -> int:
    """The highest decision id in the store, 0 if there is none; ids grow with time."""
    row = _one(data, "SELECT max(id) FROM decisions", ())
    return int(row[0] or 0)


def count_after(data: Path, id: int) -> Count:
    """Decisions with a higher id. Retention takes the oldest, so it touches none of a round that has just ended."""
    rows, open_ = _one(data, "SELECT count(*), coalesce(sum(outcome IS NULL), 0) FROM decisions WHERE id > ?", (id,))
    return Count(int(rows), int(open_))


def drained(data: Path, after_id: int, *, at_least: int, patience_s: float = 30.0) -> Count:
    """Wait until that many decisions are in, all have ended and no more come; after patience_s, what there is."""
    give_up_ns = stopwatch.now_ns() + int(patience_s * 1e9)
    last, stable = Count(-1, 0), 0
    while stopwatch.now_ns() < give_up_ns:
        found = count_after(data, after_id)
        stable = stable + 1 if found == last else 0
        if stable >= _STABLE_POLLS and found.rows >= at_least and not found.open:
            return found
        last = found
        stopwatch.pause(_POLL_S)
    return last


def _one(data: Path, query: str, values: tuple[int, ...]) -> tuple[int, ...]:
    path = data / FILE
    if not path.exists():
        return (0, 0)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as store:
        found: tuple[int, ...] = store.execute(query, values).fetchone()
    return found
