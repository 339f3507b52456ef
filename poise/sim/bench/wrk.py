"""The chat load: wrk with one thread on the load core, and a look at how late timers fire there meanwhile."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import msgspec

from poise.errors import Error
from poise.sim.bench import process, stopwatch
from poise.sim.bench.wording import KEY, PATH

_SCRIPT = Path(__file__).parent / "config" / "chat.lua"
_TICK_S = 0.01
CONNECTIONS = 32


class Pace(NamedTuple):
    """How a connection rests between two requests: after that share of them, for rest_ms on average."""

    rest_ms: int
    share: float = 1.0


FLAT_OUT = Pace(0)


class Report(msgspec.Struct, kw_only=True):
    """What wrk counted. requests are complete answers of any status; the rest are errors, by kind."""

    requests: int
    took_us: int
    status: int
    connect: int
    read: int
    write: int
    timeout: int
    late_ms: float = 0.0

    @property
    def good(self) -> int:
        """Answers with a status below 400."""
        return self.requests - self.status

    @property
    def errors(self) -> int:
        """Everything that was not a good answer."""
        return self.status + self.connect + self.read + self.write + self.timeout


def parse(output: str) -> Report:
    """The report in wrk's output. Raises Error if there is none."""
    for line in output.splitlines():
        if line.startswith("BENCH "):
            return msgspec.json.decode(line[len("BENCH ") :], type=Report)
    raise Error("internal", f"wrk printed no report: {output[-300:]!r}", hint="is the port still served?")


def installed() -> bool:
    """Whether wrk is on this machine."""
    return shutil.which("wrk") is not None


def load(port: int, pace: Pace, *, seconds: int, body: Path, core: int, log: Path) -> Report:
    """Ask for that long over CONNECTIONS connections. body: the file with the request's body."""
    wrk = shutil.which("wrk")
    assert wrk, "chat cases are only run where wrk is"
    argv = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(_SCRIPT), f"http://127.0.0.1:{port}{PATH}"]
    rest = {"BENCH_REST_MS": str(pace.rest_ms), "BENCH_REST_SHARE": str(pace.share)}
    env = {"BENCH_BODY": str(body), "BENCH_KEY": KEY, **rest}
    child = process.start(argv, core=core, log=log, env=env, talk=True)
    try:
        late_ms = _watch(child, seconds + 15)
        assert child.stdout is not None
        report = parse(child.stdout.read().decode())
    finally:
        process.stop(child)
    report.late_ms = late_ms
    return report


def _watch(child: subprocess.Popen[bytes], patience_s: float) -> float:
    """Wait for wrk to end; the latest that a 10 ms wait of this process, on the same core, came back, in ms."""
    late_ns = 0
    give_up_ns = stopwatch.now_ns() + int(patience_s * 1e9)
    while child.poll() is None:
        due_ns = stopwatch.now_ns() + int(_TICK_S * 1e9)
        stopwatch.pause(_TICK_S)
        now_ns = stopwatch.now_ns()
        late_ns = max(late_ns, now_ns - due_ns)
        if now_ns > give_up_ns:
            raise Error("internal", f"wrk did not end within {patience_s} s", hint="is the port still served?")
    return late_ns / 1e6
