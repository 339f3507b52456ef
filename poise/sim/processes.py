"""Real processes for demos and tests: simulated regions, and ``poise serve`` itself. Each is ended by its own id."""

from __future__ import annotations

import http.client
import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import msgspec

from poise.clock import SystemClock
from poise.sim.console import Order, Status
from poise.sim.upstream import Received

READY_S = 20.0  # a shared machine may be slow; a process that is not ready by then has failed
STOP_S = 15.0

_decode_status = msgspec.json.Decoder(Status).decode
_decode_all = msgspec.json.Decoder(list[Received]).decode
_decode_one = msgspec.json.Decoder(Received).decode


class NotReady(Exception):
    """A process ended, or said nothing, before it was ready. The text holds what it wrote to stderr."""


class Child:
    """A process whose standard output is read line by line; its stderr goes to ``log``."""

    def __init__(self, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
        self.argv = list(argv)
        self.log = log
        self._env = dict(env) if env is not None else None
        self._buffer = b""
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<{' '.join(self.argv[-3:])}, pid {self.pid}>"

    @property
    def pid(self) -> int:
        """The process id; 0 before it is started."""
        return self._process.pid if self._process is not None else 0

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it. Its stdin is a pipe that ends with us, so what follows its stdin never outlives us."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=self._env
            )

    def line(self, timeout_s: float = READY_S) -> str:
        """The next line of its standard output, waited for at most timeout_s. Raises NotReady."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        clock = SystemClock()
        end_us = clock.now_us() + int(timeout_s * 1e6)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                left_s = (end_us - clock.now_us()) / 1e6
                if left_s <= 0 or not selector.select(left_s):
                    raise NotReady(f"{self!r} said nothing for {timeout_s:g} s\n{self.said()}")
                more = os.read(process.stdout.fileno(), 65_536)
                if not more:
                    raise NotReady(f"{self!r} ended with {process.wait()}\n{self._buffer.decode()}{self.said()}")
                self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def said(self) -> str:
        """The end of what it wrote to stderr."""
        return self.log.read_bytes()[-4000:].decode(errors="replace") if self.log.exists() else ""

    def stop(self, timeout_s: float = STOP_S) -> int:
        """SIGTERM, then SIGKILL after timeout_s. Returns its exit code; harmless when repeated."""
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            process.terminate()
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Region(Child):
    """A simulated upstream as a process. Entered, it accepts; ``url`` is its base address."""

    def __init__(
        self,
        name: str,
        *,
        log: Path,
        port: int = 0,
        seed: int = 0,
        first_token_s: float = 0.0,
        tokens_per_s: float = 0.0,
    ) -> None:
        figures = {"--port": port, "--seed": seed, "--first-token": first_token_s, "--rate": tokens_per_s}
        words = [word for flag, value in figures.items() for word in (flag, str(value))]
        argv = [sys.executable, "-m", "poise.sim.region", "--follow-stdin", "--name", name, *words]
        super().__init__(argv, log=log)
        self.name = name
        self.url = ""

    def start(self) -> None:
        """Start it and wait until it accepts."""
        super().start()
        self.url = self.line().split()[1]

    def order(self, order: Order) -> Status:
        """Change its script; in force when this returns."""
        return _decode_status(self._talk("POST", "/_sim", msgspec.json.encode(order)))

    def status(self) -> Status:
        """Its clock and counts now."""
        return _decode_status(self._talk("GET", "/_sim"))

    def requests(self) -> list[Received]:
        """Its log, oldest first."""
        return _decode_all(self._talk("GET", "/_sim/requests"))

    def end_of(self, number: int) -> Received:
        """Wait until a request has ended."""
        return _decode_one(self._talk("GET", f"/_sim/requests/{number}"))

    def _talk(self, method: str, path: str, body: bytes = b"") -> bytes:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=READY_S)
        try:
            connection.request(method, path, body or None)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} at {self.name}: {answer.status} {said[:500].decode()}")
        return said


class Gateway(Child):
    """``poise serve`` as a process. Entered, it answers; ``addresses`` holds what its ready lines name."""

    def __init__(self, config: Path, *, log: Path, env: Mapping[str, str], workers: int = 1) -> None:
        code = "import sys; from poise.edge.cli import main; sys.exit(main())"
        argv = [sys.executable, "-c", code, "serve", str(config), "--workers", str(workers)]
        super().__init__(argv, log=log, env=os.environ | dict(env))
        self.addresses: dict[str, str] = {}

    def start(self) -> None:
        """Start it and wait until it says that it accepts."""
        super().start()
        self.wait_for("data")

    def wait_for(self, what: str) -> str:
        """Read ready lines until ``data`` or ``admin`` is there; returns its address."""
        while what not in self.addresses:
            name, _, address = self.line().partition(" ")
            self.addresses[name.rstrip(":")] = address.strip()
        return self.addresses[what]


def free_port() -> int:
    """A TCP port of the loopback that is free now. Another process may take it in between; that is rare and loud."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port
