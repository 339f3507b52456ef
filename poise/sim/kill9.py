"""``python -m poise.sim.kill9 --times 50``: kill -9 of workers and of control under load, at random moments.

Then every request that a caller saw accepted must have exactly one outcome in the store. It also measures how long new
requests wait after a worker's death, and how soon a dead worker's open requests are settled. Linux: it reads /proc.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import statistics
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from poise.clock import Clock, SystemClock
from poise.edge.start import WorkerStart
from poise.sim.callers import Call, Caller, keep_calling
from poise.sim.dice import Dice
from poise.sim.processes import Gateway, Region
from poise.store.record import OUTCOME_OF
from poise.store.sqlite import FILE

KEY = "key-of-the-callers-0123456789"
BURST = 8  # new connections made at a worker's death
STOP_S = 60.0
STEADY_S = 2.0  # a worker this old accepts, even on a crowded machine
SEAT_S = 20.0  # what a replacement may take; back-off ends at 5 s
CONFIG = """\
version: 1
listen: 127.0.0.1:0
admin: 127.0.0.1:0
data: {data}
providers:
  slow: {{vendor: openai-compatible, url: "{slow}", region: us, models: [{{name: sim-slow}}]}}
  fast: {{vendor: openai-compatible, url: "{fast}", region: us, models: [{{name: sim-fast}}]}}
workflows:
  load: {{candidates: [sim-slow], choose: order}}
  burst: {{candidates: [sim-fast], choose: order}}
keys: {{callers: {{secret: env:CALLERS_KEY}}}}
"""


class Death(NamedTuple):
    """One kill: who, and for a worker the seconds until BURST new requests had all been answered.

    answered_s is -1 where no other worker had been up for STEADY_S: then there is nobody to take over at once.
    """

    who: str
    answered_s: float = -1.0


class Findings(msgspec.Struct):
    """What a run showed. Everything in ``wrong`` must be empty."""

    deaths: list[Death]
    calls: list[Call]
    outcomes: dict[int, int | None]
    tallied: int
    gaps: int
    journals: int
    exit_code: int

    @property
    def accepted(self) -> dict[int, Call]:
        """Calls whose callers saw a head, by decision."""
        return {call.decision: call for call in self.calls if call.decision}

    def wrong(self) -> list[str]:
        """Every law that was broken, as text."""
        accepted = self.accepted
        seen = sum(1 for call in self.calls if call.decision)
        rows = len(self.outcomes)
        broken = {
            "requests share a decision id": seen - len(accepted),
            "accepted requests are not in the store": len(accepted.keys() - self.outcomes.keys()),
            "requests in the store have no outcome": sum(code is None for code in self.outcomes.values()),
            "outcomes were counted more or less than once": abs(self.tallied - rows),
            "gaps are in the store": self.gaps,
            "journals are left over": self.journals,
            "calls hung": sum(call.error == "TimeoutError" for call in self.calls),
            "is the exit code": self.exit_code,
        }
        return [f"{count} {what}" for what, count in broken.items() if count]


async def run(times: int, *, workers: int, callers: int, seed: int, folder: Path, clock: Clock) -> Findings:
    """Load, kill ``times`` times, stop, and read the store."""
    data = folder / "data"
    with ExitStack() as stack:
        # Slow enough that most requests are under way at any moment; the burst's own answers take no time.
        slow = stack.enter_context(Region("slow", log=folder / "slow.log", first_token_s=0.01, tokens_per_s=200.0))
        fast = stack.enter_context(Region("fast", log=folder / "fast.log"))
        config = folder / "poise.yaml"
        config.write_text(CONFIG.format(data=data, slow=slow.url, fast=fast.url))
        log = folder / "gateway.log"
        gateway = stack.enter_context(Gateway(config, log=log, env={"CALLERS_KEY": KEY}, workers=workers))
        gateway.wait_for("admin")
        host, _, port = gateway.addresses["data"].rpartition("/")[2].rpartition(":")
        address = host, int(port)
        dice = Dice(seed)
        calls: list[Call] = []
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as load:
            for i in range(callers):
                caller = Caller(address, key=KEY, model="load", clock=clock)
                load.create_task(keep_calling(caller, calls, Dice(seed * 1000 + i), stop))
            deaths = [await _death(gateway.pid, address, calls, dice, workers, clock) for _ in range(times)]
            await asyncio.sleep(0.3)
            stop.set()
        code = await asyncio.to_thread(gateway.stop, STOP_S)
    return Findings(deaths, calls, *stored(data), len(list((data / "journal").glob("*"))), code)


async def _death(
    supervisor: int, address: tuple[str, int], calls: list[Call], dice: Dice, workers: int, clock: Clock
) -> Death:
    """Kill one child at a random moment; of a worker, wait for the answers to a burst of new requests."""
    await asyncio.sleep(dice.between(0.0, 0.3))
    family = await _family(supervisor, workers)
    who = dice.one_of(sorted(family))
    steady = any(age_s(pid) > STEADY_S for name, pid in family.items() if name not in {who, "control"})
    os.kill(family[who], signal.SIGKILL)
    if who == "control":
        return Death(who)
    begun_us = clock.now_us()
    async with asyncio.TaskGroup() as burst:
        for _ in range(BURST):
            burst.create_task(_insist(Caller(address, key=KEY, model="burst", clock=clock), calls))
    return Death(who, (clock.now_us() - begun_us) / 1e6 if steady else -1.0)


async def _insist(caller: Caller, calls: list[Call]) -> None:
    """Call on new connections until one answer is whole: the victim may have accepted one in its last instant."""
    while True:
        call = await caller.call(stream=False)
        calls.append(call)
        if call.whole or call.error == "TimeoutError":
            break
    caller.close()


async def _family(supervisor: int, workers: int) -> dict[str, int]:
    """The children by name, once control and two workers (or the only one) run."""
    found: dict[str, int] = {}
    for _ in range(int(SEAT_S / 0.01)):
        found = family_of(supervisor)
        if "control" in found and len(found) > min(workers, 2):
            return found
        await asyncio.sleep(0.01)
    raise RuntimeError(f"within {SEAT_S:g} s only {sorted(found)} run")


def family_of(supervisor: int) -> dict[str, int]:
    """The living children of a supervisor: ``control`` and ``worker I``, with their process ids."""
    found: dict[str, int] = {}
    for word in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        try:
            line = Path(f"/proc/{word}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"poise.edge.controller" in line:
            found["control"] = int(word)
        elif b"poise.edge.worker" in line:
            found[f"worker {msgspec.json.decode(line[-2], type=WorkerStart).index}"] = int(word)
    return found


def age_s(pid: int) -> float:
    """How long a process has lived, seconds; 0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    return up_s - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def stored(data: Path) -> tuple[dict[int, int | None], int, int]:
    """Outcome by decision, how many outcomes the tallies count, and how many gaps the store knows of."""
    with closing(sqlite3.connect(f"file:{data / FILE}?mode=ro", uri=True)) as store:
        outcomes: dict[int, int | None] = dict(store.execute("SELECT id, outcome FROM decisions"))
        (tallied,) = store.execute("SELECT coalesce(sum(requests), 0) FROM tallies WHERE outcome > 0").fetchone()
        (gaps,) = store.execute("SELECT count(*) FROM gaps").fetchone()
    return outcomes, tallied, gaps


def table(found: Findings) -> str:
    """The run as text."""
    calls, accepted = found.calls, found.accepted
    died = Counter(death.who for death in found.deaths)
    waits_ms = sorted(death.answered_s * 1e3 for death in found.deaths if death.answered_s >= 0)
    whole = Counter(
        (call.whole, OUTCOME_OF[code].value)
        for decision, call in accepted.items()
        if (code := found.outcomes.get(decision)) is not None
    )
    kept = Counter("none" if code is None else OUTCOME_OF[code].value for code in found.outcomes.values())
    rows = [
        ("kills", ", ".join(f"{who} {count}" for who, count in sorted(died.items()))),
        ("calls", f"{len(calls)}, accepted {len(accepted)}, whole {sum(call.whole for call in calls)}"),
        ("in the store", ", ".join(f"{name} {count}" for name, count in sorted(kept.items()))),
        *((f"{'whole' if ok else 'cut'} for the caller", f"{name} {n}") for (ok, name), n in sorted(whole.items())),
    ]
    if waits_ms:
        rows.append(
            (f"{BURST} new after a kill", f"median {statistics.median(waits_ms):.0f} ms, longest {waits_ms[-1]:.0f} ms")
        )
    rows.append(("exactly one outcome", "; ".join(found.wrong()) or "yes, for every accepted request"))
    return "\n".join(f"{name:<24} {value}" for name, value in rows)


def main(argv: list[str] | None = None) -> int:
    """0 where every law held, 1 where one broke."""
    parser = argparse.ArgumentParser(prog="python -m poise.sim.kill9", description="kill -9 under load")
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(
            run(
                given.times,
                workers=given.workers,
                callers=given.callers,
                seed=given.seed,
                folder=Path(folder),
                clock=SystemClock(),
            )
        )
    sys.stdout.write(table(found) + "\n")
    return 1 if found.wrong() else 0


if __name__ == "__main__":
    sys.exit(main())
