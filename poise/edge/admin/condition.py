"""What control knows at this moment: totals since it started, the last minute, the board, how the store is.

Everything here is bounded: names are those of the configuration, all others count as ``(other)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from poise.control.board import Action
from poise.decision import OutcomeKind
from poise.edge.snapshot import Snapshot
from poise.policy import Policy
from poise.signal import Board, WorkerSignals
from poise.store.record import OUTCOME_OF
from poise.store.rows import OPEN_TALLY, TALLY_IDS, TALLY_S, Tally
from poise.store.tail import Report

OTHER = "(other)"
WINDOW_S = 60
BITS = range(10, 33)  # classes of durations: 2**10 us is a millisecond, 2**32 more than an hour
_SPOILT_BY_CALLER = {OutcomeKind.CLIENT_GONE, OutcomeKind.REFUSED}
_ID_US = 4096


class Totals(msgspec.Struct):
    """Sums over requests. kept and missed count those with a first-token objective; times in microseconds."""

    requests: int = 0
    took_us: int = 0
    first_byte_us: int = 0
    cost_usd_e6: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    attempts: int = 0
    kept: int = 0
    missed: int = 0

    def add(self, sums: Sequence[int], kept: int) -> None:
        """Add what is in a rows.Sums; kept as in rows.Tally."""
        self.requests += sums[0]
        self.took_us += sums[1]
        self.first_byte_us += max(0, sums[2])
        self.cost_usd_e6 += sums[3]
        self.input_tokens += sums[4]
        self.output_tokens += sums[5]
        self.attempts += sums[6]
        self.kept += sums[0] if kept == 1 else 0
        self.missed += sums[0] if kept == 0 else 0


Key = tuple[str, str, str]  # workflow, target, outcome


class Condition:
    """The one place where control's parts meet: the loop writes, the admin API and the metrics read, in one thread."""

    def __init__(self, snapshot: Snapshot, now_us: int) -> None:
        self.started_us = now_us
        self.board = Board()
        self.views: list[WorkerSignals] = []
        self.report: Report | None = None
        self.heard = False
        self.totals: dict[Key, Totals] = {}
        self.took: dict[tuple[str, str], list[int]] = {}
        self.first: dict[str, list[int]] = {}
        self.sums: dict[str, int] = dict.fromkeys(("stored", "trimmed", "crashed", "detail", "records", "cut"), 0)
        self.actions: dict[tuple[str, str], int] = {}
        self._window: dict[int, dict[Key, Totals]] = {}
        self.update(snapshot)

    def update(self, snapshot: Snapshot) -> None:
        """Take over a new configuration."""
        self.snapshot = snapshot
        self.policies: dict[str, Policy] = {policy.workflow: policy for policy in snapshot.every_policy()}
        self.targets = {c.target.id: c.target for policy in snapshot.every_policy() for c in policy.candidates}

    def take_signals(self, views: list[WorkerSignals], board: Board) -> None:
        """Take note of a tick."""
        self.views = views
        self.board = board
        self.heard = self.heard or bool(views)

    def take_actions(self, actions: Iterable[Action]) -> None:
        """Count what a loop did."""
        for action in actions:
            key = (self._target(action.subject), action.action)
            self.actions[key] = self.actions.get(key, 0) + 1

    def take_report(self, report: Report) -> None:
        """Add what a pass of the store saw."""
        self.report = report
        for name, amount in (
            ("stored", report.rows),
            ("trimmed", report.trimmed),
            ("crashed", report.crashed),
            ("detail", report.detail_dropped),
            ("records", report.records_dropped),
            ("cut", report.cut_bytes),
        ):
            self.sums[name] += amount
        for raw, sums in report.tallies.items():
            tally = Tally(*raw)
            if tally.outcome != OPEN_TALLY:
                self._count(tally, sums, report.texts)

    def last_minute(self, now_us: int) -> dict[Key, Totals]:
        """Totals of the requests that began within the last WINDOW_S to WINDOW_S + 10 seconds."""
        newest = now_us * _ID_US // TALLY_IDS
        for old in [at for at in self._window if at < newest - WINDOW_S // TALLY_S]:
            del self._window[old]
        merged: dict[Key, Totals] = {}
        for totals_of in self._window.values():
            for key, totals in totals_of.items():
                into = merged.setdefault(key, Totals())
                for field in Totals.__struct_fields__:
                    setattr(into, field, getattr(into, field) + getattr(totals, field))
        return merged

    def ready(self) -> str:
        """'' once workers have been heard and nothing is wrong that a caller would notice; else why not."""
        if not self.heard:
            return "no worker has been heard yet"
        return "" if self.views else "no worker is heard any more"

    def _count(self, tally: Tally, sums: Sequence[int], texts: dict[int, str]) -> None:
        workflow = self._workflow(texts.get(tally.workflow, ""))
        outcome = str(OUTCOME_OF[tally.outcome])
        key = (workflow, self._target(texts.get(tally.target, "")), outcome)
        self.totals.setdefault(key, Totals()).add(sums, tally.kept)
        self._window.setdefault(tally.at, {}).setdefault(key, Totals()).add(sums, tally.kept)
        if len(self._window) > 4 * WINDOW_S // TALLY_S:  # late ends of long requests
            del self._window[min(self._window)]
        if tally.took_bits >= 0:
            _class(self.took.setdefault((workflow, outcome), [0] * len(BITS)), tally.took_bits, sums[0])
        if tally.first_bits >= 0:
            _class(self.first.setdefault(workflow, [0] * len(BITS)), tally.first_bits, sums[0])

    def _workflow(self, name: str) -> str:
        return name if name in self.policies or not name else OTHER

    def _target(self, name: str) -> str:
        return name if name in self.targets or not name else OTHER


def success(totals: dict[str, Totals]) -> tuple[int, int]:
    """How many requests of one workflow were answered in full, of how many that their caller did not spoil."""
    counted = {outcome: sums.requests for outcome, sums in totals.items() if outcome not in _SPOILT_BY_CALLER}
    return counted.get(OutcomeKind.COMPLETED, 0), sum(counted.values())


def _class(classes: list[int], bits: int, amount: int) -> None:
    classes[min(max(bits, BITS[0]), BITS[-1]) - BITS[0]] += amount
