"""``python -m poise.sim.faults [F05 ...]``: play the fault table against the real request path, on virtual time.

Exits 1 where a goal is not met. Rows are named by how their ids begin.
"""

from __future__ import annotations

import argparse
import sys

import msgspec

from poise.sim.faults.table import HEAD, chosen, line, played


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m poise.sim.faults", description="play the fault table")
    parser.add_argument("rows", nargs="*", help="the beginnings of ids, as in F05; none: all")
    parser.add_argument("--json", action="store_true", help="one JSON line a row")
    given = parser.parse_args(argv)
    try:
        rows = chosen(given.rows)
    except ValueError as bad:
        sys.stderr.write(f"{bad}\n")
        return 2
    if not given.json:
        sys.stdout.write(HEAD + "\n")
    passed = 0
    for one in played(rows):
        passed += one.passed
        sys.stdout.write((msgspec.json.encode(one).decode() if given.json else line(one)) + "\n")
        sys.stdout.flush()
    sys.stderr.write(f"{passed} of {len(rows)} goals met\n")
    return 0 if passed == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
