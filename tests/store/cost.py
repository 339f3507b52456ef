"""What storing a request costs: CPU of tail, decode, insert, commit and retention, at 20,000 requests a second.

Run by hand: ``python -m tests.store.cost [requests]``. A tick is 5,000 requests, a quarter of a second at that rate;
the second half of the run deletes as much as comes in. The journal is written by the same process, outside the measure.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from poise.store.journal import Writer
from poise.store.tail import Kept, Tail
from tests.store.samples import DECISION, OUTCOME, POLICY

TICK = 5_000


def measure(requests: int, data: Path) -> dict[str, float]:
    """Microseconds of CPU per request while the store grows and while it also deletes; and what was stored."""
    gc.set_threshold(50_000, 20, 100)  # as control has it
    pad = os.urandom(550)
    decision = msgspec.msgpack.encode(DECISION)[:550].ljust(550, pad[:1])
    outcome = msgspec.msgpack.encode(OUTCOME)[:120].ljust(120, pad[:1])
    writer = Writer.create(data / "journal", worker=0, started_us=1)
    tail = Tail(data, Kept(seconds=10**6, bytes=1 << 40))
    tail.keep(Kept(seconds=10**6, bytes=1 << 40), [POLICY])
    digest = POLICY.digest
    now_us = 1_700_000_000_000_000
    tail.step(now_us)
    ticks = requests // TICK
    grow = trim = 0.0
    stored = trimmed = number = 0
    for tick in range(ticks):
        if tick == ticks // 2:
            used = (data / "store.db").stat().st_size
            tail.keep(Kept(seconds=10**6, bytes=used), [])
        for _ in range(TICK):
            number += 1
            id_ = (now_us + number * 50) << 12
            writer.opened(id_, digest, "support-chat", "", "web-app", decision, required=False)
            writer.finished(id_, 1, 200, "gpt-5.2@openai-us", 812_345, 410, 900, 210, outcome, 345_678, 1)
        before = time.process_time()
        report = tail.step(now_us + number * 50)
        spent = time.process_time() - before
        if tick < ticks // 2:
            grow += spent
        else:
            trim += spent
        stored += report.rows
        trimmed += report.trimmed
    tail.close()
    writer.close()
    half = number / 2
    return {"grow_us": grow / half * 1e6, "trim_us": trim / half * 1e6, "records": stored, "trimmed": trimmed}


def main() -> None:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as folder:
        print(measure(requests, Path(folder)))  # noqa: T201 - this is a command


if __name__ == "__main__":
    main()
