"""Real processes: found with their children, measured, and all gone at the end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from poise.sim.bench import process, stopwatch
from poise.sim.bench.machine import two_cores

# Starts a child that outlives a polite end of its parent, says so, and waits for input.
PARENT = """
import subprocess, sys
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_children_are_counted_and_ended(tmp_path: Path) -> None:
    """A peer's child is part of its tree, its memory and its CPU, and does not outlive it."""
    core = min(two_cores())
    started = process.start([sys.executable, "-c", PARENT], core=core, log=tmp_path / "log", talk=True)
    assert started.stdout is not None
    child = int(started.stdout.readline())

    members = process.tree(started.pid)
    sizes = process.resident_kib(started.pid)
    used = process.cpu_by_pid(started.pid)
    assert process.running(child)
    process.stop(started)

    assert {started.pid, child} <= set(members)
    assert set(members) == set(sizes)
    assert sizes[child] > 0
    assert used[started.pid] > 0.0
    assert not process.running(child)
    assert not process.running(started.pid)


def test_a_process_runs_on_its_core_alone(tmp_path: Path) -> None:
    """Affinity is inherited, so a peer's children stay on the core that is measured."""
    for core in two_cores():
        asked = "import os; print(sorted(os.sched_getaffinity(0)))"
        started = process.start([sys.executable, "-c", asked], core=core, log=tmp_path / "log", talk=True)
        assert started.stdout is not None
        said = started.stdout.readline()
        process.stop(started)

        assert f"[{core}]" == said.decode().strip()


def test_cpu_of_a_new_process_counts_whole_and_of_a_gone_one_is_told() -> None:
    """3 s more of the first, all 2 s of the second; the third's are lost, so it is named."""
    before, after = {1: 10.0, 3: 5.0}, {1: 13.0, 2: 2.0}

    assert 5.0 == process.cpu_between(before, after)
    assert [3] == process.vanished(before, after)


def test_cpu_is_counted_for_all_threads_the_ended_ones_too() -> None:
    """This process has used some, and using more is seen; a process that is gone is an error."""
    import os

    before = stopwatch.cpu_s(os.getpid())
    for _ in range(100_000):
        pass

    assert stopwatch.cpu_s(os.getpid()) > before > 0.0
    with pytest.raises(OSError, match="Invalid argument"):
        stopwatch.cpu_s(2**22 - 1)
