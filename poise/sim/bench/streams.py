"""The stream cases: CPU per forwarded event and the evenness of arrival, and many streams held at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from poise.errors import Error
from poise.sim.bench import exchange, process, recorded, stopwatch, stream_load
from poise.sim.bench.meter import Cost, Meter
from poise.sim.bench.rounds import Round
from poise.sim.bench.scene import DIRECT, Running, Scene, Stage, playing

_WARM_REQUESTS = 50


@dataclass(frozen=True, kw_only=True)
class Load:
    """Streams that are opened over ramp_s, left alone for settle_s, measured for window_s, and then run out."""

    part: str
    streams: int
    events_per_s: float
    ramp_s: float
    settle_s: float
    window_s: float
    tls: bool = False

    @property
    def events(self) -> int:
        """Events each stream asks for: the first one opened must outlast the window, with 3 s to spare."""
        return int((self.ramp_s + self.settle_s + self.window_s + 3.0) * self.events_per_s)


STREAMS = Load(part="streams", streams=800, events_per_s=50, ramp_s=2.0, settle_s=1.0, window_s=6.0)
# Encrypting the upstream's side of 40,000 events/s fills the load core; a fifth of them leaves it room.
STREAMS_TLS = Load(part="streams-tls", streams=800, events_per_s=10, ramp_s=4.0, settle_s=1.0, window_s=6.0, tls=True)
HOLD = Load(part="hold", streams=2000, events_per_s=1, ramp_s=4.0, settle_s=2.0, window_s=4.0)
HOLD_TLS = Load(part="hold-tls", streams=2000, events_per_s=1, ramp_s=10.0, settle_s=2.0, window_s=4.0, tls=True)


def forward(scene: Scene, load: Load) -> None:
    """CPU per event: the peers stay up through the rounds and take turns, the upstream itself among them."""
    peers = [peer for peer in scene.peers if peer.tls or not load.tls]
    with playing(scene, peers, events_per_s=load.events_per_s, tls=load.tls) as stage:
        for number in range(1, scene.rounds + 1):
            turns = stage.peers if load.tls else (stage.upstream, *stage.peers)
            for peer in turns:
                scene.keep(_forwarded(scene, stage, peer, load, number))


def hold(scene: Scene, load: Load) -> None:
    """Memory per stream: each peer is started afresh for each of its rounds, for memory once used is kept."""
    for number in range(1, min(scene.rounds, 3) + 1):
        for peer in scene.peers:
            if load.tls and not peer.tls:
                continue
            with playing(scene, [peer], events_per_s=load.events_per_s, tls=load.tls) as stage:
                for running in stage.peers:
                    scene.keep(_held(scene, stage, running, load, number))


def _forwarded(scene: Scene, stage: Stage, peer: Running, load: Load, number: int) -> Round:
    exchange.get(stage.upstream.port, "/lateness")  # reading it sets it back
    last_id = recorded.newest(peer.data) if peer.data else 0
    with _opened(scene, stage, peer, load) as client:
        pids = () if peer.name == DIRECT else (peer.process.pid,)
        client.begin()
        meter = Meter(scene.cores, *pids)
        stopwatch.pause(load.window_s)
        cost = meter.stop()
        client.end()
        late_ms = _upstream_late_ms(stage)
        report = client.report()
    values = _values(report)
    if peer.name != DIRECT:
        values = {"cpu_us_per_event": cost.cpu_s / max(1, report.window_events) * 1e6, **values}
    values |= _decisions(peer, last_id, load)
    return _round(load, peer, number, values, cost, max(report.timer_late_ms, late_ms))


def _held(scene: Scene, stage: Stage, peer: Running, load: Load, number: int) -> Round:
    with exchange.Exchange(peer.port) as warm:
        warm.take(_WARM_REQUESTS)
    last_id = recorded.newest(peer.data) if peer.data else 0
    before_kib = sum(process.resident_kib(peer.process.pid).values())
    with _opened(scene, stage, peer, load) as client:
        client.begin()
        meter = Meter(scene.cores, peer.process.pid)
        stopwatch.pause(load.window_s)
        cost = meter.stop()
        held_kib = sum(process.resident_kib(peer.process.pid).values())
        client.end()
        report = client.report()
    values = {"rss_kib_per_stream": (held_kib - before_kib) / load.streams, "rss_mib": held_kib / 1024}
    values |= _values(report) | _decisions(peer, last_id, load)
    return _round(load, peer, number, values, cost, report.timer_late_ms)


def _decisions(peer: Running, after_id: int, load: Load) -> dict[str, float]:
    """Of a peer that stores decisions: how many of this round's streams have none, or one without an outcome."""
    if not peer.data:
        return {}
    held = recorded.drained(peer.data, after_id, at_least=load.streams)
    missing = max(0, load.streams - held.rows)
    return {"decisions": float(held.rows), "decisions_missing": float(missing), "decisions_open": float(held.open)}


def _values(report: stream_load.Report) -> dict[str, float]:
    return {
        "gap_ms_p50": report.gap_ms_p50,
        "gap_ms_p99": report.gap_ms_p99,
        "gap_ms_max": report.gap_ms_max,
        "lag_ms_p50": report.lag_ms_p50,
        "lag_ms_p99": report.lag_ms_p99,
        "events_per_s": report.window_events / report.window_s,
        "lost": float(report.lost),
        "broken": float(report.broken),
    }


def _round(load: Load, peer: Running, number: int, values: dict[str, float], cost: Cost, late_ms: float) -> Round:
    return Round(
        part=load.part,
        peer=peer.name,
        number=number,
        values=values,
        load_core_share=cost.load_core_share,
        generator_lag_ms=late_ms,
        # Memory and loss do not depend on who else used the core; the upstream has no core of its own.
        foreign_share=cost.foreign_share if "cpu_us_per_event" in values else 0.0,
    )


def _upstream_late_ms(stage: Stage) -> float:
    answer = msgspec.json.decode(exchange.get(stage.upstream.port, "/lateness"), type=dict[str, float])
    return answer["late_ms"]


class _Client:
    """The other end of the lines that stream_load reads and prints."""

    def __init__(self, child: subprocess.Popen[bytes], log: Path) -> None:
        self._child = child
        self._log = log

    def opened(self) -> None:
        """Wait until all streams have begun."""
        self._line()

    def begin(self) -> None:
        self._tell(b"begin\n")

    def end(self) -> None:
        self._tell(b"end\n")

    def report(self) -> stream_load.Report:
        return msgspec.json.decode(self._line(), type=stream_load.Report)

    def _tell(self, line: bytes) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(line)
        self._child.stdin.flush()

    def _line(self) -> bytes:
        assert self._child.stdout is not None
        line: bytes = self._child.stdout.readline()
        if not line:
            text = self._log.read_text(errors="replace").strip()
            raise Error("internal", f"the streams' client ended: {text[-300:] or 'without a word'}")
        return line


@contextmanager
def _opened(scene: Scene, stage: Stage, peer: Running, load: Load) -> Iterator[_Client]:
    asked = ["--port", str(peer.port), "--streams", str(load.streams), "--events", str(load.events)]
    argv = [sys.executable, "-m", "poise.sim.bench.stream_load", *asked, "--ramp-s", str(load.ramp_s)]
    log = stage.work / "stream_load.log"
    child = process.start(argv, core=scene.cores.load, log=log, talk=True)
    try:
        client = _Client(child, log)
        client.opened()
        stopwatch.pause(load.settle_s)
        yield client
    finally:
        process.stop(child)
