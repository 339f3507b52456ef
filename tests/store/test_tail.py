"""From journals to the store: every record once, whatever dies, and nothing missing unsaid."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from poise import policy as policies
from poise.decision import OutcomeKind, decode_decision, decode_outcome
from poise.store.record import OUTCOME_CODE
from poise.store.tail import FOLDER, Kept
from tests.store.journals import SMALL
from tests.store.samples import DECISION, NOW_US, OUTCOME, POLICY, policy
from tests.store.stores import FIRST, World, begin, end

CRASH = OUTCOME_CODE[OutcomeKind.GATEWAY_CRASH]


def test_a_request_is_one_row_with_all_that_was_recorded(tmp_path: Path) -> None:
    """Opening and ending meet in one row: facts, figures, both records."""
    with World(tmp_path) as world:
        writer = world.writer()
        begin(writer, 0, conversation="c-1")
        end(writer, 0)
        report = world.step()
        (row,) = world.rows(
            "SELECT w.text, t.text, k.text, p.content, outcome, status, attempts, took_us, first_byte_us, cost_usd_e6,"
            " input_tokens, output_tokens, lost, conversation, decision, outcome_detail FROM decisions"
            " JOIN names w ON w.id = workflow_id JOIN names t ON t.id = target_id JOIN names k ON k.id = key_id"
            " JOIN policies p ON p.id = policy_id"
        )

    assert 2 == report.rows
    assert ("support-chat", "gpt-5.2@openai-us", "web-app") == row[:3]
    assert POLICY == policies.decode(row[3])
    assert (1, 200, 2, 1_900_000, 420_000, 3_225, 900, 210, 0, "c-1") == row[4:14]
    assert DECISION.verdict == decode_decision(row[14]).verdict
    assert OUTCOME == decode_outcome(row[15])


def test_an_open_request_is_stored_open_and_ended_later(tmp_path: Path) -> None:
    """A request longer than a tick is in the store before its end, and gets its end afterwards."""
    with World(tmp_path) as world:
        writer = world.writer()
        begin(writer, 0)
        world.step()
        while_open = world.outcomes()
        end(writer, 0)
        world.step()

        assert {0: None} == while_open
        assert {0: 1} == world.outcomes()


def test_a_restarted_control_still_matches_open_requests(tmp_path: Path) -> None:
    """An ending finds its opening although control died between the two, and nothing is read twice."""
    with World(tmp_path) as world:
        writer = world.writer()
        for number in range(10):
            begin(writer, number)
        world.step()
        world.restart()
        for number in range(10):
            end(writer, number)
        report = world.step()

        assert 10 == report.rows
        assert dict.fromkeys(range(10), 1) == world.outcomes()
        assert [] == world.rows("SELECT * FROM gaps")


def test_a_dead_workers_open_requests_are_settled_once(tmp_path: Path) -> None:
    """What a dead worker left open becomes gateway_crash, delivered unknown; its journal is removed."""
    with World(tmp_path) as world:
        dead, alive = world.writer(0), world.writer(1)
        for number in range(6):
            begin(dead, number)
        begin(alive, 100)
        end(dead, 0)
        world.step()
        end(dead, 1)
        dead.close()
        report = world.step()
        world.restart()
        world.step()
        (detail,) = world.rows("SELECT outcome_detail FROM decisions WHERE id = ?", FIRST + 2)[0]
        left = sorted(path.name for path in (tmp_path / FOLDER).iterdir())

        assert 4 == report.crashed
        assert {0: 1, 1: 1, 2: CRASH, 3: CRASH, 4: CRASH, 5: CRASH, 100: None} == world.outcomes()
        assert "unknown" == decode_outcome(detail).delivered
        assert [alive.path.name] == left


def test_a_journal_found_at_start_is_drained_and_settled(tmp_path: Path) -> None:
    """Whatever lies in the folder when control starts is handled like the journal of a worker that died just now."""
    with World(tmp_path) as world:
        writer = world.writer()
        begin(writer, 0)
        begin(writer, 1)
        end(writer, 1)
        writer.close()
        report = world.step()

        assert 1 == report.crashed
        assert {0: CRASH, 1: 1} == world.outcomes()
        assert [] == list((tmp_path / FOLDER).iterdir())


def test_a_settled_journal_that_was_not_removed_is_only_removed(tmp_path: Path) -> None:
    """Control may die between the commit and the removal: the file is not read a second time."""
    with World(tmp_path) as world:
        writer = world.writer()
        begin(writer, 0)
        writer.close()
        copy = writer.path.read_bytes()
        world.step()
        world.restart()
        writer.path.write_bytes(copy)
        report = world.step()

        assert (0, 0) == (report.rows, report.crashed)
        assert {0: CRASH} == world.outcomes()
        assert not writer.path.exists()


def test_a_refused_request_is_a_row(tmp_path: Path) -> None:
    """What was turned away undecided is there with its code, and no decision."""
    with World(tmp_path) as world:
        world.writer().refused(FIRST, "invalid_api_key", "support-chat", "", 401)
        world.step()
        rows = world.rows("SELECT outcome, status, c.text, decision FROM decisions JOIN names c ON c.id = code_id")

    assert [(OUTCOME_CODE[OutcomeKind.REFUSED], 401, "invalid_api_key", None)] == rows


def test_an_ending_without_opening_is_a_row_that_says_so(tmp_path: Path) -> None:
    """Where the opening was not kept, the outcome stands alone, marked as having lost its detail."""
    with World(tmp_path) as world:
        end(world.writer(), 0)
        world.step()

        assert [(1, 1, None)] == world.rows("SELECT outcome, lost, decision FROM decisions")


def test_an_id_used_twice_is_said_and_stops_nothing(tmp_path: Path) -> None:
    """The first one stays, the second is counted as a gap, and what comes after is stored."""
    with World(tmp_path) as world:
        writer = world.writer()
        for number in (0, 0, 1):
            begin(writer, number)
            end(writer, number)
        world.step()

        assert {0: 1, 1: 1} == world.outcomes()
        assert [("duplicate", 1)] == world.rows("SELECT kind, amount FROM gaps")


def test_the_log_says_why_nothing_else_may_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a SQLite that has the defect: what it is, in which versions, once, and not as a warning."""
    monkeypatch.setattr("poise.store.tail.sqlite3.sqlite_version_info", (3, 51, 2))
    with World(tmp_path) as world, caplog.at_level(logging.INFO):
        world.step()
        world.step()
    (told,) = [record for record in caplog.records if "SQLite" in record.message]

    assert logging.INFO == told.levelno
    assert "before 3.51.3 two processes that write can corrupt its write-ahead log" in told.message


def test_what_a_full_journal_dropped_is_in_the_gaps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Dropped detail and dropped records are counted in the store and in the log, exactly."""
    with World(tmp_path) as world, caplog.at_level(logging.ERROR):
        writer = world.writer(capacity=SMALL)
        for number in range(500):
            begin(writer, number)
        report = world.step()
        gaps = dict(world.rows("SELECT kind, amount FROM gaps"))
        stored = len(world.outcomes())
        whole = world.rows("SELECT count(*) FROM decisions WHERE decision IS NOT NULL")[0][0]

    assert {"detail": report.detail_dropped, "records": report.records_dropped} == gaps
    assert 500 == stored + report.records_dropped
    assert stored == whole + report.detail_dropped
    assert 2 == sum("misses something" in line for line in caplog.messages)


def test_a_damaged_journal_is_set_aside_and_said(tmp_path: Path) -> None:
    """A file that is no journal costs nothing else: it is renamed, noted, and the others are stored."""
    with World(tmp_path) as world:
        writer = world.writer()
        (tmp_path / FOLDER / "7-1-1.journal").write_bytes(b"garbage" * 1000)
        begin(writer, 0)
        world.step()
        names = {path.name for path in (tmp_path / FOLDER).iterdir()}

        assert {0: None} == world.outcomes()
        assert [("7-1-1.journal", "damaged", 7000)] == world.rows("SELECT journal, kind, amount FROM gaps")
        assert {writer.path.name, "7-1-1.damaged"} == names


def test_a_policy_outlives_its_decisions(tmp_path: Path) -> None:
    """Retention deletes decisions, never the policy they name; a digest is kept even without its content."""
    other = policy("nightly-tagging")
    with World(tmp_path) as world:
        writer = world.writer()
        begin(writer, 0)
        end(writer, 0)
        begin(writer, 1, of=other)
        end(writer, 1)
        world.step()
        world.tail.keep(Kept(seconds=60, bytes=1 << 40), [])
        world.step(later_us=120_000_000)
        kept = dict(world.rows("SELECT digest, content FROM policies"))

        assert {} == world.outcomes()
        assert {POLICY.digest: policies.encode(POLICY), other.digest: None} == kept


def test_retention_by_age_deletes_only_what_is_too_old(tmp_path: Path) -> None:
    """A decision is kept to the second, and the tallies go with it."""
    with World(tmp_path) as world:
        writer = world.writer()
        for number in (0, 100_000_000 << 12):
            begin(writer, number)
            end(writer, number)
        world.tail.keep(Kept(seconds=60, bytes=1 << 40), [])
        world.step(later_us=120_000_000)

        assert {100_000_000 << 12: 1} == world.outcomes()
        assert [((NOW_US + 100_000_000) // 10_000_000 * 10,)] == world.rows("SELECT at_s FROM tallies")


def test_retention_by_size_keeps_the_file_bounded_and_the_newest(tmp_path: Path) -> None:
    """However much comes in, the store holds what it may and drops the oldest, as fast as it comes."""
    limit = 2 * 1024 * 1024
    with World(tmp_path) as world:
        world.tail.keep(Kept(seconds=10**6, bytes=limit), [])
        writer = world.writer()
        sizes = []
        for tick in range(40):
            for number in range(tick * 400, tick * 400 + 400):
                begin(writer, number)
                end(writer, number)
            world.step()
            sizes.append((tmp_path / "store.db").stat().st_size)
        ids = sorted(world.outcomes())

    assert 15_999 == ids[-1]
    assert list(range(ids[0], 16_000)) == ids
    assert ids[0] > 8000
    assert max(sizes) < 2 * limit
    assert sizes[-1] == sizes[-10]
