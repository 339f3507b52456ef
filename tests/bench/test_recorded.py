"""Counting decisions in a store, while it fills and after."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from poise.sim.bench import recorded, stopwatch
from poise.sim.bench.recorded import FILE, Count, count_after, drained, newest


@pytest.fixture
def store(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    connection.execute("CREATE TABLE decisions (id INTEGER PRIMARY KEY, outcome SMALLINT)")
    connection.executemany("INSERT INTO decisions VALUES (?, 1)", [(id,) for id in range(1, 11)])
    return connection


def test_only_the_round_is_counted(tmp_path: Path, store: sqlite3.Connection) -> None:
    """Decisions up to the highest id before the round are not of it; a deleted old one changes nothing."""
    before = newest(tmp_path)
    store.execute("INSERT INTO decisions VALUES (11, 1), (12, NULL)")
    store.execute("DELETE FROM decisions WHERE id < 5")

    assert 10 == before
    assert Count(rows=2, open=1) == count_after(tmp_path, before)
    store.close()


def test_a_store_that_is_not_there_yet_holds_nothing(tmp_path: Path) -> None:
    """Before the first commit there is no file."""
    assert 0 == newest(tmp_path)
    assert Count(0, 0) == count_after(tmp_path, 0)


def test_draining_waits_for_rows_that_come_late(
    tmp_path: Path, store: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is over only when enough rows are in, none is open, and none has come for a while."""
    steps = iter(
        [
            "INSERT INTO decisions VALUES (11, NULL)",
            "INSERT INTO decisions VALUES (12, 1)",
            "UPDATE decisions SET outcome = 1",
            "INSERT INTO decisions VALUES (13, 1)",
        ]
    )

    def one_step(wait_s: float) -> None:
        store.execute(next(steps, "SELECT 1"))

    monkeypatch.setattr(stopwatch, "pause", one_step)

    assert Count(rows=3, open=0) == drained(tmp_path, 10, at_least=2)
    store.close()


def test_draining_gives_up_and_tells_what_there_is(
    tmp_path: Path, store: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decision that never comes is missing in the result; the benchmark goes on."""
    monkeypatch.setattr(recorded, "_POLL_S", 0.001)

    assert Count(rows=0, open=0) == drained(tmp_path, 10, at_least=1, patience_s=0.02)
    store.close()
