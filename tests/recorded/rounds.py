"""All exchanges of an endpoint played in a round, and the row of the table that comes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvloop

from tests.recorded.check import wrongs
from tests.recorded.endings import misread
from tests.recorded.exchanges import Exchange, read
from tests.recorded.expected import Expected, expected
from tests.recorded.gateway import gateway
from tests.recorded.places import NO_DOOR, Place, place_of

# What may differ from the recording, and why; names stand in the table. Whatever else differs is a fault.
DIFFERENCES: Final = {
    "request-made-up": "only the answer was recorded: the least request that asks for one is sent",
    "model-added": "the request names no model, or names it in its path: Poise routes by the name in the body",
    "usage-asked": "stream_options.include_usage is added, for every answer's tokens are on the record",
    "usage-chunk-removed": "the chunk of usage that the caller did not ask for is taken out",
    "usage-null-removed": "usage: null on chunks, which comes of asking, is taken out where the caller did not ask",
    "array-as-events": "the caller reads an array, the vendor is asked for events: recorded elements are played as events",
    "last-line-restored": "the recorder took the empty line behind the last event: it is put back",
    "lines-restored": "the recorder took all line ends: they are put back",
    "type-restored": "no content type was recorded, or a wrong one, for what is a stream of events",
}


@dataclass
class Row:
    """A row. kinds counts whole, stream, refused, broken; failures our names for errors; wrong says what was not equal."""

    place: Place
    kinds: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    equal: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """How many exchanges were played."""
        return self.kinds.total()

    def cells(self) -> dict[str, str]:
        """The row in words."""
        counts = {kind: str(self.kinds[kind]) for kind in ("whole", "stream", "refused", "broken")}
        own = self.place.endpoint.partition(".")[0]
        row = "" if own == self.place.vendor else f" (as {self.place.vendor})"
        name = {"endpoint": f"{self.place.endpoint}{row}"}
        listed = {"errors": _counted(self.failures), "differences": _counted(self.named)}
        return name | {"seen": str(self.seen), "equal": str(self.equal)} | counts | listed


def play(path: Path) -> Row | None:
    """The row of one file of recordings; None where Poise has no door for it."""
    place = place_of(path.stem)
    return uvloop.run(_round(read(path, place), place)) if place is not None else None


async def _round(exchanges: list[Exchange], place: Place) -> Row:
    row = Row(place)
    async with gateway(exchanges) as running:
        for number, exchange in enumerate(exchanges):
            try:
                wanted = expected(exchange)
            except LookupError as unknown:
                row.kinds["broken"] += 1
                row.wrong.append(str(unknown))
                continue
            found = await wrongs(running, exchange, number, wanted)
            found += misread(exchange) if _ends(exchange, wanted) else []
            found += [f"{name} has no reason" for name in names_of(exchange, wanted) if name not in DIFFERENCES]
            row.kinds[wanted.kind] += 1
            row.named.update(names_of(exchange, wanted))
            row.failures.update([wanted.failure.value] if wanted.failure else [])
            row.equal += not found
            row.wrong += [f"{exchange.id} ({wanted.kind}): {one}" for one in found]
    return row


def names_of(exchange: Exchange, wanted: Expected) -> list[str]:
    """Every difference of an exchange by its name."""
    return [*exchange.changed, *exchange.arrives()[1], *wanted.names]


def _ends(exchange: Exchange, wanted: Expected) -> bool:
    return wanted.kind in ("whole", "stream") and exchange.place.dialect == exchange.place.chat


def _counted(names: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(names.items()))


def table(rows: Iterable[dict[str, str]]) -> list[str]:
    """Rows under each other, a sum below."""
    listed = sorted(rows, key=lambda row: row["endpoint"])
    heads = ("endpoint", "seen", "equal", "whole", "stream", "refused", "broken")
    total = {head: str(sum(int(row[head]) for row in listed)) for head in heads[1:]} | {"endpoint": "all"}
    wide = max((len(row["endpoint"]) for row in listed), default=8)
    lines = [_line({head: head for head in heads} | {"errors": "errors; differences by name"}, wide)]
    lines += [_line(row, wide) for row in [*listed, total]]
    reasons = [f"  {name}: {why}" for name, why in DIFFERENCES.items()]
    return [*lines, "differences:", *reasons, "not played:", *(f"  {name}: {why}" for name, why in NO_DOOR.items())]


def _line(row: dict[str, str], wide: int) -> str:
    figures = "".join(f"{row[head]:>8}" for head in ("seen", "equal", "whole", "stream", "refused", "broken"))
    said = "; ".join(text for text in (row.get("errors", ""), row.get("differences", "")) if text)
    return f"{row['endpoint']:<{wide}}{figures}  {said}".rstrip()
