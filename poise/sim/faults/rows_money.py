"""Rows in which the bill is compared with the ledger: what the wall charges must be what the record says, or lie within it."""

from __future__ import annotations

from itertools import product
from typing import Final

from poise.sim.faults.row import Judged, Row, summed
from poise.sim.faults.rows_stream import DIALECTS
from poise.sim.faults.scene import Case, Seen, play
from poise.sim.wall.bill import Economics, Line


def disagreements(seen: Seen) -> list[str]:
    """Attempts that the record and the bill tell differently. ``exact`` must be equal; ``bounded`` must not be too low."""
    lines = {line.id: line for line in (*seen.primary_bill.lines, *seen.secondary_bill.lines)}
    found = []
    for key, outcome in seen.outcomes.items():
        made = [attempt for attempt in outcome.attempts if not attempt.skipped]
        for number, attempt in enumerate(made, 1):
            line = lines.pop(f"d-{int(key):016x}.{number}", None)
            billed = (line.input_tokens, line.output_tokens) if line is not None else (0, 0)
            recorded = (attempt.input_tokens, attempt.output_tokens)
            if attempt.billing == "exact" and recorded != billed:
                found.append(f"billed {billed}, recorded {recorded} as exact")
            if attempt.billing == "bounded" and (recorded[0] < billed[0] or recorded[1] < billed[1]):
                found.append(f"billed {billed}, recorded at most {recorded}")
    return found + [f"billed {_amount(line)} and on no record" for line in lines.values() if line.usd_e6]


def _amount(line: Line) -> str:
    return f"({line.input_tokens}, {line.output_tokens})"


def _lie(how: str) -> Judged:
    """Streamed and whole, in every dialect; Anthropic's tells no total, so there a figure has nothing to contradict."""
    wrong = []
    seen = play(Case())
    dialects = [one for one in DIALECTS if (how, one) != ("contradict", "anthropic")]
    for dialect, stream in product(dialects, (True, False)):
        seen = play(Case(f"ok,tokens=20,usage={how}", stream=stream, dialect=dialect))
        wrong += [f"{dialect}: {one}" for one in disagreements(seen)]
        wrong += [] if seen.ended == ["complete"] else [f"the guest saw it {seen.ended[0]}"]
    figure = "; ".join(dict.fromkeys(wrong)) or f"recorded as {seen.records[0].billing}"
    return summed(seen, met=not wrong, witnessed=seen.primary[0].fault.usage == how, figure=figure)


def _broken(plan: str, economics: Economics, *, leaves_s: float = 0.0) -> Judged:
    """An answer that nobody got whole is paid for as the vendor says, in every dialect."""
    wrong = []
    seen = play(Case())
    for dialect in DIALECTS:
        seen = play(Case(plan, economics=economics, leaves_s=leaves_s, dialect=dialect))
        wrong += [f"{dialect}: {one}" for one in disagreements(seen)]
    line, record = seen.primary_bill.lines[0], seen.records[0]
    recorded = f"recorded ({record.input_tokens}, {record.output_tokens}) as {record.billing}"
    figure = "; ".join(wrong) or f"billed {_amount(line)}, {recorded}"
    return summed(seen, met=not wrong, witnessed=bool(seen.primary), figure=figure)


ROWS: Final = (
    *(
        Row(f"F23{letter}", f"usage {how}", "never exact and wrong", lambda how=how: _lie(how))  # type: ignore[misc]  # bound early, on purpose
        for letter, how in zip(
            "abcdefg", ("none", "zero", "negative", "contradict", "repeat", "after-done", "inline"), strict=True
        )
    ),
    Row("F66a", "the client goes in mid-stream, billing stops", "never exact and wrong",
        lambda: _broken("ok,tokens=60,rate=20", Economics("stops"), leaves_s=1.0)),
    Row("F66b", "the client goes in mid-stream, all is billed", "never exact and wrong",
        lambda: _broken("ok,tokens=60,rate=20", Economics("whole"), leaves_s=1.0)),
    Row("F14d", "cut in mid-stream, what was made is billed", "never exact and wrong",
        lambda: _broken("cut:40/60,rst", Economics())),
    Row("F18c", "silent, and billed as a whole", "never exact and wrong",
        lambda: _broken("silent,tokens=60", Economics("whole"))),
)  # fmt: skip
