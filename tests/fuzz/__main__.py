"""``python -m tests.fuzz --minutes 10 --seed 1``: feed every parser; ``--replay FILE``: one input once more.

Exit status 1 where anything was found; the input that shows it is then a file under build/fuzz.
"""

from __future__ import annotations

import argparse
import faulthandler
import mmap
import os
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.fuzz.engine import Tally, fuzz, one, save, table
from tests.fuzz.mutate import MAX_BYTES
from tests.fuzz.targets import targets

FOLDER = Path("build/fuzz")
_PATIENCE_S = 60  # for one input, by the clock: a loop in C answers no signal


def main(folder: Path) -> int:
    """The exit status. folder is an empty one, for the targets."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz")
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--seed", type=int, default=int(time.time()))
    asked.add_argument("--only", default="", help="targets whose name begins with this")
    asked.add_argument("--replay", type=Path, help="a file of build/fuzz")
    said = asked.parse_args()
    chosen = [target for target in targets(folder) if target.name.startswith(said.only)]
    if said.replay is not None:
        wanted = said.replay.name.partition(".")[0]
        tallies = [Tally(target) for target in chosen if target.name.replace(" ", "-") == wanted]
        for tally in tallies:
            one(tally, said.replay.read_bytes(), Random(0))
    else:
        sys.stdout.write(f"seed {said.seed}, {sum(len(target.seeds) for target in chosen)} seeds\n")
        watch = _Watch(FOLDER / f"running.{os.getpid()}")  # one each: two may run side by side
        tallies = fuzz(chosen, seconds=said.minutes * 60, seed=said.seed, watch=watch.see)
        watch.end()
    sys.stdout.write(f"{table(tallies)}\n")
    found = [violation for tally in tallies for violation in tally.violations]
    for violation in found:
        path = said.replay or save(violation, FOLDER)
        sys.stdout.write(f"{violation.kind} of {violation.target}: {violation.what}\n  input: {path}\n")
    return 1 if found else 0


class _Watch:
    """Keeps the input that is being read in a file, which outlives a process that dies of it, and ends one that hangs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(MAX_BYTES + 64))
        with path.open("r+b") as file:
            self._shown = mmap.mmap(file.fileno(), MAX_BYTES + 64)
        self._armed = 0.0

    def see(self, name: str, data: bytes) -> None:
        """Show: the target's name, the length, and the input behind them, from byte 64."""
        self._shown[:64] = f"{name} {len(data)}".encode().ljust(64)
        self._shown[64 : 64 + len(data)] = data
        now = time.monotonic()
        if now - self._armed > 1:
            self._armed = now
            faulthandler.dump_traceback_later(_PATIENCE_S, exit=True)

    def end(self) -> None:
        """Nothing is being read any more."""
        faulthandler.cancel_dump_traceback_later()
        self._path.unlink()


if __name__ == "__main__":
    with TemporaryDirectory(prefix="poise-fuzz-") as name:
        sys.exit(main(Path(name)))
