"""Processes under measurement: started on one core, added up with all their children, ended by their ids."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from poise.sim.bench import stopwatch

_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def start(
    argv: Sequence[str], *, core: int, log: Path, env: Mapping[str, str] | None = None, talk: bool = False
) -> subprocess.Popen[bytes]:
    """Start a command that runs, with all its children, on one core; its words go to the log file.

    talk    give it pipes as standard input and output
    env     added to this process' environment
    The kernel ends it when this process dies, where setpriv is installed.
    """
    pinned = ["taskset", "-c", str(core), *argv]
    if shutil.which("setpriv"):
        pinned = ["setpriv", "--pdeathsig", "TERM", *pinned]
    with log.open("ab") as sink:
        return subprocess.Popen(  # noqa: S603  # the peers, wrk and this package's own modules
            pinned,
            stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talk else sink,
            stderr=sink,
            env={**os.environ, **(env or {})},
            start_new_session=True,  # an interrupt from the keyboard reaches only the benchmark, which then cleans up
        )


def tree(pid: int) -> list[int]:
    """A process and all its descendants, without those that ended meanwhile."""
    found = [pid]
    for parent in found:
        try:
            for thread in Path(f"/proc/{parent}/task").iterdir():
                found.extend(map(int, (thread / "children").read_text().split()))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def cpu_by_pid(pid: int) -> dict[int, float]:
    """CPU seconds used so far, for each process of a tree."""
    used: dict[int, float] = {}
    for member in tree(pid):
        try:
            used[member] = stopwatch.cpu_s(member)
        except OSError:  # ended between the listing and the reading
            continue
    return used


def cpu_between(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """CPU seconds of a tree between two readings; what a process used before it ended is lost (see vanished)."""
    return sum(used - before.get(pid, 0.0) for pid, used in after.items())


def vanished(before: Mapping[int, float], after: Mapping[int, float]) -> list[int]:
    """Processes that ended between two readings."""
    return sorted(set(before) - set(after))


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def resident_kib(pid: int) -> dict[int, int]:
    """Resident memory, KiB, for each process of a tree."""
    sizes: dict[int, int] = {}
    for member in tree(pid):
        try:
            sizes[member] = int(Path(f"/proc/{member}/statm").read_text().split()[1]) * _PAGE_KIB
        except (FileNotFoundError, ProcessLookupError):
            continue
    return sizes


def stop(process: subprocess.Popen[bytes], *, grace_s: float = 5.0) -> None:
    """End a process and whatever is left of its descendants: asked first, then killed."""
    members = tree(process.pid) if process.poll() is None else [process.pid]
    _signal([process.pid], signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):  # the kill below is the answer
        process.wait(grace_s)
    orphans = [pid for pid in members[1:] if _in_session(pid, process.pid)]
    _signal(orphans, signal.SIGKILL)
    _wait_gone(orphans)
    if process.poll() is None:
        _signal([process.pid], signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _in_session(pid: int, leader: int) -> bool:
    # An id may already be somebody else's: only processes of the session we opened are ours to kill.
    try:
        return os.getsid(pid) == leader
    except ProcessLookupError:
        return False


def _wait_gone(pids: Sequence[int], patience_s: float = 2.0) -> None:
    # They are nobody's children here, so there is nothing to wait on but their entry; a zombie is init's to clear.
    give_up_ns = stopwatch.now_ns() + int(patience_s * 1e9)
    while any(map(running, pids)) and stopwatch.now_ns() < give_up_ns:
        stopwatch.pause(0.005)


def _signal(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
