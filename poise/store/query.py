"""Reading the store: one decision, the newest, or those that match. Never writes, never checkpoints.

A search by workflow or target goes through ``tallies`` to the ten seconds in which there is something to find; one by
conversation or by a bad outcome through its partial index; by id and time the table itself is in order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec
from sqlalchemy import ColumnElement, Integer, Row, Select, create_engine, func, literal_column, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from poise import policy as policies
from poise.decision import Kind, OutcomeKind, decode_outcome
from poise.errors import Error
from poise.policy import Policy
from poise.store.record import CONVERSATION_BYTES, KIND_OF, OUTCOME_CODE, OUTCOME_OF
from poise.store.rows import TALLY_IDS, TALLY_S, NameKind
from poise.store.schema import actions, decisions, gaps, names, tallies
from poise.store.schema import policies as policy_table
from poise.store.sqlite import FILE

MOST_ROWS = 1000
OPEN = "open"  # what a search calls a request without outcome

_ID_US = 4096
_END = (1 << 63) - 1
_TALLIES_AT_ONCE = 64
# A search may take this many steps of SQLite's machine, about two seconds at 17 million a second; then it is stopped.
_STEPS, _MOST_STEPS = 1_000_000, 35


class Stored(NamedTuple):
    """One row. outcome is None while the request is open; policy is a digest; lost as in the schema.

    decision and outcome_detail are the encoded records, None where there is none or it was not kept.
    """

    id: int
    kind: Kind
    workflow: str
    target: str
    key: str
    policy: bytes
    outcome: OutcomeKind | None
    status: int | None
    code: str
    attempts: int | None
    took_us: int | None
    first_byte_us: int | None
    cost_usd_e6: int | None
    input_tokens: int | None
    output_tokens: int | None
    lost: int
    conversation: str
    decision: bytes | None
    outcome_detail: bytes | None

    @property
    def at_us(self) -> int:
        """When it was decided: wall time in microseconds."""
        return self.id // _ID_US


class Find(NamedTuple):
    """What to look for, newest first; '' and 0 mean any. before is an id: only older ones; times in microseconds."""

    workflow: str = ""
    target: str = ""
    outcome: str = ""
    conversation: str = ""
    since_us: int = 0
    until_us: int = 0
    before: int = 0
    limit: int = 100


class Archive:
    """A store opened for reading, by one thread. Raises Error where there is none, or where it cannot be read now."""

    def __init__(self, data: Path) -> None:
        path = data / FILE
        if not path.is_file():
            raise Error("not_found", f"{data} holds no {FILE}", hint="run `poise serve`, or name its data folder")
        self._path = path
        self._engine = create_engine("sqlite://", creator=self._open, poolclass=NullPool)
        self._db: Connection | None = None
        self._steps = 0

    def __enter__(self) -> Self:
        try:
            self._db = self._engine.connect()
        except (sqlite3.Error, DBAPIError) as problem:
            raise _unreadable(problem) from problem
        return self

    def __exit__(self, *exc: object) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def get(self, id_: int) -> Stored | None:
        """The decision of an id."""
        found = self._stored(_rows().where(decisions.c.id == id_))
        return found[0] if found else None

    def last(self) -> Stored | None:
        """The newest decision that routed something, or the newest of all where none did."""
        found = self._stored(_rows().order_by(decisions.c.id.desc()).limit(200))
        routed = [row for row in found if row.decision is not None]
        return next(iter(routed or found), None)

    def find(self, what: Find) -> list[Stored]:
        """Decisions that match, newest first, at most what.limit. Raises Error where the search takes too long."""
        low = min(what.since_us * _ID_US, _END)
        high = min(what.before or _END, what.until_us * _ID_US or _END, _END)
        conditions = self._conditions(what)
        if conditions is None or high <= low:
            return []
        asked = _rows().where(*conditions).order_by(decisions.c.id.desc()).limit(what.limit)
        if what.conversation or not (what.workflow or what.target):
            # With a bound on the bare id the planner would go through the table's range of ids, whatever else is asked.
            rare = what.conversation or what.outcome not in {"", OutcomeKind.COMPLETED}
            id_: ColumnElement[int] = literal_column("+decisions.id", Integer()) if rare else decisions.c.id
            return self._stored(asked.where(id_ >= low, id_ < high))
        found: list[Stored] = []
        for start_s in self._times(what, low, high):
            first = max(low, start_s // TALLY_S * TALLY_IDS)
            last = min(high, (start_s // TALLY_S + 1) * TALLY_IDS)
            found += self._stored(asked.where(decisions.c.id >= first, decisions.c.id < last))
            if len(found) >= what.limit:
                break
        return found[: what.limit]

    def page(self, after: int, limit: int) -> list[Stored]:
        """The oldest decisions with an id above after, in order: for going through all of them."""
        return self._stored(_rows().where(decisions.c.id > after).order_by(decisions.c.id).limit(limit))

    def policy(self, digest: bytes) -> Policy | None:
        """The policy of a digest, None where its content is not known."""
        row = self._run(select(policy_table.c.content).where(policy_table.c.digest == digest))
        return policies.decode(row[0][0]) if row and row[0][0] is not None else None

    def newest(self, table: str, limit: int) -> list[dict[str, Any]]:
        """The newest rows of ``actions`` or ``gaps``."""
        where = {"actions": actions, "gaps": gaps}[table]
        return [
            dict(zip(where.c.keys(), row, strict=True))
            for row in self._run(select(where).order_by(where.c.id.desc()).limit(limit))
        ]

    def count(self) -> int:
        """How many decisions are stored; reads them all."""
        return int(self._run(select(func.count()).select_from(decisions))[0][0])

    def _conditions(self, what: Find) -> list[ColumnElement[bool]] | None:
        """The search's conditions beside time; None where a name was never stored, so nothing can match."""
        wanted: list[ColumnElement[bool]] = []
        for kind, name, column in (
            (NameKind.WORKFLOW, what.workflow, decisions.c.workflow_id),
            (NameKind.TARGET, what.target, decisions.c.target_id),
        ):
            if name:
                number = self._number(kind, name)
                if number is None:
                    return None
                wanted.append(column == number)
        if what.conversation:
            raw = what.conversation.encode("utf-8", "replace")[:CONVERSATION_BYTES]
            wanted.append(decisions.c.conversation == raw.decode("utf-8", "replace"))
        if what.outcome == OPEN:
            wanted.append(decisions.c.outcome.is_(None))
        elif what.outcome:
            code = OUTCOME_CODE[OutcomeKind(what.outcome)]
            wanted.append(decisions.c.outcome == code)
            if code > 1:
                # The words of the partial index, so that it is used: a bound value would not do.
                wanted.append(decisions.c.outcome > literal_column("1"))
        return wanted

    def _times(self, what: Find, low: int, high: int) -> Iterator[int]:
        """The starts of the ten seconds, newest first, in which something may match."""
        query = select(tallies.c.at_s).distinct().order_by(tallies.c.at_s.desc()).limit(_TALLIES_AT_ONCE)
        query = query.where(tallies.c.at_s >= low // TALLY_IDS * TALLY_S)
        if what.workflow:
            query = query.where(tallies.c.workflow_id == self._number(NameKind.WORKFLOW, what.workflow))
        if what.target:
            query = query.where(tallies.c.target_id == self._number(NameKind.TARGET, what.target))
        before = min(high // TALLY_IDS * TALLY_S + 1, 1 << 62)
        while found := self._run(query.where(tallies.c.at_s < before)):
            yield from (int(row[0]) for row in found)
            before = int(found[-1][0])

    def _number(self, kind: NameKind, name: str) -> int | None:
        row = self._run(select(names.c.id).where(names.c.kind == int(kind), names.c.text == name))
        return int(row[0][0]) if row else None

    def _stored(self, query: Select[Any]) -> list[Stored]:
        return [_row(row) for row in self._run(query)]

    def _run(self, query: Select[Any]) -> list[Row[Any]]:
        assert self._db is not None, "an Archive is used within `with`"
        self._steps = 0
        try:
            return list(self._db.execute(query))
        except DBAPIError as problem:
            raise _unreadable(problem) from problem
        finally:
            self._db.rollback()  # a reader that stays at an old state keeps the log from being reused

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=1.0, check_same_thread=False)
        connection.execute("PRAGMA query_only = 1")
        connection.set_progress_handler(self._too_long, _STEPS)
        return connection

    def _too_long(self) -> int:
        self._steps += 1
        return self._steps > _MOST_STEPS


def _unreadable(problem: Exception) -> Error:
    if "interrupted" in str(problem):
        return Error("too_busy", "the search looked at too many rows and was stopped", hint="narrow it: since, until")
    first = str(problem).splitlines()[0]
    return Error("too_busy", f"the store cannot be read now: {first}", hint="try again; `poise status` says how it is")


def _rows() -> Select[Any]:
    d = decisions.c
    workflow, target, key, code = (names.alias(name) for name in ("workflow", "target", "key", "code"))
    joined = decisions
    for alias, column in ((workflow, d.workflow_id), (target, d.target_id), (key, d.key_id), (code, d.code_id)):
        joined = joined.outerjoin(alias, alias.c.id == column)  # type: ignore[assignment] # a join of a join is one too
    return select(
        d.id, d.kind, workflow.c.text, target.c.text, key.c.text, policy_table.c.digest, d.outcome, d.status,
        code.c.text, d.attempts, d.took_us, d.first_byte_us, d.cost_usd_e6, d.input_tokens, d.output_tokens, d.lost,
        d.conversation, d.decision, d.outcome_detail,
    ).select_from(joined.outerjoin(policy_table, policy_table.c.id == d.policy_id))  # fmt: skip


def _code(outcome: int | None, detail: bytes | None) -> str:
    """The error code of a request that was routed: the table's column holds refusals' alone, the record has it."""
    if detail is None or outcome in {None, OUTCOME_CODE[OutcomeKind.COMPLETED]}:
        return ""
    try:
        return decode_outcome(detail).code
    except msgspec.MsgspecError:
        return ""  # a list is worth more than one row's code; `explain` tells of a record that cannot be read


def _row(row: Row[Any]) -> Stored:
    cells: tuple[Any, ...] = tuple(row)
    id_, kind, workflow, target, key, policy, outcome, status, code = cells[:9]
    attempts, took, first, cost, tin, tout, lost, talk, decision, detail = cells[9:]
    return Stored(
        id=id_,
        kind=KIND_OF.get(kind, Kind.ROUTED),
        workflow=workflow or "",
        target=target or "",
        key=key or "",
        policy=policy or b"",
        outcome=None if outcome is None else OUTCOME_OF[outcome],
        status=status,
        code=code or _code(outcome, detail),
        attempts=attempts,
        took_us=took,
        first_byte_us=None if first is None or first < 0 else first,
        cost_usd_e6=cost,
        input_tokens=tin,
        output_tokens=tout,
        lost=lost,
        conversation=talk or "",
        decision=decision,
        outcome_detail=detail,
    )
