"""What a load cost: CPU of every process of a peer, and how much of it the two cores saw."""

from __future__ import annotations

from typing import NamedTuple

from poise.errors import Error
from poise.sim.bench import process, stopwatch
from poise.sim.bench.machine import Cores, busy_share, core_times


class Cost(NamedTuple):
    """Between begin and stop: wall time, CPU of the peer, shares of the cores (0..1)."""

    wall_s: float
    cpu_s: float
    load_core_share: float
    foreign_share: float


class Meter:
    """Reads the clocks before a load, after it, and once more when the peer has settled.

    pids    the first process of each peer that is measured together
    """

    def __init__(self, cores: Cores, *pids: int) -> None:
        self._cores = cores
        self._pids = pids
        self._load = core_times(cores.load)
        self._system = core_times(cores.system)
        self._cpu = self._read()
        self._begun_ns = stopwatch.now_ns()

    def stop(self) -> Cost:
        """What the load cost until now. Raises Error if a process of the peer has ended: its CPU would be missing."""
        wall_s = (stopwatch.now_ns() - self._begun_ns) / 1e9
        cpu_s = self.cpu_s()
        load = busy_share(self._load, core_times(self._cores.load))
        system = busy_share(self._system, core_times(self._cores.system))
        return Cost(wall_s, cpu_s, load, max(0.0, system - cpu_s / wall_s))

    def cpu_s(self) -> float:
        """CPU seconds of the peer since the meter was made."""
        now = self._read()
        gone = process.vanished(self._cpu, now)
        if gone:
            raise Error("internal", f"processes {gone} ended while they were measured", hint="see the peer's log")
        return process.cpu_between(self._cpu, now)

    def _read(self) -> dict[int, float]:
        used: dict[int, float] = {}
        for pid in self._pids:
            used |= process.cpu_by_pid(pid)
        return used
