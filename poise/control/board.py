"""One Board from what the workers say, and what changed on it: pure, so that a rehearsal runs the same code.

A worker's view is one sided (it sees its own calls), so the merged reading is the most careful one: the longest
ejection, the strongest evidence; durations are averaged by how many samples stand behind them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from poise.signal import Board, Measure, Reading, TargetSignals, WorkerSignals


class Action(NamedTuple):
    """What a loop did by itself: at_us is wall time; because names the figures it acted on."""

    at_us: int
    loop: str
    subject: str
    action: str
    because: str


def merge(views: Iterable[WorkerSignals], before: Board, now_us: int) -> Board:
    """The newest signals of every target, sorted by target.

    What no present worker has measured is taken over from the board before, with its age: a worker that was restarted
    need not learn it anew, and what is too old is stale by its own time stamp.
    """
    said: dict[str, list[tuple[int, Reading]]] = {}
    workers: list[int] = []
    for view in sorted(views, key=lambda view: view.worker):
        workers.append(view.worker)
        for signals in view.signals:
            said.setdefault(signals.target, []).append((view.worker, signals.reading))
    old = {signals.target: signals.reading for signals in before.signals}
    targets = sorted(said or old)
    merged = tuple(
        TargetSignals(target, _merged([reading for _, reading in said.get(target, [])], old.get(target)))
        for target in targets
    )
    others = {
        worker: tuple(
            sum(reading.in_flight for who, reading in said.get(target, []) if who != worker) for target in targets
        )
        for worker in workers
    }
    return Board(now_us, merged, others)


def ejections(before: frozenset[str], board: Board, now_us: int) -> tuple[frozenset[str], list[Action]]:
    """Which targets are out now, and an Action for each that left or came back since ``before``."""
    out = {signals.target: signals.reading for signals in board.signals if signals.reading.ejected_until_us > now_us}
    actions = [
        Action(now_us, "health", target, "eject", _why(out[target], now_us)) for target in sorted(out.keys() - before)
    ]
    back = [
        Action(now_us, "health", target, "return", "its ejection ran out") for target in sorted(before - out.keys())
    ]
    return frozenset(out), actions + back


def _why(reading: Reading, now_us: int) -> str:
    left_s = (reading.ejected_until_us - now_us) / 1e6
    # Not the evidence: an ejection sets it to what the target comes back with, before anyone reads it here.
    return f"it failed past the ejection threshold, or again on its return; out for {left_s:.1f} s"


def _merged(readings: Sequence[Reading], old: Reading | None) -> Reading:
    known = old or Reading()
    return Reading(
        in_flight=sum(reading.in_flight for reading in readings),
        evidence_e6=max((reading.evidence_e6 for reading in readings), default=known.evidence_e6),
        # The old one stands only where nobody speaks: a worker that is there may end an ejection early.
        ejected_until_us=max((reading.ejected_until_us for reading in readings), default=known.ejected_until_us),
        first_token=_mean([reading.first_token for reading in readings]) or known.first_token,
        total=_mean([reading.total for reading in readings]) or known.total,
    )


def _mean(measures: Sequence[Measure]) -> Measure | None:
    """The measures' mean by samples; None where none has any."""
    there = [measure for measure in measures if measure.samples]
    if not there:
        return None
    samples = sum(measure.samples for measure in there)
    return Measure(
        sum(measure.value_us * measure.samples for measure in there) // samples,
        sum(measure.spread_us * measure.samples for measure in there) // samples,
        samples,
        max(measure.at_us for measure in there),
    )
