"""One case being played: the upstream and the peers started, each ready, and all of them gone at the end."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from poise.errors import Error
from poise.sim.bench import certificate, process, stopwatch
from poise.sim.bench.exchange import Exchange, free_ports
from poise.sim.bench.machine import Cores
from poise.sim.bench.peers import Peer, Site
from poise.sim.bench.rounds import Results, Round, judged

_START_S = 30.0
_POLL_S = 0.1
_CALM_POLLS = 10  # in a row
_CALM_SHARE = 0.05
DIRECT = "direct"


@dataclass(frozen=True, kw_only=True)
class Running:
    """A peer that has answered. data: the folder with its decisions, None if it keeps none."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    data: Path | None = None
    start_ms: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A running upstream and the peers before it, in the order they take turns."""

    work: Path
    upstream: Running
    peers: tuple[Running, ...]


@dataclass(kw_only=True)
class Scene:
    """What every case needs: where, on which cores, how often, who, and where results go."""

    home: Path
    cores: Cores
    rounds: int
    peers: tuple[Peer, ...]
    results: Results
    say: Callable[[str], None]

    def keep(self, found: Round) -> Round:
        """Judge a round, say it and keep it."""
        kept = judged(found, self.results.limits)
        self.results.rounds.append(kept)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in kept.values.items())
        verdict = f"  DISCARDED: {kept.discarded}" if kept.discarded else ""
        self.say(f"{kept.part} round {kept.number} {kept.peer}: {shown}{verdict}")
        return kept

    def lost(self, peer: str, why: str) -> None:
        """Name a peer that could not be measured."""
        self.results.missing[peer] = why
        self.say(f"{peer}: missing: {why}")


@contextmanager
def playing(scene: Scene, peers: Sequence[Peer], *, events_per_s: float = 50.0, tls: bool = False) -> Iterator[Stage]:
    """Start the upstream on the load core and the peers on the other one; stop them all at the end, whatever happens.

    A peer that does not answer is named as missing and left out.
    """
    scene.home.mkdir(parents=True, exist_ok=True)
    with ExitStack() as ending:
        work = Path(tempfile.mkdtemp(prefix="run-", dir=scene.home))
        ending.callback(shutil.rmtree, work, ignore_errors=True)
        pem = certificate.make(work) if tls else None
        upstream_ports = free_ports(3)
        first, second, third = upstream_ports
        authority = certificate.authority(pem).resolve() if pem else None
        upstream = _start_upstream(scene, work, upstream_ports, events_per_s, pem)
        ending.callback(process.stop, upstream.process)
        ready: list[Running] = []
        for peer in peers:
            site = Site(work=work, port=free_ports(1)[0], upstreams=(first, second, third), authority=authority)
            try:
                running = start_peer(scene, peer, site, ending)
            except Error as failed:
                scene.lost(peer.name, failed.text)
                continue
            ready.append(running)
        yield Stage(work=work, upstream=upstream, peers=tuple(ready))


def start_peer(scene: Scene, peer: Peer, site: Site, ending: ExitStack) -> Running:
    """Start a peer and wait for its first answer. Raises Error if none comes."""
    command = peer.command(scene.home, site)
    begun_ns = stopwatch.now_ns()
    started = _launch(command.argv, scene.cores.system, site.work / f"{peer.name}.log", command.env)
    ending.callback(process.stop, started)
    until_ns = _first_answer(started, site.port, site.work / f"{peer.name}.log")
    start_ms = (until_ns - begun_ns) / 1e6
    _calm(started)
    return Running(name=peer.name, port=site.port, process=started, data=command.data, start_ms=start_ms)


def _calm(started: subprocess.Popen[bytes]) -> None:
    """Wait until a peer that has answered is at rest: what it still loads then is neither a stream's memory nor CPU of a load."""
    give_up_ns = stopwatch.now_ns() + int(_START_S * 1e9)
    calm = 0
    while calm < _CALM_POLLS and stopwatch.now_ns() < give_up_ns:
        before = process.cpu_by_pid(started.pid)
        stopwatch.pause(_POLL_S)
        after = process.cpu_by_pid(started.pid)
        calm = calm + 1 if process.cpu_between(before, after) < _POLL_S * _CALM_SHARE else 0


def _start_upstream(scene: Scene, work: Path, ports: Sequence[int], events_per_s: float, pem: Path | None) -> Running:
    argv = [sys.executable, "-m", "poise.sim.bench.upstream", "--events-per-s", str(events_per_s)]
    argv += ["--ports", *map(str, ports)]
    if pem:
        argv += ["--certificate", str(pem)]
        plain = free_ports(1)[0]  # the first answer and the lateness are asked for without TLS
        argv += ["--plain-port", str(plain)]
    else:
        plain = ports[0]
    log = work / "upstream.log"
    started = _launch(argv, scene.cores.load, log, {})
    try:
        _first_answer(started, plain, log)
    except Error:
        process.stop(started)
        raise
    return Running(name=DIRECT, port=plain, process=started)


def _launch(argv: Sequence[str], core: int, log: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return process.start(argv, core=core, log=log, env=env)


def _first_answer(started: subprocess.Popen[bytes], port: int, log: Path) -> int:
    """When a whole 200 came, monotonic ns. Raises Error when the process ends or says nothing good for _START_S."""
    give_up_ns = stopwatch.now_ns() + int(_START_S * 1e9)
    last = "no connection"
    while stopwatch.now_ns() < give_up_ns:
        if started.poll() is not None:
            raise Error("internal", f"ended with {started.returncode} before its first answer: {_last_line(log)}")
        try:
            with Exchange(port) as exchange:
                exchange.took_ns()
                return stopwatch.now_ns()
        except (OSError, Error) as refused:
            last = str(refused).splitlines()[0]
            stopwatch.pause(0.005)
    raise Error("internal", f"gave no good answer within {_START_S:.0f} s: {last}; {_last_line(log)}")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1][:300] if lines else "its log is empty"
