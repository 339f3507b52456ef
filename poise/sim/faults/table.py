"""All rows, played in order, and the table that comes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from poise.sim.faults import rows_link, rows_money, rows_status, rows_stream
from poise.sim.faults.row import Result, Row, result

ROWS: Final[tuple[Row, ...]] = tuple(
    sorted((*rows_status.ROWS, *rows_stream.ROWS, *rows_money.ROWS, *rows_link.ROWS), key=lambda row: row.id)
)


def chosen(names: Iterable[str]) -> list[Row]:
    """Rows whose id begins with one of the names; all of them where there is none. Raises ValueError for one that fits no row."""
    wanted = list(names)
    for name in wanted:
        if not any(row.id.startswith(name) for row in ROWS):
            raise ValueError(f"no row begins with {name!r}\n  hint: one of {', '.join(row.id for row in ROWS)}")
    return [row for row in ROWS if not wanted or row.id.startswith(tuple(wanted))]


def played(rows: Iterable[Row]) -> Iterator[Result]:
    """Each row's result as soon as it is there."""
    return map(result, rows)


def line(one: Result) -> str:
    """A row of a Markdown table."""
    verdict = "met" if one.passed else "not met" if one.witnessed else "no evidence"
    cells = (one.id, one.fault, "yes" if one.witnessed else "no", one.goal, one.figure.replace("|", "/"), verdict)
    return f"| {' | '.join(cells)} |"


HEAD: Final = "| row | fault | witnessed | goal | reached | |\n|---|---|---|---|---|---|"
