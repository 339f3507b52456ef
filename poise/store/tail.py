"""From the workers' journals into the store: each record exactly once, whatever dies in between.

Each pass reads what every journal has committed, writes rows and the journals' new positions in one transaction, and
only then gives the space back to the workers. A pass that fails leaves everything as it was: the journals keep the
records, the next pass (with a growing pause) reads them again.

A journal whose lock is free belongs to a dead worker. When it is drained, every request still open in it ends as
``gateway_crash``, in the transaction that marks the journal settled; then the file goes.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from poise import policy as policies
from poise.errors import Error
from poise.policy import Policy
from poise.store.pins import MAX_ROWS, PinRow
from poise.store.reader import Cut, DamagedJournal, Reader
from poise.store.rows import Batch, Context, Joiner
from poise.store.sqlite import FILE, ActionRow, Gap, Mark, Store, connect

log = logging.getLogger("poise.store")

FOLDER = "journal"
LOCK = "store.lock"
SAFE_SQLITE = (3, 51, 3)  # before it, a second writer can corrupt the write-ahead log (see sqlite.py)

# One transaction's worth: 10,000 to 20,000 requests, 50 to 80 ms of work. It passes through memory in small pieces.
_BATCH_BYTES = 8 * 1024 * 1024
# A pass that has more to do goes on at once, but returns now and then so that its caller can stop it or learn of it.
_MOST_BATCHES = 8
_FIRST_WAIT_US, _LONGEST_WAIT_US = 100_000, 2_000_000
_MOST_ACTIONS = 10_000

Tallies = dict[tuple[int, ...], list[int]]


class Kept(NamedTuple):
    """How long decisions are kept: seconds, and bytes of the store's file."""

    seconds: int
    bytes: int


class Report(NamedTuple):
    """What a pass did and how things stand.

    because says why the store is down, '' where it is up. rows counts journal records stored; fill_0_1 is of the
    fullest journal; writers the number of journals whose worker is alive; the drops are of this pass alone. tallies as
    in rows.Batch, texts what its numbers stand for.
    """

    up: bool
    because: str
    rows: int
    crashed: int
    trimmed: int
    fill_0_1: float
    detail_dropped: int
    records_dropped: int
    cut_bytes: int
    behind_bytes: int
    writers: int
    tallies: Tallies
    texts: dict[int, str]


class _Stored:
    """What of one journal is in the store: remembered while the store is up, read from it again after it was down."""

    def __init__(self, mark: Mark, under_way: dict[int, Context]) -> None:
        self.mark = mark
        self.under_way = under_way


class _Piece(NamedTuple):
    """One journal's part of a transaction."""

    mark: Mark
    joiner: Joiner
    rows: int
    crashed: int
    cut: int


class Tail:
    """Feeds the journals in ``data/journal`` to the store in ``data``. ``step`` comes from one thread at a time."""

    def __init__(self, data: Path, kept: Kept, open_store: Callable[[Path], sqlite3.Connection] = connect) -> None:
        self._data = data
        self._kept = kept
        self._open_store = open_store
        self._store: Store | None = None
        self._lock = -1
        self._readers: dict[str, Reader] = {}
        self._stored: dict[str, _Stored] = {}
        self._handing = threading.Lock()  # around what ``keep`` and ``record`` hand to the thread that steps
        self._policies: dict[bytes, bytes] = {}
        self._actions: list[ActionRow] = []
        self._pins: dict[bytes, PinRow] = {}
        self._pinned: list[PinRow] = []
        self._damaged: list[tuple[str, int, str]] = []
        self._because: str | None = None
        self._wait_us = _FIRST_WAIT_US
        self._next_us = 0

    def keep(self, kept: Kept, current: Iterable[Policy]) -> None:
        """Take over a new retention, and policies that decisions may name from now on."""
        fresh = {policy.digest: policies.encode(policy) for policy in current}
        with self._handing:
            self._kept = kept
            self._policies |= fresh

    def record(self, actions: Iterable[ActionRow]) -> None:
        """Keep what a loop did, with the next pass; beyond a bound the oldest not yet stored give way."""
        with self._handing:
            self._actions += actions
            if len(self._actions) > _MOST_ACTIONS:
                log.error("the store is down: %d actions were not kept", len(self._actions) - _MOST_ACTIONS)
                del self._actions[:-_MOST_ACTIONS]

    def pin(self, rows: Iterable[PinRow]) -> None:
        """Keep who made what, with the next pass; beyond what the store keeps the oldest give way."""
        with self._handing:
            self._pins |= {row[0]: row for row in rows}
            for digest in list(self._pins)[: max(0, len(self._pins) - MAX_ROWS)]:
                del self._pins[digest]

    def pinned(self) -> list[PinRow]:
        """What the store knew of who made what when it was last opened; told once."""
        with self._handing:
            found, self._pinned = self._pinned, []
        return found

    def step(self, now_us: int) -> Report:
        """One pass. Never raises for what the disk, the database or a journal does: the report and the log say it."""
        total = _NOTHING
        try:
            self._find()
            if now_us < self._next_us:
                return self._told(total)
            store = self._opened(now_us)
            for _ in range(_MOST_BATCHES):
                total = _sum(total, done := self._batch(store, now_us))
                if done.behind_bytes < _BATCH_BYTES:
                    break
        except (sqlite3.Error, OSError, Error) as problem:
            self._down(str(problem), now_us)
        else:
            self._up()
        return self._told(total)

    def close(self) -> None:
        """Let go of everything; a later ``step`` would open it again."""
        self._forget()
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __repr__(self) -> str:
        return f"Tail({self._data}, up={self._because == ''}, journals={sorted(self._readers)})"

    def _opened(self, now_us: int) -> Store:
        if self._store is not None:
            return self._store
        self._sweep()
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._lock < 0:
            lock = os.open(self._data / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as problem:
                os.close(lock)
                # Never two writers, not even for the moment in which an old control drains (see sqlite.py).
                raise Error("internal", f"{self._data / LOCK} is held by another process that writes") from problem
            self._lock = lock
        store = Store(self._open_store(self._data))
        self._store = store
        store.load()
        pinned = store.pinned(now_us)
        with self._handing:
            self._pinned = pinned
        return store

    def _sweep(self) -> None:
        """Remove journals that a worker died over while it was making them: nobody has written into those."""
        for path in (self._data / FOLDER).glob("*.new"):
            pid = path.name.split("-")[1:2]
            if pid and pid[0].isdigit() and not Path(f"/proc/{pid[0]}").exists():
                path.unlink(missing_ok=True)

    def _find(self) -> None:
        """Open journals that are new in the folder; what is none is set aside and said."""
        folder = self._data / FOLDER
        try:
            names = os.listdir(folder)  # noqa: PTH208 - paths take 60 us longer, four times a second for years
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in sorted(name for name in names if name.endswith(".journal") and name not in self._readers):
            path = folder / name
            try:
                self._readers[name] = Reader.open(path)
            except DamagedJournal as problem:
                # No trace: what is wrong with the file is all there is to say.
                log.error("%s cannot be read and is set aside as .damaged: %s", name, problem)  # noqa: TRY400 - see above
                self._damaged.append((name, path.stat().st_size, str(problem)))
                path.rename(path.with_suffix(".damaged"))

    def _batch(self, store: Store, now_us: int) -> Report:
        """One transaction over all journals, with what was handed in; where it fails, that is kept for the next."""
        with self._handing:
            learnt, self._policies = self._policies, {}
            actions, self._actions = self._actions, []
            pins, self._pins = self._pins, {}
        try:
            done = self._transaction(store, now_us, learnt, actions, list(pins.values()))
        except (sqlite3.Error, OSError):
            with self._handing:
                self._policies = learnt | self._policies
                self._actions = actions + self._actions
                self._pins = pins | self._pins
            raise
        return done

    def _transaction(
        self, store: Store, now_us: int, learnt: dict[bytes, bytes], actions: list[ActionRow], pins: list[PinRow]
    ) -> Report:
        batch, pieces, gaps = Batch(), dict[str, _Piece](), list[Gap]()
        share = _BATCH_BYTES // max(1, len(self._readers))
        store.begin()
        store.learn(learnt.items())
        for name, reader in self._readers.items():
            if name not in self._stored:
                mark = store.journal(name)
                self._stored[name] = _Stored(mark, store.under_way(mark.id))
            pieces[name] = self._piece(store, reader, self._stored[name], batch, gaps, now_us=now_us, share=share)
        store.put(batch)
        if batch.twice:
            gaps.append(Gap(now_us, "", "duplicate", batch.twice, "a decision of that id was there already"))
        gaps += [Gap(now_us, name, "damaged", size, because) for name, size, because in self._damaged]
        store.note(actions, gaps)
        store.pin(pins, now_us)
        trimmed = store.trim(now_us=now_us, keep_s=self._kept.seconds, keep_bytes=self._kept.bytes, came=batch.came)
        store.commit()
        return self._committed(store, batch, pieces, gaps)._replace(trimmed=trimmed)

    def _piece(
        self, store: Store, reader: Reader, stored: _Stored, batch: Batch, gaps: list[Gap], *, now_us: int, share: int
    ) -> _Piece:
        name, old = reader.path.name, stored.mark
        gone = reader.writer_gone()  # asked before reading: what it wrote last is then read too
        if old.settled_us is not None:
            return _Piece(old, Joiner(old.id, {}, store, batch), 0, 0, 0)  # only the file was left to remove
        joiner = Joiner(old.id, stored.under_way, store, batch)
        position, rows, cuts = old.position, 0, list[Cut]()
        for scan in reader.scans(position, share):
            joiner.take(scan.bodies)
            store.put(batch, last=False)
            position, rows, cuts = scan.position, rows + len(scan.bodies), cuts + scan.cuts
        joiner.settle()
        drained = gone and position == reader.written
        crashed = joiner.crash() if drained else 0
        mark = Mark(old.id, position, reader.detail_dropped, reader.records_dropped, now_us if drained else None)
        if mark != old:
            store.mark(mark)
        for kind, amount, because in (
            ("detail", mark.detail_dropped - old.detail_dropped, "the journal was three quarters full"),
            ("records", mark.records_dropped - old.records_dropped, "the journal was full"),
            *(("cut", cut.bytes, f"wrong crc at position {cut.position}") for cut in cuts),
        ):
            if amount:
                gaps.append(Gap(now_us, name, kind, amount, because))
        return _Piece(mark, joiner, rows, crashed, sum(cut.bytes for cut in cuts))

    def _committed(self, store: Store, batch: Batch, pieces: dict[str, _Piece], gaps: list[Gap]) -> Report:
        """What follows once the rows are durable, and only then."""
        self._damaged.clear()
        for gap in gaps:
            log.error("the store misses something: %d %s of %s: %s", gap.amount, gap.kind, gap.journal, gap.because)
        detail = records = 0
        for name, piece in pieces.items():
            reader, stored = self._readers[name], self._stored[name]
            detail += piece.mark.detail_dropped - stored.mark.detail_dropped
            records += piece.mark.records_dropped - stored.mark.records_dropped
            stored.mark = piece.mark
            stored.under_way.update(piece.joiner.still)
            for id_ in piece.joiner.ended:
                stored.under_way.pop(id_, None)
            reader.release(piece.mark.position)
            if piece.mark.settled_us is not None:
                log.info("journal %s is settled: %d open requests ended as gateway_crash", name, piece.crashed)
                reader.path.unlink(missing_ok=True)
                reader.close()
                del self._readers[name], self._stored[name]
        return Report(
            up=True,
            because="",
            rows=sum(piece.rows for piece in pieces.values()),
            crashed=sum(piece.crashed for piece in pieces.values()),
            trimmed=0,
            fill_0_1=0.0,
            detail_dropped=detail,
            records_dropped=records,
            cut_bytes=sum(piece.cut for piece in pieces.values()),
            behind_bytes=self._behind(),
            writers=0,
            tallies=batch.tallies,
            texts=store.texts,
        )

    def _behind(self) -> int:
        return sum(reader.unread_bytes for reader in self._readers.values())

    def _told(self, total: Report) -> Report:
        fill = max((reader.unread_bytes / reader.capacity for reader in self._readers.values()), default=0.0)
        return total._replace(
            up=self._because == "",
            because=self._because or "",
            fill_0_1=fill,
            behind_bytes=self._behind(),
            writers=sum(not reader.writer_gone() for reader in self._readers.values()),
        )

    def _up(self) -> None:
        if self._because is None:
            log.info("the store in %s is up", self._data)
            if sqlite3.sqlite_version_info < SAFE_SQLITE:
                log.info(
                    "SQLite %s: let nothing but Poise write to %s; before %s two processes that write can corrupt "
                    "its write-ahead log when it is reset",
                    sqlite3.sqlite_version,
                    self._data / FILE,
                    ".".join(map(str, SAFE_SQLITE)),
                )
        elif self._because:
            log.warning("the store in %s is up again", self._data)
        self._because = ""
        self._wait_us = _FIRST_WAIT_US

    def _down(self, because: str, now_us: int) -> None:
        if self._because != because:
            log.error("the store in %s is DOWN, journals keep what happens: %s", self._data, because)
        self._because = because
        self._next_us = now_us + self._wait_us
        self._wait_us = min(self._wait_us * 2, _LONGEST_WAIT_US)
        self._forget()

    def _forget(self) -> None:
        """Let go of the connection and of what was remembered of it: it may never have been committed."""
        self._stored.clear()
        if self._store is not None:
            self._store.close()
            self._store = None


_NOTHING = Report(False, "", 0, 0, 0, 0.0, 0, 0, 0, 0, 0, {}, {})


def _sum(a: Report, b: Report) -> Report:
    tallies = dict(a.tallies)
    for tally, sums in b.tallies.items():
        old = tallies.get(tally)
        tallies[tally] = sums if old is None else [x + y for x, y in zip(old, sums, strict=True)]
    return b._replace(
        rows=a.rows + b.rows,
        crashed=a.crashed + b.crashed,
        trimmed=a.trimmed + b.trimmed,
        detail_dropped=a.detail_dropped + b.detail_dropped,
        records_dropped=a.records_dropped + b.records_dropped,
        cut_bytes=a.cut_bytes + b.cut_bytes,
        tallies=tallies,
    )
