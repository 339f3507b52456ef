"""A store that is slow, locked, full or gone costs no request: journals keep, and afterwards all is there, once."""

from __future__ import annotations

import logging
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from poise.store.tail import Tail
from tests.store.journals import SMALL
from tests.store.samples import NOW_US, policy
from tests.store.stores import FOREVER, World, begin, end


def test_a_locked_store_costs_nothing_but_time(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """While another process holds the database, journals keep everything; afterwards it is stored, once."""
    with World(tmp_path) as world, caplog.at_level(logging.WARNING):
        writer = world.writer()
        world.step()
        with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as thief:
            thief.execute("BEGIN IMMEDIATE")
            begin(writer, 0)
            end(writer, 0)
            reports = [world.step(3_000_000) for _ in range(3)]
            thief.execute("ROLLBACK")
        after = world.step(3_000_000)
        said = [line for line in caplog.messages if "DOWN" in line]

        assert [False, False, False] == [report.up for report in reports]
        assert all("locked" in report.because for report in reports)
        assert reports[-1].behind_bytes > 0
        assert reports[-1].fill_0_1 > 0
        assert 1 == len(said)
        assert after.up
        assert {0: 1} == world.outcomes()


def test_a_store_that_is_down_is_not_tried_at_every_tick(tmp_path: Path) -> None:
    """Tries are paused, longer and longer, so that a dead disk is not hammered."""
    tries = []

    def broken(folder: Path) -> sqlite3.Connection:
        tries.append(folder)
        raise sqlite3.OperationalError("disk I/O error")

    with World(tmp_path, broken) as world:
        for _ in range(40):
            world.step()

    assert 5 <= len(tries) <= 12


def test_a_full_disk_costs_nothing_but_time(tmp_path: Path) -> None:
    """Where the database may not grow, the pass fails whole; once it may, all is stored exactly once."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with World(tmp_path) as world:
        writer = world.writer()
        world.step()
        for number in range(300):
            begin(writer, number)
            end(writer, number)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 * 1024, old[1]))
        try:
            down = world.step()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, old)
            signal.signal(signal.SIGXFSZ, ignored)
        during = world.outcomes()
        up = world.step(3_000_000)

        assert not down.up
        assert "disk" in down.because
        assert {} == during
        assert up.up
        assert dict.fromkeys(range(300), 1) == world.outcomes()


def test_a_store_on_a_small_file_system_survives_its_filling(tmp_path: Path) -> None:
    """On a real file system that runs full, nothing is lost and nothing twice once there is room again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"no small file system can be mounted here: {made.stderr.decode().strip()}")
    try:
        with World(disk) as world:
            writer = world.writer(capacity=16 * SMALL)
            world.step()
            (disk / "filler").write_bytes(b"\0" * _free_bytes(disk))
            for number in range(300):
                begin(writer, number)
                end(writer, number)
            down = world.step()
            (disk / "filler").unlink()
            up = world.step(3_000_000)

            assert not down.up
            assert "full" in down.because
            assert up.up
            assert dict.fromkeys(range(300), 1) == world.outcomes()
    finally:
        subprocess.run(["umount", disk], check=True)


def _free_bytes(path: Path) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def test_a_store_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    """Something else in the database's place is a store that is down, not a control that dies."""
    (tmp_path / "store.db").mkdir()
    with World(tmp_path) as world:
        begin(world.writer(), 0)
        down = world.step()
        (tmp_path / "store.db").rmdir()
        up = world.step(3_000_000)

        assert "unable to open" in down.because
        assert up.up
        assert {0: None} == world.outcomes()


def test_only_one_process_writes_a_store(tmp_path: Path) -> None:
    """A second control finds the store held and waits; it takes over once the first is gone."""
    with World(tmp_path) as world:
        world.step()
        second = Tail(tmp_path, FOREVER)
        refused = second.step(NOW_US)
        world.tail.close()
        taken = second.step(NOW_US + 3_000_000)
        second.close()

    assert "held by another process" in refused.because
    assert taken.up


def test_actions_and_policies_of_a_failed_pass_are_kept_for_the_next(tmp_path: Path) -> None:
    """What a loop did while the store was down is in the store afterwards, once."""
    with World(tmp_path) as world:
        world.step()
        fresh = policy("nightly-tagging")
        with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as thief:
            thief.execute("BEGIN IMMEDIATE")
            world.tail.record([(NOW_US, "health", "gpt-5.2@openai-us", "eject", "three failures")])
            world.tail.keep(FOREVER, [fresh])
            down = world.step()
            thief.execute("ROLLBACK")
        world.step(3_000_000)
        world.step(3_000_000)

        assert not down.up
        assert [("eject",)] == world.rows("SELECT action FROM actions")
        assert [(1,)] == world.rows("SELECT count(*) FROM policies WHERE digest = ?", fresh.digest)


_VICTIM = """
import sys, time
from pathlib import Path
from poise.store.tail import Kept, Tail
tail = Tail(Path(sys.argv[1]), Kept(10**6, 1 << 40))
now_us = 1_700_000_000_000_000
while True:
    report = tail.step(now_us)
    now_us += 1000
    if report.up:
        print("up", flush=True)
"""


def test_a_killed_control_stores_every_request_once(tmp_path: Path) -> None:
    """A kill -9 of control at random moments, while requests come in: all rows are there in the end, none twice."""
    dice = random.Random(11)
    number = 0
    with World(tmp_path) as world:
        world.tail.close()
        writer = world.writer(capacity=1 << 22)
        for _ in range(6):
            victim = subprocess.Popen([sys.executable, "-c", _VICTIM, str(tmp_path)], stdout=subprocess.PIPE)
            assert victim.stdout is not None
            assert b"up\n" == victim.stdout.readline()
            for _ in range(dice.randrange(300, 1500)):
                begin(writer, number)
                if number % 7:
                    end(writer, number)
                if number >= 70 and number % 7 == 0:
                    end(writer, number - 70)
                number += 1
            victim.kill()
            victim.wait()
            victim.stdout.close()
        world.restart()
        while world.step().behind_bytes:
            pass
        outcomes = world.outcomes()

        assert list(range(number)) == sorted(outcomes)
        assert {n for n in range(number) if n % 7 == 0 and n + 70 >= number} == {
            n for n, outcome in outcomes.items() if outcome is None
        }
        assert [] == world.rows("SELECT * FROM gaps")
        completed = sum(outcome == 1 for outcome in outcomes.values())
        assert [(completed,)] == world.rows("SELECT sum(requests) FROM tallies WHERE outcome = 1")
