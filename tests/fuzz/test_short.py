"""Every parser is fed for a moment in each run of the tests; ``make fuzz`` does it for longer."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.engine import fuzz, table
from tests.fuzz.targets import targets

INPUTS = 100  # of each target: a number, not a time, so that every machine reads the same
SEED = 4411


def test_no_parser_crashes_hangs_or_grows(tmp_path: Path) -> None:
    tallies = fuzz(targets(tmp_path), seconds=120, seed=SEED, inputs=INPUTS)

    found = [f"{one.kind} of {one.target}: {one.what}" for tally in tallies for one in tally.violations]
    assert not found, "\n".join(found)
    assert [INPUTS] * len(tallies) == [tally.inputs for tally in tallies], table(tallies)
    unread = [tally.target.name for tally in tallies if not tally.accepted]
    assert not unread, f"nothing that {unread} was fed is accepted: the seeds are no good\n{table(tallies)}"
