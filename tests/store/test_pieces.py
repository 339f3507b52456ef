"""A pass goes through a journal in pieces and writes rows many at a time: nobody can tell from the store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from poise.store.reader import Reader
from poise.store.record import CELL_WRITE, PAGE
from poise.store.sqlite import ROWS_AT_ONCE, connect
from poise.store.tail import Kept
from tests.store.journals import SMALL, finished, opened, seen, small
from tests.store.stores import FIRST, World, begin, end

MANY = 600  # requests of 1 KB: several pieces


@pytest.mark.parametrize("conversation", ["", "c-1"])
@pytest.mark.parametrize("count", [1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 3 * ROWS_AT_ONCE])
def test_any_number_of_rows_is_written_whole(tmp_path: Path, count: int, conversation: str) -> None:
    """Rows that fill a statement, and those that are left over, have the same columns."""
    with World(tmp_path) as world:
        writer = world.writer()
        for number in range(count):
            begin(writer, number, conversation=conversation)
            end(writer, number)
        world.step()
        rows = world.rows(
            "SELECT DISTINCT status, attempts, took_us, lost, conversation, length(decision) FROM decisions"
        )

        assert dict.fromkeys(range(count), 1) == world.outcomes()
        assert 1 == len(rows)
        assert (200, 2, 1_900_000, 0, conversation or None) == rows[0][:5]


def test_pairs_far_apart_are_joined_within_a_pass(tmp_path: Path) -> None:
    """An ending pieces after its opening is still one row inserted: no opening was tallied as stored open."""
    with World(tmp_path) as world:
        writer = world.writer()
        for number in range(MANY):
            begin(writer, number)
        for number in reversed(range(MANY)):
            end(writer, number)
        reader = Reader.open(writer.path)
        pieces = len(list(reader.scans(0, 1 << 40)))
        reader.close()
        report = world.step()

        assert pieces > 3
        assert 2 * MANY == report.rows
        assert dict.fromkeys(range(MANY), 1) == world.outcomes()
        assert [(1, MANY)] == world.rows("SELECT outcome, sum(requests) FROM tallies GROUP BY outcome")


def test_pairs_split_over_passes_and_pieces_end_once(tmp_path: Path) -> None:
    """What one pass stored open the next ends, whatever control remembers of it, and new ones come between."""
    with World(tmp_path) as world:
        writer = world.writer(capacity=64 * SMALL)
        for number in range(MANY):
            begin(writer, number)
        world.step()
        for number in range(MANY):
            end(writer, number)
            begin(writer, MANY + number)
        world.restart()
        world.step()
        for number in range(MANY):
            end(writer, MANY + number)
        world.step()

        assert dict.fromkeys(range(2 * MANY), 1) == world.outcomes()
        assert [(0, 2 * MANY), (1, 2 * MANY)] == world.rows(
            "SELECT outcome, sum(requests) FROM tallies GROUP BY outcome ORDER BY outcome"
        )
        assert [] == world.rows("SELECT * FROM gaps")


class _Fragile(sqlite3.Connection):
    """A connection that fails once, at a statement of many rows."""

    left = 0

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql.startswith("INSERT OR IGNORE INTO decisions"):
            _Fragile.left -= 1
            if not _Fragile.left:
                raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *values)  # type: ignore[arg-type] # the driver's own signature is a C function's


@pytest.mark.parametrize("failing", [1, 2, 12, 30])
def test_a_pass_that_fails_between_pieces_left_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Rows of the first pieces go with the transaction, and the next pass stores all of them, once."""
    monkeypatch.setattr(_Fragile, "left", failing)
    real = sqlite3.connect

    def fragile(folder: Path) -> sqlite3.Connection:
        with monkeypatch.context() as patch:
            patch.setattr(sqlite3, "connect", lambda *args, **more: real(*args, factory=_Fragile, **more))
            return connect(folder)

    with World(tmp_path, fragile) as world:
        writer = world.writer()
        begin(writer, MANY)
        world.step()
        for number in range(MANY):
            begin(writer, number)
            end(writer, number)
        end(writer, MANY)
        down = world.step()
        during = world.outcomes()
        up = world.step(3_000_000)

        assert "disk I/O error" == down.because
        assert {MANY: None} == during
        assert 2 * MANY + 1 == up.rows
        assert dict.fromkeys(range(MANY + 1), 1) == world.outcomes()
        assert [(MANY + 1,)] == world.rows("SELECT sum(requests) FROM tallies WHERE outcome = 1")


def test_an_id_used_twice_among_many_is_counted(tmp_path: Path) -> None:
    """In a statement of many rows the one that is there already is left out, and said; the others are stored."""
    with World(tmp_path) as world:
        writer = world.writer()
        for number in [*range(2 * ROWS_AT_ONCE), 3, 30, *range(2 * ROWS_AT_ONCE, 4 * ROWS_AT_ONCE)]:
            begin(writer, number)
            end(writer, number)
        world.step()

        assert dict.fromkeys(range(4 * ROWS_AT_ONCE), 1) == world.outcomes()
        assert [("duplicate", 2)] == world.rows("SELECT kind, amount FROM gaps")


def test_refusals_are_trimmed_as_fast_as_they_come(tmp_path: Path) -> None:
    """What was turned away takes room too: a flood of it does not outgrow what the store may hold."""
    with World(tmp_path) as world:
        world.tail.keep(Kept(seconds=10**6, bytes=512 * 1024), [])
        writer = world.writer()
        trimmed = 0
        for tick in range(12):
            for number in range(tick * 4000, tick * 4000 + 4000):
                writer.refused(FIRST + number, "invalid_api_key", "support-chat", "", 401)
            trimmed = world.step().trimmed

        assert trimmed >= 4000


def test_a_record_that_is_not_sound_yet_ends_the_pass(tmp_path: Path) -> None:
    """A second look in the same pass would be none: only the next pass may cut, or find it sound."""
    writer = small(tmp_path, capacity=8 * SMALL)
    for number in range(MANY // 2):
        opened(writer, number)
        finished(writer, number)
    reader = Reader.open(writer.path)
    whole = seen(reader)
    first = next(reader.scans(0, 1 << 40)).position
    with writer.path.open("r+b") as file:
        file.seek(PAGE + first + 20)
        byte = file.read(1)
        file.seek(PAGE + first + 20)
        file.write(bytes([byte[0] ^ 1]))
        file.flush()
        early = list(reader.scans(0, 1 << 40))
        file.seek(PAGE + first + 20)
        file.write(byte)
    late = list(reader.scans(first, 1 << 40))

    assert [first, first] == [scan.position for scan in early]
    assert not any(scan.cuts for scan in early + late)
    assert len(whole) == sum(len(scan.bodies) for scan in [early[0], *late])
    assert reader.written == late[-1].position
    writer.close()
    reader.close()


def test_pieces_go_no_further_than_asked(tmp_path: Path) -> None:
    """A journal's share of a transaction holds in pieces too, and so does what was committed when the pass began."""
    writer = small(tmp_path, capacity=8 * SMALL)
    for number in range(MANY // 2):
        opened(writer, number)
    reader = Reader.open(writer.path)
    share = list(reader.scans(0, 30_000))[-1].position
    going = reader.scans(share, 1 << 40)
    committed = reader.written
    next(going)
    opened(writer, MANY)
    last = list(going)[-1].position

    assert 30_000 <= share < 31_000
    assert committed == last < memoryview(writer.path.read_bytes()).cast("Q")[CELL_WRITE]
    writer.close()
    reader.close()
