"""A gateway of real processes, and what can be asked of it and done to it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from poise.edge.start import WorkerStart
from tests.process.stand_in import Answer, File

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
STAND_IN = ROOT / "tests" / "process" / "stand_in.py"
__all__ = ["PATIENCE_S", "Answer", "Gateway", "answer_in", "children", "command", "ours", "until"]

PATIENCE_S = 20.0  # far beyond what anything here takes; only a fault gets near it


def until(look: Callable[[], T | None], what: str, within_s: float = PATIENCE_S) -> T:
    """The first true answer of look, asked again and again."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        found = look()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError(f"not within {within_s:g} s: {what}")


class Gateway:
    """One supervisor and its children. Use as a context: at the end nothing of it is left running."""

    def __init__(self, folder: Path, *, workers: int = 2, grace_s: float = 5.0, listen: str = "127.0.0.1:0") -> None:
        self.data = folder / "data"
        self.file = folder / "poise.json"
        self.workers = workers
        self._file = File("first", str(self.data), listen, grace_s)
        self.say("first")
        self.address: tuple[str, int] | str = ""
        self.errors = folder / "stderr"
        self._process: subprocess.Popen[str] | None = None
        self._seen: set[int] = set()

    def say(self, name: str, *, data: Path | None = None) -> None:
        """Write the configuration anew."""
        self._file.name = name
        self._file.data = str(data or self.data)
        fresh = self.file.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self._file))
        fresh.replace(self.file)

    def launch(self, how: str = "supervise") -> None:
        """Start the supervisor without waiting for anything."""
        with self.errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, str(STAND_IN), how, str(self.file), str(self.workers)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        self._seen.add(self.pid)

    def read_address(self, lines: int = 1) -> None:
        """Read so many lines, in whatever order they come, one of which tells where it accepts."""
        url = dict(self.line().split() for _ in range(lines))["data"]
        if url.startswith("unix:"):
            self.address = url.removeprefix("unix:")
        else:
            host, _, port = url.removeprefix("http://").rpartition(":")
            self.address = host, int(port)

    def __enter__(self) -> Self:
        """Start, and wait until all children are ready."""
        self.launch()
        try:
            self.read_address(lines=2)
            until(lambda: len(self.worker_pids()) == self.workers, "all workers run")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for pid in [*self._seen]:
            self._seen.update(children(pid))
        try:
            if self.process.poll() is None:
                self.tell(signal.SIGTERM)
                until(lambda: "draining" in self.stderr(), "it drains")
                self.tell(signal.SIGTERM)
                self.wait()
        finally:
            for pid in self._seen:
                if ours(pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            out = self.process.stdout
            assert out is not None
            out.close()
            self.process.wait(PATIENCE_S)

    @property
    def process(self) -> subprocess.Popen[str]:
        """The supervisor."""
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        """The supervisor's."""
        return self.process.pid

    def tell(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait until the supervisor has ended. Returns its exit code."""
        return self.process.wait(PATIENCE_S)

    def line(self) -> str:
        """The next line on stdout."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def stderr(self) -> str:
        """What has been said so far."""
        return self.errors.read_text()

    def worker_pids(self) -> dict[int, int]:
        """Processes of the workers that run now, by index."""
        found = {}
        for pid in children(self.pid):
            words = command(pid)
            if "worker" in words:
                found[msgspec.json.decode(words[-1], type=WorkerStart).index] = pid
        self._seen.update(found.values())
        return found

    def control_pid(self) -> int | None:
        """The process of control that runs now."""
        for pid in children(self.pid):
            if "control" in command(pid):
                self._seen.add(pid)
                return pid
        return None

    def connect(self, path: str = "/") -> socket.socket:
        """A new connection on which a request has been sent."""
        if isinstance(self.address, str):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(PATIENCE_S)
            sock.connect(self.address)
        else:
            sock = socket.create_connection(self.address, timeout=PATIENCE_S)
        sock.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        return sock

    def ask(self) -> Answer:
        """Who answers a new connection. Raises OSError where it is cut."""
        with self.connect() as sock:
            return answer_in(b"".join(iter(lambda: sock.recv(65536), b"")))

    def ask_until(self, wanted: Callable[[Answer], bool], what: str) -> Answer:
        """Ask on new connections until the answer is the wanted one. No answer may fail."""

        def look() -> Answer | None:
            answer = self.ask()
            return answer if wanted(answer) else None

        return until(look, what)


def answer_in(raw: bytes) -> Answer:
    """The Answer in a whole response. Raises ConnectionError where there is none."""
    _, _, body = raw.partition(b"\r\n\r\n")
    if not body.endswith(b"\n"):
        raise ConnectionResetError("the answer is not whole")
    return msgspec.json.decode(body.splitlines()[0], type=Answer)


def children(pid: int) -> list[int]:
    """Direct children of a process that have not ended."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [child for child in map(int, text.split()) if command(child)]


def command(pid: int) -> Sequence[str]:
    """A process's command line; empty where it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def ours(pid: int) -> bool:
    """Whether a pid still belongs to a process of this test, not to a stranger that got its number."""
    return str(STAND_IN) in command(pid)
