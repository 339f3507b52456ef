"""``python -m tests.wire.crossing``: the table of all crossings; ``--list``: the list of differences, as the docs have it."""

from __future__ import annotations

import sys

from tests.wire.crossing.crossed import crossed, table
from tests.wire.crossing.differences import markdown

if "--list" in sys.argv:
    sys.stdout.write(markdown())
else:
    sys.stdout.write(f"{table()}\n\n")
    for name, times in crossed().met.most_common():
        sys.stdout.write(f"{times:6} {name}\n")
    sys.stdout.write("".join(f"{wrong}\n" for wrong in crossed().wrong))
