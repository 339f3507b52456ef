"""``python -m poise.sim --seeds N``: rehearse N seeds on virtual time, check every law, name each seed that fails."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from poise.clock import SystemClock
from poise.sim.clock import Stuck
from poise.sim.laws import violations
from poise.sim.rehearsal import rehearse

SHOWN = 5


def main(argv: list[str] | None = None) -> int:
    """0 where every law held for every seed, 1 where one broke."""
    parser = argparse.ArgumentParser(
        prog="python -m poise.sim", description="rehearsals of the real path on virtual time"
    )
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="how many seeds to run")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the first one")
    given = parser.parse_args(argv)
    clock = SystemClock()
    started_us = clock.now_us()
    failed: list[int] = []
    seen: Counter[str] = Counter()
    for seed in range(given.seed, given.seed + given.seeds):
        found = _one(seed, seen)
        if found:
            failed.append(seed)
        if found and len(failed) <= SHOWN:
            sys.stdout.write(f"seed {seed}: {len(found)} violations\n")
            sys.stdout.writelines(f"  {line}\n" for line in found[:SHOWN])
    took_s = (clock.now_us() - started_us) / 1e6
    endings = ", ".join(f"{name} {count}" for name, count in sorted(seen.items()))
    sys.stdout.write(f"{given.seeds} seeds, {sum(seen.values())} requests ({endings}) in {took_s:.1f} s: ")
    sys.stdout.write("every law held\n" if not failed else f"{len(failed)} seeds failed: {failed}\n")
    if failed:
        sys.stdout.write(f"  hint: python -m poise.sim --seeds 1 --seed {failed[0]}\n")
    return 1 if failed else 0


def _one(seed: int, seen: Counter[str]) -> list[str]:
    """The violations of one seed, as text; how its requests ended is added to seen."""
    try:
        run = rehearse(seed)
    except Stuck as stuck:
        return [f"the path hangs: {stuck}"]
    seen.update(told.ended for told in run.told)
    return [f"{broken.law}: {broken.what}" for broken in violations(run)]


if __name__ == "__main__":
    sys.exit(main())
