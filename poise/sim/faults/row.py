"""A row of the table: which fault, the goal in words, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from poise.sim.faults.scene import Seen


class Judged(NamedTuple):
    """witnessed: the fault demonstrably happened, by the wall's own log. figure is what was reached, in words with units."""

    witnessed: bool
    figure: str
    met: bool


class Row(NamedTuple):
    """One goal. id is the fault's number in docs/faults.md, with a letter where it has more than one goal."""

    id: str
    fault: str
    goal: str
    judge: Callable[[], Judged]


class Result(msgspec.Struct, frozen=True):
    """A row that was played."""

    id: str
    fault: str
    goal: str
    witnessed: bool
    figure: str
    met: bool

    @property
    def passed(self) -> bool:
        """A goal that is met without its fault proves nothing."""
        return self.witnessed and self.met


def result(row: Row) -> Result:
    """Play a row and judge it."""
    judged = row.judge()
    return Result(row.id, row.fault, row.goal, judged.witnessed, judged.figure, judged.met)


def sound(seen: Seen) -> list[str]:
    """What must hold in every scene, whatever its goal: in words, empty where it does."""
    wrong = [*seen.surprises, *[f"{count} {name} left over" for name, count in seen.busy.items()]]
    wrong += ["an answer that is complete by framing, and is neither answer nor error"] * seen.ended.count("odd")
    return wrong + ["a guest that waits for ever"] * seen.ended.count("hung")


def summed(seen: Seen, *, met: bool, witnessed: bool, figure: str = "") -> Judged:
    """A judgement with the usual figures in front, and with what must always hold."""
    wrong = sound(seen)
    ended = ", ".join(f"{seen.ended.count(one)} {one}" for one in dict.fromkeys(seen.ended))
    slowest = f"{max(seen.took_s, default=0.0):.3g} s"
    usual = f"{ended}; slowest {slowest}; primary {len(seen.primary)}, fallback {len(seen.secondary)}"
    return Judged(witnessed, "; ".join([usual, *([figure] if figure else []), *wrong]), met and not wrong)
