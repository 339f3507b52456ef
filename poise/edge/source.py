"""Where snapshots come from: a configuration file, compiled whole, and what to watch for a change of it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from poise.edge.snapshot import Snapshot

# Where a path leads to, and its inode, bytes and time of change (nanoseconds); the last three 0 where it is not there.
Touch = tuple[str, int, int, int]


class Unusable(Exception):
    """The configuration cannot be served. problems are whole sentences for people, file and line first."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Source(Protocol):
    """What the supervisor compiles."""

    def compile(self, epoch: int) -> Snapshot:
        """The snapshot of what the source says now. May take long and is called in a thread. Raises Unusable."""

    def fingerprint(self) -> dict[Path, Touch]:
        """What the newest ``compile`` read, and its state now; equal as long as nothing has been touched. Quick."""


def restart_needed(old: Snapshot, new: Snapshot) -> None:
    """Refuse what a running gateway cannot change. Raises Unusable.

    Addresses are opened once, by the supervisor; moving the data folder would leave control with two stores.
    """
    places = (
        ("listen", old.listener.address, new.listener.address),
        ("listen_tls.cert", old.listener.cert, new.listener.cert),
        ("listen_tls.key", old.listener.key, new.listener.key),
        ("admin", old.admin, new.admin),
        ("data", old.data, new.data),
    )
    problems = [
        f"{name}: {is_now!r} cannot become {wanted!r} while running\n  hint: restart, or put it back"
        for name, is_now, wanted in places
        if is_now != wanted
    ]
    if problems:
        raise Unusable(*problems)


def touch(path: Path) -> Touch:
    """The state of one path."""
    try:
        found = path.stat()
        # A mounted ConfigMap changes by a link to a folder; the target's name tells even where inodes are reused.
        return str(path.resolve()), found.st_ino, found.st_size, found.st_mtime_ns
    except OSError:
        return str(path), 0, 0, 0
