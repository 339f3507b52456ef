"""The machine that is measured on: what it is, its two cores, and how busy each is."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path
from typing import NamedTuple

from poise.errors import Error


class Cores(NamedTuple):
    """Which core the measured peer has to itself, and which one load and upstream share."""

    system: int
    load: int


class CoreTimes(NamedTuple):
    """Ticks of one core since boot: all of them and those spent working."""

    all: int
    busy: int


def two_cores() -> Cores:
    """The first two cores this process may use. Raises Error where there are fewer."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise Error(
            "internal",
            f"the benchmark needs two cores and may use {len(cores)}",
            hint="run it on a machine (or in a cpuset) with two cores: one is measured, the other makes the load",
        )
    return Cores(cores[0], cores[1])


def parse_core_times(stat: str, core: int) -> CoreTimes:
    """One core's line of /proc/stat. Time the hypervisor took counts as busy: it was not there for the load."""
    for line in stat.splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, idle, iowait, irq, softirq, steal = map(int, ticks[:8])
            busy = user + nice + system + irq + softirq + steal
            return CoreTimes(busy + idle + iowait, busy)
    raise LookupError(f"/proc/stat has no line cpu{core}")


def core_times(core: int) -> CoreTimes:
    """Ticks of one core until now."""
    return parse_core_times(Path("/proc/stat").read_text(), core)


def busy_share(before: CoreTimes, after: CoreTimes) -> float:
    """Share of the time between two readings that a core worked, 0..1; 0 if no tick passed."""
    passed = after.all - before.all
    return (after.busy - before.busy) / passed if passed else 0.0


def raise_open_files(wanted: int = 20_000) -> int:
    """Let this process and those it starts open that many files, or as many as is allowed; returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(soft, allowed)


def describe() -> dict[str, str]:
    """What a reader must know of the machine to judge a figure."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cpu": cpu,
        "cores": str(os.cpu_count()),
        "memory": f"{memory_kib / 1024 / 1024:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
