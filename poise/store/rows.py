"""From journal records to rows: openings and endings of the same batch are joined, so most requests are one INSERT.

Nothing here touches a database; ``Numbers`` says what number stands for a name. Written for speed: this runs for every
request (about 1.5 us, a quarter of it for tallies), and its budget together with reading (0.7, half of it the crc),
insert (1.2), commit (0.6) and retention (0.4) is 5 us, for records of 350 bytes.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import NamedTuple, Protocol

from poise.decision import Outcome, OutcomeKind, encode_outcome
from poise.store.record import (
    FINISHED_BODY,
    ID,
    ID_AT,
    OPENED,
    OPENED_NAMES_AT,
    OUTCOME_CODE,
    REFUSED,
    REFUSED_BODY,
)

TALLY_S = 10
TALLY_IDS = TALLY_S * 1_000_000 << 12  # the ids of that time: id >> 12 is microseconds
OPEN_TALLY = 0

_CRASHED = OUTCOME_CODE[OutcomeKind.GATEWAY_CRASH]
_REFUSED = OUTCOME_CODE[OutcomeKind.REFUSED]
_OPENED_HEAD = Struct("<BBHI")
_FINISHED_SIZE = FINISHED_BODY.size
CRASH_DETAIL = encode_outcome(Outcome(OutcomeKind.GATEWAY_CRASH, 0, delivered="unknown"))

# Details are bytearrays and no column is None where it need not be: for bytes and for None the sqlite3 module looks for
# an adapter first, at 0.2 us each.
Cell = int | str | bytes | bytearray | None
Row = tuple[Cell, ...]


class NameKind(IntEnum):
    """Which list a name belongs to."""

    WORKFLOW = 1
    TARGET = 2
    KEY = 3
    CODE = 4


class Context(NamedTuple):
    """What all requests of one policy and key share, as numbers; first_token_us is what the policy promises."""

    workflow: int | None
    key: int | None
    policy: int | None
    kind: int
    first_token_us: int


NOTHING = Context(None, None, None, 0, 0)  # of a request whose opening is not known


class Numbers(Protocol):
    """What number stands for a name."""

    def name(self, kind: NameKind, raw: bytes) -> int | None:
        """The number of a name, made if it is new; None for an empty one."""

    def context(self, raw: bytes) -> Context:
        """The context in an opened record's bytes from OPENED_NAMES_AT to the end of its key."""


class Tally(NamedTuple):
    """What finished requests are counted by. The last two are bit lengths of microseconds, -1 where there was none.

    at: the id divided by TALLY_IDS; workflow and target 0 where there is none; kept: 1 where the first byte came within
    what the policy promises, 0 where not, -1 where nothing is promised or nothing was sent.
    """

    at: int
    workflow: int
    target: int
    outcome: int
    took_bits: int
    first_bits: int
    kept: int


class Sums(NamedTuple):
    """Totals of the requests under one tally; while a batch is made they are a list in this order."""

    requests: int
    took_us: int
    first_byte_us: int
    cost_usd_e6: int
    input_tokens: int
    output_tokens: int
    attempts: int


class Batch:
    """Rows on their way into one transaction; ``sqlite.Store.put`` takes them out again piece by piece.

    whole: requests that opened and ended here, or whose opening is not known; talks: those of them that name a
    conversation; opens: those still under way; ends: those that were stored as open before; refusals: turned away
    undecided. Columns as in sqlite.WHOLE, TALK, OPEN, END, REFUSAL. whole and talks, of which there are many, are
    plain cells one row after the other: many rows then go into one statement, and none is made only to be taken apart.
    tallies maps what is in a Tally to what is in Sums.
    came counts the rows put so far that were new, twice those whose id was there already.
    """

    def __init__(self) -> None:
        self.whole: list[Cell] = []
        self.talks: list[Cell] = []
        self.opens: list[Row] = []
        self.ends: list[Row] = []
        self.refusals: list[Row] = []
        self.tallies: dict[tuple[int, ...], list[int]] = {}
        self.came = 0
        self.twice = 0


# What is wanted of a context for each of its rows: the cells they share, what they are tallied by, the context itself.
# A bare tuple: one with names takes 50 ns longer to take apart.
_Known = tuple[Row, int, int, Context]


class Joiner:
    """Turns one journal's records into rows of a batch: ``take`` any number of times, then ``settle``.

    under_way holds the requests of this journal that earlier batches stored as open. What changes in it once the batch
    is durable is in ``still`` (stored as open now) and ``ended``.
    """

    def __init__(self, journal: int, under_way: dict[int, Context], numbers: Numbers, into: Batch) -> None:
        self._journal = journal
        self._under_way = under_way
        self._numbers = numbers
        self._batch = into
        self.still: dict[int, Context] = {}
        self.ended: set[int] = set()
        self._pending: dict[int, bytes] = {}
        self._targets: dict[bytes, int | None] = {}
        self._contexts: dict[bytes, _Known] = {}

    def take(self, bodies: list[bytes]) -> None:
        """Join records, in the order they were written; an opening waits for its ending until ``settle``."""
        pending, targets, contexts = self._pending, self._targets, self._contexts
        whole, talks, tallies = self._batch.whole, self._batch.talks, self._batch.tallies
        fields_of, id_of, head_of = FINISHED_BODY.unpack_from, ID.unpack_from, _OPENED_HEAD.unpack_from
        for body in bodies:
            code = body[0]
            if code == OPENED:
                pending[id_of(body, ID_AT)[0]] = body
                continue
            if code == REFUSED:
                self._refused(body)
                continue
            fields = fields_of(body)
            _, lost, status, size, id_, took, first, cost, tin, tout, outcome, attempts, _ = fields
            numbers = fields[4:12]
            blob_at = len(body) - size
            name = body[_FINISHED_SIZE:blob_at]
            target = targets[name] if name in targets else self._target(name)
            detail = bytearray(body[blob_at:]) if size else None
            opened = pending.pop(id_, None)
            if opened is None:
                _, workflow, promise, _ = self._late(numbers, status, target, lost, detail)
            else:
                _, lost_before, talk_size, size = head_of(opened)
                decision_at = len(opened) - size
                talk_at = decision_at - talk_size
                names = opened[OPENED_NAMES_AT:talk_at]
                cells, workflow, promise, _ = contexts.get(names) or self._context(names)
                into = talks if talk_size else whole
                into += numbers
                into += cells
                into += (
                    status,
                    target,
                    lost_before + 2 * lost,
                    bytearray(opened[decision_at:]) if size else None,
                    detail,
                )
                if talk_size:
                    talks.append(opened[talk_at:decision_at].decode("utf-8", "replace"))
            tally = (
                id_ // TALLY_IDS,
                workflow,
                target or 0,
                outcome,
                took.bit_length(),
                first.bit_length() if first >= 0 else -1,
                first <= promise if promise and first >= 0 else -1,
            )
            sums = tallies.get(tally)
            if sums is None:
                tallies[tally] = [1, took, first, cost, tin, tout, attempts]
            else:
                sums[0] += 1
                sums[1] += took
                sums[2] += first
                sums[3] += cost
                sums[4] += tin
                sums[5] += tout
                sums[6] += attempts

    def settle(self) -> None:
        """Nothing more is taken: what is left open goes into the batch as open."""
        for id_, body in self._pending.items():
            self._open(id_, body)
        self._pending.clear()

    def crash(self) -> int:
        """End every request under way as gateway_crash, delivered unknown: their worker is dead. Returns how many."""
        left = [(id_, context) for id_, context in self._under_way.items() if id_ not in self.ended]
        left += self.still.items()
        for id_, context in left:
            self._batch.ends.append((None, None, 0, 0, 0, _CRASHED, 0, 0, None, 0, CRASH_DETAIL, id_))
            self._tally(id_, context.workflow, _CRASHED)
        return len(left)

    def _target(self, name: bytes) -> int | None:
        self._targets[name] = number = self._numbers.name(NameKind.TARGET, name)
        return number

    def _context(self, names: bytes) -> _Known:
        self._contexts[names] = known = self._known(self._numbers.context(names))
        return known

    def _known(self, context: Context) -> _Known:
        return (*context[:4], self._journal), context.workflow or 0, context.first_token_us, context

    def _late(
        self, numbers: tuple[int, ...], status: int, target: int | None, lost: int, detail: bytearray | None
    ) -> _Known:
        """An ending whose opening is in the store already, or was dropped or cut: then the row has no decision."""
        id_ = numbers[0]
        context = self._under_way.get(id_)
        if context is not None:
            self._batch.ends.append((*numbers[1:], status, target, 2 * lost, detail, id_))
            self.ended.add(id_)
            return self._known(context)
        known = self._known(NOTHING)
        self._batch.whole += (*numbers, *known[0], status, target, 1 + 2 * lost, None, detail)
        return known

    def _open(self, id_: int, body: bytes) -> None:
        _, lost, talk_size, size = _OPENED_HEAD.unpack_from(body)
        decision_at = len(body) - size
        talk_at = decision_at - talk_size
        names = body[OPENED_NAMES_AT:talk_at]
        *_, context = self._contexts.get(names) or self._context(names)
        talk = body[talk_at:decision_at].decode("utf-8", "replace") if talk_size else ""
        detail = bytearray(body[decision_at:]) or None
        self._batch.opens.append((id_, *context[:4], self._journal, lost, talk, detail))
        self.still[id_] = context
        self._tally(id_, context.workflow, OPEN_TALLY)

    def _refused(self, body: bytes) -> None:
        _, lost, status, size, id_, workflow_size, key_size, _ = REFUSED_BODY.unpack_from(body)
        at = REFUSED_BODY.size
        key_at = at + workflow_size
        code_at = key_at + key_size
        blob_at = len(body) - size
        workflow = self._numbers.name(NameKind.WORKFLOW, body[at:key_at])
        key = self._numbers.name(NameKind.KEY, body[key_at:code_at])
        code = self._numbers.name(NameKind.CODE, body[code_at:blob_at])
        self._batch.refusals.append(
            (id_, _REFUSED, status, workflow, key, code, self._journal, 2 * lost, body[blob_at:] or None)
        )
        self._tally(id_, workflow, _REFUSED)

    def _tally(self, id_: int, workflow: int | None, outcome: int) -> None:
        tally = (id_ // TALLY_IDS, workflow or 0, 0, outcome, -1, -1, -1)
        self._batch.tallies.setdefault(tally, [0, 0, 0, 0, 0, 0, 0])[0] += 1
