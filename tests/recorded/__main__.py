"""``python -m tests.recorded``: the table by endpoint of all recorded exchanges that were sent through a running Poise."""

from __future__ import annotations

import sys

from tests.recorded.rounds import play, table
from tests.recordings import FOLDER


def main() -> int:
    """Print it; 1 where something was not equal, or nothing was there."""
    rows = [row for row in map(play, sorted(FOLDER.glob("*.jsonl"))) if row is not None]
    for line in table(row.cells() for row in rows):
        sys.stdout.write(f"{line}\n")
    wrong = [one for row in rows for one in row.wrong]
    for one in wrong:
        sys.stderr.write(f"{one}\n")
    if not rows:
        sys.stderr.write(f"no recordings at {FOLDER}: set POISE_RECORDINGS\n")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
