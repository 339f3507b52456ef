"""The data folder: made, locked against a second supervisor, and the place where a running one can be found."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import msgspec

from poise.errors import Error

SUPERVISOR_LOCK = "supervisor.lock"
CONTROL_LOCK = "control.lock"
CONTROL_SOCKET = "control.sock"
STATE = "supervisor.json"


class State(msgspec.Struct, frozen=True):
    """What a running supervisor says of itself. reloads counts every attempt; problems are the newest attempt's."""

    pid: int
    epoch: int
    digest: str
    data: str
    admin: str
    reloads: int = 0
    problems: tuple[str, ...] = ()


class Folder:
    """A data folder that this process holds. Make it with ``Folder.hold``."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def hold(cls, path: Path) -> Folder:
        """Make the folder (mode 0700) and lock it. Raises Error where it cannot be, or another holds it."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path / SUPERVISOR_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as problem:
            raise Error(
                "internal", f"data: {path} cannot be used: {problem.strerror}", hint="name a folder that can be written"
            ) from problem
        if not take(lock):
            os.close(lock)
            state = read_state(path)
            who = f"process {state.pid}" if state else "another process"
            raise Error(
                "internal",
                f"data: {path} is in use by {who}",
                hint="stop it, or give this one its own `data` folder",
            )
        return cls(path, lock)

    def tell(self, state: State) -> None:
        """Write the state: a reader sees the old or the new one, never half. A full disk is no reason to stop."""
        fresh = self.path / f"{STATE}.new"
        try:
            fresh.write_bytes(msgspec.json.format(msgspec.json.encode(state)))
            fresh.replace(self.path / STATE)
        except OSError:
            fresh.unlink(missing_ok=True)

    def let_go(self) -> None:
        """Remove the state and unlock. The lock's file stays: without it two processes could each lock their own."""
        (self.path / STATE).unlink(missing_ok=True)
        os.close(self._lock)


def take(lock: int) -> bool:
    """Try to lock an open file for this process and those that inherit it; False where another holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_state(path: Path) -> State | None:
    """The state of the supervisor that holds a data folder, or held it last; None where there is none to read."""
    try:
        return msgspec.json.decode((path / STATE).read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return None


def running(path: Path) -> State | None:
    """The state of the supervisor that holds a data folder now, None where nobody does."""
    try:
        lock = os.open(path / SUPERVISOR_LOCK, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if take(lock) else read_state(path)
    finally:
        os.close(lock)
