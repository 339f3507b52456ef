"""The embedded store: one SQLite file, one writer, rows in bulk.

Exactly one connection writes and checkpoints, ever: SQLite before 3.51.3 can corrupt a write-ahead log when a second
one writes or checkpoints at the moment the log is reset. Readers open the file read-only and cannot checkpoint.

Pages of 16 KiB: 3.7 us a row with its deletion later, against 6.2 us with pages of 4 KiB (rows of 670 bytes, batches
of 5,000, synchronous FULL). Tried since, and no gain: pages of 32 KiB, a cache of 4 or 32 MiB, checkpoints four
times as often; sorting a batch by id costs 0.2 us a row more than it saves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from poise import policy as policies
from poise.store import migrations, pins
from poise.store.pins import PinRow
from poise.store.rows import TALLY_IDS, TALLY_S, Batch, Cell, Context, NameKind, Row

FILE = "store.db"

WHOLE = """INSERT OR IGNORE INTO decisions (id, took_us, first_byte_us, cost_usd_e6, input_tokens, output_tokens,
 outcome, attempts, workflow_id, key_id, policy_id, kind, journal_id, status, target_id, lost, decision, outcome_detail)
 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
TALK = """INSERT OR IGNORE INTO decisions (id, took_us, first_byte_us, cost_usd_e6, input_tokens, output_tokens,
 outcome, attempts, workflow_id, key_id, policy_id, kind, journal_id, status, target_id, lost, decision, outcome_detail,
 conversation) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
OPEN = """INSERT OR IGNORE INTO decisions (id, workflow_id, key_id, policy_id, kind, journal_id, lost, conversation,
 decision) VALUES (?, ?, ?, ?, ?, ?, ?, nullif(?, ''), ?)"""
END = """UPDATE decisions SET took_us = ?, first_byte_us = ?, cost_usd_e6 = ?, input_tokens = ?, output_tokens = ?,
 outcome = ?, attempts = ?, status = ?, target_id = ?, lost = lost | ?, outcome_detail = ?
 WHERE id = ? AND outcome IS NULL"""
REFUSAL = """INSERT OR IGNORE INTO decisions (id, outcome, status, workflow_id, key_id, code_id, journal_id, lost,
 outcome_detail, kind) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 4)"""
_TALLY = """INSERT INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
 ON CONFLICT (at_s, workflow_id, target_id, outcome) DO UPDATE SET requests = requests + excluded.requests,
 took_us = took_us + excluded.took_us, cost_usd_e6 = cost_usd_e6 + excluded.cost_usd_e6,
 input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens"""


class _Bulk:
    """An INSERT of one row, and the same of many."""

    def __init__(self, one: str) -> None:
        self.one = one
        self.width = one.count("?")
        head, values = one.split("VALUES")
        self.many = f"{head}VALUES {','.join([values] * ROWS_AT_ONCE)}"


# A row costs 1.0 us in a statement of many, 1.4 us alone: the driver does less for each. Up to 200 rows gain no more.
ROWS_AT_ONCE = 20
_WHOLE, _TALK = _Bulk(WHOLE), _Bulk(TALK)

# Names come from a policy file, but a refused request names its workflow itself: strangers must not grow the store.
MOST_NAMES = 10_000
_OTHER = b"(other)"
_MOST_CONTEXTS = 20_000
_LEAST_TRIM = 2_000  # rows that one commit may delete even when little comes in

# When (wall time, microseconds), which loop, what it did it to, what it did, and because of what.
ActionRow = tuple[int, str, str, str, str]

_ID_US = 4096  # ids per microsecond


class Mark(NamedTuple):
    """How far one journal is in the store, as row ``id`` of table journals."""

    id: int
    position: int
    detail_dropped: int = 0
    records_dropped: int = 0
    settled_us: int | None = None


class Gap(NamedTuple):
    """What the store knows it does not have: kind is detail, records, cut, damaged or duplicate, amount how many (bytes
    for cut).
    """

    at_us: int
    journal: str
    kind: str
    amount: int
    because: str


def connect(folder: Path) -> sqlite3.Connection:
    """The writer's connection, at the newest schema. Raises sqlite3.Error or poise's Error."""
    connection = sqlite3.connect(folder / FILE, timeout=0.1, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "page_size = 16384",
            "journal_mode = WAL",
            "synchronous = FULL",
            "wal_autocheckpoint = 1024",  # pages: 16 MiB
            "journal_size_limit = 67108864",
            "cache_size = -16384",  # KiB: the newest pages of the table and of each index
            "temp_store = MEMORY",
            "secure_delete = FAST",  # with ON, some builds' default, each page retention frees is written once more
            "foreign_keys = OFF",
        ):
            connection.execute(f"PRAGMA {pragma}")
        migrations.upgrade(connection)
    except BaseException:
        connection.close()
        raise
    return connection


class Store:
    """The one writer. Everything between ``begin`` and ``commit`` is one transaction; used by one thread at a time.

    After any sqlite3.Error it must be closed and opened again: what it remembers of names may not have been kept.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._names: dict[tuple[int, bytes], int] = {}
        self._counts = dict.fromkeys(NameKind, 0)
        self._contexts: dict[bytes, Context] = {}
        self.texts: dict[int, str] = {}

    def load(self) -> None:
        """Read the names that are known already."""
        for id_, kind, text in self._db.execute("SELECT id, kind, text FROM names"):
            self._names[kind, str(text).encode()] = int(id_)
            self.texts[int(id_)] = str(text)
            self._counts[NameKind(kind)] += 1

    def begin(self) -> None:
        """Begin a transaction, taking the write lock."""
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make everything since ``begin`` durable."""
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file; an open transaction is rolled back."""
        self._db.close()

    def name(self, kind: NameKind, raw: bytes) -> int | None:
        """The number of a name, made if it is new; None for an empty one; past MOST_NAMES that of ``(other)``."""
        if not raw:
            return None
        number = self._names.get((kind, raw))
        if number is not None:
            return number
        if self._counts[kind] >= MOST_NAMES and raw != _OTHER:
            return self.name(kind, _OTHER)
        text = raw.decode("utf-8", "replace")  # a name cut inside a letter ends in U+FFFD
        found = self._db.execute("SELECT id FROM names WHERE kind = ? AND text = ?", (kind, text)).fetchone()
        if found is None:
            made = self._db.execute("INSERT INTO names (kind, text) VALUES (?, ?)", (kind, text)).lastrowid
            found = (made,)
            self._counts[kind] += 1
        self._names[kind, raw] = number = int(found[0])
        self.texts[number] = text
        return number

    def context(self, raw: bytes) -> Context:
        """The context in the part of an opened record that names policy, kind, workflow and key."""
        known = self._contexts.get(raw)
        if known is not None:
            return known
        if len(self._contexts) >= _MOST_CONTEXTS:
            self._contexts.clear()
        digest, kind, size = raw[:8], raw[8], raw[9]
        workflow = self.name(NameKind.WORKFLOW, raw[11 : 11 + size])
        key = self.name(NameKind.KEY, raw[11 + size :])
        number, content = self._policy(digest)
        self._contexts[raw] = context = Context(workflow, key, number, kind, _promise(content))
        return context

    def learn(self, contents: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep policies: pairs of digest and canonical msgpack."""
        self._db.executemany(
            "INSERT INTO policies (digest, content) VALUES (?, ?)"
            " ON CONFLICT (digest) DO UPDATE SET content = excluded.content WHERE content IS NULL",
            contents,
        )

    def put(self, batch: Batch, *, last: bool = True) -> None:
        """Write a batch's rows and take them out of it; where it is not the last time, those that fill a statement."""
        self._many(_WHOLE, batch, batch.whole, last=last)
        self._many(_TALK, batch, batch.talks, last=last)
        for statement, rows in ((OPEN, batch.opens), (END, batch.ends), (REFUSAL, batch.refusals)):
            if rows:
                taken = self._db.executemany(statement, rows).rowcount
                batch.twice += len(rows) - taken
                batch.came += 0 if rows is batch.ends else taken
                rows.clear()
        if last:
            self._db.executemany(_TALLY, _tally_rows(batch))

    def _many(self, statement: _Bulk, batch: Batch, cells: list[Cell], *, last: bool) -> None:
        """Write rows, ROWS_AT_ONCE with one statement; the rest one by one, if it is the last time."""
        width, size = statement.width, statement.width * ROWS_AT_ONCE
        done = taken = 0
        for done in range(size, len(cells) + 1, size):
            taken += self._db.execute(statement.many, cells[done - size : done]).rowcount
        if last and done < len(cells):
            rest = (cells[at : at + width] for at in range(done, len(cells), width))
            taken += self._db.executemany(statement.one, rest).rowcount
            done = len(cells)
        del cells[:done]
        batch.came += taken
        batch.twice += done // width - taken

    def journal(self, name: str) -> Mark:
        """The mark of a journal, made at position 0 if it is new."""
        row = self._db.execute(
            "SELECT id, position, detail_dropped, records_dropped, settled_us FROM journals WHERE name = ?", (name,)
        ).fetchone()
        if row is not None:
            return Mark(*row)
        made = self._db.execute("INSERT INTO journals VALUES (NULL, ?, 0, 0, 0, NULL)", (name,)).lastrowid
        assert made is not None
        return Mark(made, 0)

    def mark(self, mark: Mark) -> None:
        """Move a journal's mark."""
        id_, *values = mark
        self._db.execute(
            "UPDATE journals SET position = ?, detail_dropped = ?, records_dropped = ?, settled_us = ? WHERE id = ?",
            (*values, id_),
        )

    def under_way(self, journal: int) -> dict[int, Context]:
        """The requests of a journal that are stored as open."""
        found = self._db.execute(
            "SELECT d.id, d.workflow_id, d.key_id, d.policy_id, d.kind, p.content FROM decisions d"
            " LEFT JOIN policies p ON p.id = d.policy_id WHERE d.journal_id = ? AND d.outcome IS NULL",
            (journal,),
        )
        return {
            id_: Context(workflow, key, policy, kind, _promise(content))
            for id_, workflow, key, policy, kind, content in found
        }

    def note(self, actions: Iterable[ActionRow], gaps: Iterable[Gap]) -> None:
        """Keep what loops did, and what is missing."""
        self._db.executemany("INSERT INTO actions VALUES (NULL, ?, ?, ?, ?, ?)", actions)
        self._db.executemany("INSERT INTO gaps VALUES (NULL, ?, ?, ?, ?, ?)", gaps)

    def pin(self, rows: list[PinRow], now_us: int) -> None:
        """Keep who made what."""
        if rows:
            pins.put(self._db, rows, now_us // 1_000_000)

    def pinned(self, now_us: int) -> list[PinRow]:
        """Who made what, oldest first."""
        return pins.load(self._db, now_us // 1_000_000)

    def trim(self, *, now_us: int, keep_s: int, keep_bytes: int, came: int) -> int:
        """Delete the oldest decisions where they are too old or the file holds too much. Returns how many.

        In small steps, so that no commit takes long, but never slower than new ones come: 1.5 times ``came``.
        """
        too_old = max(0, now_us - keep_s * 1_000_000) * _ID_US
        oldest = self._one("SELECT min(id) FROM decisions")
        if oldest is None or (oldest >= too_old and self.used_bytes() <= keep_bytes):
            return 0
        most = max(_LEAST_TRIM, came + came // 2)
        bound = self._one("SELECT id FROM decisions ORDER BY id LIMIT 1 OFFSET ?", most)
        newest = self._one("SELECT max(id) FROM decisions")
        assert newest is not None
        bound = newest + 1 if bound is None else bound
        if self.used_bytes() <= keep_bytes:
            bound = min(bound, too_old)
        gone = self._db.execute("DELETE FROM decisions WHERE id < ?", (bound,)).rowcount
        self._db.execute("DELETE FROM tallies WHERE at_s < ?", (bound // TALLY_IDS * TALLY_S,))
        self._db.execute("DELETE FROM actions WHERE at_us < ?", (too_old // _ID_US,))
        self._db.execute("DELETE FROM gaps WHERE at_us < ?", (too_old // _ID_US,))
        self._db.execute("DELETE FROM journals WHERE settled_us < ?", (too_old // _ID_US,))
        return gone

    def used_bytes(self) -> int:
        """Bytes of the file that hold something; pages freed by ``trim`` are used again and do not count."""
        pages = self._one("PRAGMA page_count") or 0
        free = self._one("PRAGMA freelist_count") or 0
        return (pages - free) * (self._one("PRAGMA page_size") or 0)

    def _policy(self, digest: bytes) -> tuple[int, bytes | None]:
        row = self._db.execute("SELECT id, content FROM policies WHERE digest = ?", (digest,)).fetchone()
        if row is not None:
            return int(row[0]), row[1]
        # The digest is kept even where its content has not been told: a decision must say what it was decided under.
        made = self._db.execute("INSERT INTO policies (digest) VALUES (?)", (digest,)).lastrowid
        assert made is not None
        return made, None

    def _one(self, query: str, *values: int) -> int | None:
        row = self._db.execute(query, values).fetchone()
        return None if row is None or row[0] is None else int(row[0])


def _promise(content: bytes | None) -> int:
    """The first-token objective of an encoded policy, microseconds; 0 where nothing is promised or known."""
    return policies.decode(content).objective.first_token_us if content else 0


def _tally_rows(batch: Batch) -> Iterable[Row]:
    """The batch's tallies without their latency classes, which only the metrics keep."""
    merged: dict[tuple[int, int, int, int], list[int]] = {}
    for (at, workflow, target, outcome, *_), (requests, took, _, cost, tin, tout, _) in batch.tallies.items():
        sums = merged.setdefault((at * TALLY_S, workflow, target, outcome), [0, 0, 0, 0, 0])
        for i, value in enumerate((requests, took, cost, tin, tout)):
            sums[i] += value
    return [(*tally, *sums) for tally, sums in merged.items()]
