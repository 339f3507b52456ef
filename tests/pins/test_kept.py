"""What a worker learnt, every worker knows, and still knows after all of them were restarted."""

from __future__ import annotations

import sqlite3
import stat
import tracemalloc
from pathlib import Path

from poise.clock import SystemClock
from poise.control.pins import Made, PinTable
from poise.decision import Maker
from poise.edge.pin_link import KEY_FILE, ROWS_AT_ONCE, pack, pins_key, unpack
from poise.path.fleet import Lane
from poise.path.pins import MAX_KEPT, PinBook
from poise.store import pins as stored
from poise.store.migrations import upgrade
from poise.store.tail import Kept, Tail
from tests.pins.house import House, house, on_loop

A, B = Maker("a", "m@a"), Maker("b", "m@b")


async def _learnt(it: House, worker: int, digest: bytes) -> None:
    await it.until(lambda: it.planes[worker].pins.maker(digest) is not None)


async def _made_by_b(it: House) -> str:
    it.makers["a"].status = 503
    made = await it.openai().responses.create(model="work", input="go")
    it.makers["a"].status = 0
    it.makers["a"].asked.clear()
    return made.id


@on_loop
async def test_another_worker_knows_what_one_has_learnt() -> None:
    """Learnt by the first, named to the second: within a moment it goes where it was made."""
    async with house(2, a="openai", b="openai") as it:
        made = await _made_by_b(it)
        await _learnt(it, 1, it.planes[0].pins.digest("response", made))
        said = await it.openai(1).responses.create(model="work", input="on", previous_response_id=made)

        assert "by b" == said.output_text
        assert 0 == len(it.makers["a"].asked)


@on_loop
async def test_a_restart_of_everything_keeps_it() -> None:
    """Workers and control end; new ones over the same folder go on where the conversation is."""
    async with house(2, a="openai", b="openai") as it:
        made = await _made_by_b(it)
        digest = it.planes[0].pins.digest("response", made)
        await _learnt(it, 1, digest)
        await it.down()
        await it.up(1)
        assert it.planes[0].pins.digest("response", made) == digest
        await _learnt(it, 0, digest)
        said = await it.openai().responses.create(model="work", input="on", previous_response_id=made)

        assert "by b" == said.output_text
        assert 0 == len(it.makers["a"].asked)


@on_loop
async def test_control_absent_costs_nothing_but_the_others() -> None:
    """A worker knows what it learnt itself, and tells it when a control is there."""
    async with house(1, control=False, a="openai", b="openai") as it:
        made = await _made_by_b(it)
        said = await it.openai().responses.create(model="work", input="on", previous_response_id=made)

        assert "by b" == said.output_text


@on_loop
async def test_a_worker_that_comes_late_is_told_all() -> None:
    """More than one frame's worth, learnt before it was there."""
    async with house(1, a="openai", b="openai") as it:
        first = it.planes[0]
        lane = it.lane("b")
        many = 2 * ROWS_AT_ONCE + 7
        for number in range(many):
            first.pins.learn("response", f"resp_{number}", lane)
        await it.until(lambda: it.shared >= many)
        await it.up(1, control=False)
        await it.until(lambda: len(it.planes[1].pins) >= many)

        assert B == it.planes[1].pins.maker(first.pins.digest("response", "resp_0"))


def test_a_million_ids_cost_a_bounded_amount(lane: Lane) -> None:
    """The oldest go first; 65,536 take some 15 MiB, and no more when 20 or 100 times as many have come."""
    book = PinBook(b"k" * 32)
    held = []
    tracemalloc.start()
    for number in range(4 * MAX_KEPT):
        book.learn("response", f"resp_{number}", lane)
        if number % MAX_KEPT == MAX_KEPT - 1:
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    for number in range(4 * MAX_KEPT, 1_000_000):
        book.learn("response", f"resp_{number}", lane)

    assert MAX_KEPT == len(book)
    assert 24 * 1024 * 1024 > max(held)
    assert held[1] * 1.1 > held[3]
    assert book.maker(book.digest("response", "resp_934463")) is None
    assert Maker("b", "m@b") == book.maker(book.digest("response", "resp_934464"))


def test_nothing_of_an_id_is_kept(lane: Lane, tmp_path: Path) -> None:
    """Neither in memory nor in the frames nor in the store: a digest, keyed by a file that only the owner reads."""
    book = PinBook(pins_key(tmp_path))
    book.learn("response", "resp_very_secret", lane)
    rows = book.news(9)
    tail = Tail(tmp_path, Kept(1, 1 << 30))
    tail.pin([(digest, *maker, 5) for digest, maker in rows])
    tail.step(10_000_000)
    tail.close()
    (row,) = sqlite3.connect(tmp_path / "store.db").execute("SELECT * FROM pins").fetchall()

    assert b"secret" not in pack(rows)
    assert (rows[0][0], "b", "m@b", 5) == row
    assert 16 == len(rows[0][0])
    assert 0o600 == stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode)
    assert pins_key(tmp_path) == pins_key(tmp_path)
    assert pins_key(tmp_path) != pins_key(tmp_path / "other")
    assert PinBook(pins_key(tmp_path / "other")).digest("response", "resp_very_secret") != rows[0][0]


def test_frames_carry_rows_and_refuse_noise() -> None:
    """There and back; a row that names no maker is no frame."""
    rows = [(bytes([n]) * 16, A if n % 2 else B) for n in range(5)]

    assert rows == unpack(pack(rows))
    assert [] == unpack(pack([]))


def test_the_table_tells_each_reader_what_is_new_to_it() -> None:
    """In order and in pieces; what was said again later is told once, with its newest maker; the oldest give way."""
    table = PinTable(most=4)
    rows = [Made(bytes([n]) * 16, "a", "m@a", n) for n in range(3)]
    moved = rows[0]._replace(provider="b", target="m@b")

    assert rows == table.take(rows)
    assert [] == table.take(rows)
    assert (rows[:2], 2) == table.since(0, 2)
    assert [moved] == table.take([moved])
    assert ([rows[2], moved], 4) == table.since(2, 9)
    table.take([Made(bytes([9 + n]) * 16, "a", "m@a", n) for n in range(3)])
    assert 4 == len(table)
    assert 7 == table.end
    assert moved in table.since(0, 9)[0]
    table.load([moved._replace(target="m@old"), Made(b"z" * 16, "a", "m@a", 1)])
    assert "m@old" not in {row.target for row in table.since(0, 99)[0]}


def test_the_store_keeps_the_newest_of_thirty_days() -> None:
    """At most so many rows, none older; a digest that is said again has its newest maker."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(db)
    now_s = 100 * 86_400
    stored.put(db, [(bytes([n]), "a", "m@a", now_s - n) for n in range(10)], now_s, most=8)
    stored.put(db, [(b"\x03", "b", "m@b", now_s), (b"old", "a", "m@a", now_s - stored.KEPT_S - 1)], now_s, most=8)
    kept = {row[0]: row[2] for row in stored.load(db, now_s)}

    assert {bytes([n]) for n in range(8)} == set(kept)
    assert "m@b" == kept[b"\x03"]
    assert [] == stored.load(db, now_s + stored.KEPT_S + 1)


def test_a_store_that_is_down_loses_no_pin(tmp_path: Path) -> None:
    """Handed in while the store cannot be opened, they are kept until it can."""
    (tmp_path / "store.db").mkdir()
    tail = Tail(tmp_path, Kept(1, 1 << 30))
    now_us = SystemClock().now_us()
    tail.pin([(b"d" * 16, "a", "m@a", now_us // 1_000_000)])
    down = tail.step(now_us)
    (tmp_path / "store.db").rmdir()
    up = tail.step(now_us + 10_000_000)
    tail.close()
    again = Tail(tmp_path, Kept(1, 1 << 30))
    again.step(now_us + 20_000_000)
    found = again.pinned()
    again.close()

    assert (False, True) == (down.up, up.up)
    assert [(b"d" * 16, "a", "m@a", now_us // 1_000_000)] == found
    assert [] == again.pinned()
