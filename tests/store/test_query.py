"""Searching the store: what matches is found, newest first, and a reader is never in the writer's way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from poise.decision import OutcomeKind
from poise.errors import Error
from poise.store import query
from poise.store.query import OPEN, Archive, Find, Stored
from poise.store.record import OUTCOME_OF
from poise.store.rows import TALLY_IDS
from tests.store.samples import NOW_US, POLICY, policy
from tests.store.stores import FIRST, World, begin, end

OTHER = policy("nightly-tagging")
TARGETS = ("gpt-5.2@openai-us", "gpt-5.2@openai-eu", "claude-sonnet-4-5@anthropic-us")
COUNT = 60


class Truth:
    """What is in the store, by number: workflow, target, outcome, conversation."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[str, str, str, str]] = {}


def _number(i: int) -> int:
    """Ids spread over a minute and a half: several tallies, some empty."""
    return i * TALLY_IDS // 7 + i % 3


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Truth]]:
    """A store of two workflows, three targets, all outcomes."""
    truth = Truth()
    data = tmp_path_factory.mktemp("store")
    with World(data) as world:
        writer = world.writer()
        for i in range(COUNT):
            of = OTHER if i % 5 == 0 else POLICY
            talk = f"c-{i % 4}" if i % 2 else ""
            outcome = 1 + i % 7 if i % 6 else 0
            target = TARGETS[i % 3] if outcome else ""
            begin(writer, _number(i), conversation=talk, of=of)
            if outcome:
                end(writer, _number(i), outcome, target)
            truth.rows[_number(i)] = (of.workflow, target, str(OUTCOME_OF[outcome]) if outcome else OPEN, talk)
            if i % 10 == 9:
                world.step()
        world.step()
        yield data, truth


def _ids(rows: list[Stored]) -> list[int]:
    return [row.id - FIRST for row in rows]


_FINDS = st.builds(
    Find,
    workflow=st.sampled_from(["", "support-chat", "nightly-tagging", "never-heard-of"]),
    target=st.sampled_from(["", *TARGETS]),
    outcome=st.sampled_from(["", OPEN, *map(str, OutcomeKind)]),
    conversation=st.sampled_from(["", "c-1", "c-3", "c-9"]),
    since_us=st.one_of(st.just(0), st.integers(NOW_US - 1, NOW_US + 90_000_000)),
    until_us=st.one_of(st.just(0), st.integers(NOW_US - 1, NOW_US + 90_000_000)),
    before=st.one_of(st.just(0), st.integers(0, COUNT).map(lambda i: FIRST + _number(i))),
    limit=st.integers(1, 20),
)


@settings(max_examples=150, deadline=None)
@given(what=_FINDS)
def test_a_search_finds_exactly_what_matches(filled: tuple[Path, Truth], what: Find) -> None:
    """Any combination of filters gives the newest rows that a plain look at all rows gives."""
    data, truth = filled
    wanted = [
        number
        for number, (workflow, target, outcome, talk) in sorted(truth.rows.items(), reverse=True)
        if what.workflow in {"", workflow}
        and what.target in {"", target}
        and what.outcome in {"", outcome}
        and what.conversation in {"", talk}
        and what.since_us * 4096 <= FIRST + number < (what.until_us or 1 << 51) * 4096
        and FIRST + number < (what.before or 1 << 63)
    ]
    with Archive(data) as archive:
        assert wanted[: what.limit] == _ids(archive.find(what))


@pytest.mark.parametrize(
    ("what", "index"),
    [
        (Find(conversation="c-1"), "decisions_by_conversation"),
        (Find(conversation="c-1", since_us=NOW_US), "decisions_by_conversation"),
        (Find(outcome="failed"), "decisions_bad"),
        (Find(outcome="failed", since_us=NOW_US), "decisions_bad"),
        (Find(outcome=OPEN), "decisions_open"),
    ],
)
def test_a_search_for_what_is_rare_uses_its_index(filled: tuple[Path, Truth], what: Find, index: str) -> None:
    """By conversation, by a bad outcome or by none yet: none of these goes through the whole table."""
    data, _ = filled
    seen: list[str] = []

    def saw(*args: object) -> None:
        seen.append(str(args[2]))

    with Archive(data) as archive:
        assert archive._db is not None  # noqa: SLF001 - the statement that is run is what is to be seen
        event.listen(archive._db, "before_cursor_execute", saw)  # noqa: SLF001 - same
        assert archive.find(what)
    with closing(sqlite3.connect(data / "store.db")) as db:
        plan = db.execute(_plan_of(seen[-1])).fetchall()

    assert index in " ".join(str(row[3]) for row in plan)


def _plan_of(statement: str) -> str:
    """The question how a statement would be run; any number does for its values, if no condition contradicts it."""
    return f"EXPLAIN QUERY PLAN {statement.replace('?', '3')}"


def test_one_decision_and_the_last(filled: tuple[Path, Truth]) -> None:
    """An id gives its row; the last is the newest; an unknown id gives none; a policy comes by its digest."""
    data, truth = filled
    with Archive(data) as archive:
        last = archive.last()
        assert last is not None
        assert max(truth.rows) == last.id - FIRST
        assert archive.get(FIRST) is not None
        assert archive.get(FIRST + 1) is None
        assert POLICY == archive.policy(POLICY.digest)
        assert archive.policy(b"unknown!") is None
        assert COUNT == archive.count()


def test_pages_go_through_all(filled: tuple[Path, Truth]) -> None:
    """Paging by the last id sees every row once."""
    data, truth = filled
    seen: list[int] = []
    with Archive(data) as archive:
        after = -1
        while page := archive.page(after, 7):
            seen += _ids(page)
            after = page[-1].id

    assert sorted(truth.rows) == seen


def test_a_reader_cannot_write(filled: tuple[Path, Truth]) -> None:
    """The connection refuses to change anything, so it can never checkpoint either."""
    data, _ = filled
    with Archive(data) as archive:
        connection = archive._open()  # noqa: SLF001 - the connection itself is what is tested
        with pytest.raises(sqlite3.OperationalError, match=r"readonly|read-only|query_only"):
            connection.execute("DELETE FROM decisions")
        connection.close()


def test_a_search_that_takes_too_long_is_stopped(filled: tuple[Path, Truth], monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound on a search's work turns it into an error with a hint, and the next one is served."""
    data, _ = filled
    monkeypatch.setattr(query, "_STEPS", 10)
    monkeypatch.setattr(query, "_MOST_STEPS", 3)
    with pytest.raises(Error) as caught, Archive(data) as archive:
        archive.find(Find(workflow="support-chat", outcome="drained"))
    monkeypatch.undo()
    with Archive(data) as archive:
        assert archive.find(Find(workflow="support-chat"))

    assert "too_busy" == caught.value.code
    assert "since" in caught.value.hint


def test_a_folder_without_store_is_an_error(tmp_path: Path) -> None:
    """It is said that there is none, and nothing is made."""
    with pytest.raises(Error):
        Archive(tmp_path)

    assert [] == list(tmp_path.iterdir())
