"""The command: which cases, how often, against whom, and where the results go."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from poise.errors import Error
from poise.sim.bench import machine, memory, rounds, stopwatch, streams, table
from poise.sim.bench.chat import chat
from poise.sim.bench.peers import PEERS, Peer
from poise.sim.bench.rounds import Limits, Results
from poise.sim.bench.scene import Scene

CASES = ("chat", "streams", "hold", "hold-tls", "streams-tls", "memory")
KEPT = Path("bench/results.json")
_PARTS = {"chat": ("chat-even", "chat-full", "chat-latency", "chat-start"), "memory": ("memory", "memory-flat")}


class MisuseError(Error):
    """The command was called wrongly."""


def main(argv: Sequence[str]) -> int:
    """``poise bench``: 0 when all was measured, 1 when a peer, a decision or an event is missing, 2 for misuse."""
    asked = _parser().parse_args(argv)
    try:
        if asked.table:
            return _show(asked.table, asked.readme)
        if asked.readme:
            return _show(asked.out or KEPT, asked.readme)
        return _measure(asked)
    except Error as failed:
        sys.stderr.write(f"error: {failed}\n")
        return 2 if isinstance(failed, MisuseError) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="poise bench", description="Poise beside other proxies: one core each, the same load, rounds in turn."
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"{', '.join(CASES)}; all of them by default")
    parser.add_argument("--rounds", type=int, default=5, help="how often each peer is measured (default 5)")
    parser.add_argument("--minutes", type=float, default=0.0, help="memory: also keep the load up that long")
    parser.add_argument("--peers", nargs="+", metavar="PEER", help=f"of {', '.join(peer.name for peer in PEERS)}")
    parser.add_argument("--out", type=Path, help=f"where results are kept (default {KEPT}; with --peers in the home)")
    parser.add_argument("--home", type=Path, default=Path(".bench"), help="peers' installations and running files")
    parser.add_argument("--table", type=Path, metavar="RESULTS", help="measure nothing; print the table of a file")
    parser.add_argument(
        "--readme", type=Path, metavar="README", help="measure nothing; write the table between its marks"
    )
    return parser


def _show(results_path: Path, readme: Path | None) -> int:
    results = rounds.load(results_path)
    if results is None:
        raise MisuseError("internal", f"there is no {results_path}", hint="measure first: poise bench")
    if readme is None:
        sys.stdout.write(table.markdown(results))
        return 0
    readme.write_text(table.rewritten(readme.read_text(encoding="utf-8"), results), encoding="utf-8")
    return 0


def _measure(asked: argparse.Namespace) -> int:
    cases: list[str] = asked.cases or list(CASES)
    unknown = sorted(set(cases) - set(CASES))
    if unknown:
        raise MisuseError("internal", f"no case is called {', '.join(unknown)}", hint=f"cases: {', '.join(CASES)}")
    cores = machine.two_cores()
    machine.raise_open_files()
    results = Results(machine=machine.describe(), limits=Limits())
    home: Path = asked.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    scene = Scene(
        home=home,
        cores=cores,
        rounds=asked.rounds,
        peers=(),
        results=results,
        say=_say,
    )
    scene.peers = _present(scene, asked.peers)
    # This process waits, starts and reads on the load core, so that it takes nothing from what is measured.
    os.sched_setaffinity(0, {cores.load})
    old_handler = signal.signal(signal.SIGTERM, _leave)
    # Some peers alone are a look, not a comparison: they must not replace the rounds that all peers were in.
    out: Path = asked.out or (home / "results.json" if asked.peers else KEPT)
    try:
        for case in cases:
            try:
                _case(case, scene, asked.minutes)()
            except Error as failed:  # the other cases can still be measured
                scene.lost(f"the rest of case {case}", failed.text)
            results.measured |= dict.fromkeys(_PARTS.get(case, (case,)), stopwatch.today())
            rounds.save(rounds.merged(rounds.load(out), results), out)
    finally:
        signal.signal(signal.SIGTERM, old_handler)
        os.sched_setaffinity(0, {cores.load, cores.system})
    sys.stdout.write(table.markdown(results))
    return 1 if results.missing or table.failures(results) else 0


def _present(scene: Scene, names: Sequence[str] | None) -> tuple[Peer, ...]:
    known = {peer.name: peer for peer in PEERS}
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise MisuseError("internal", f"no peer is called {', '.join(unknown)}", hint=f"peers: {', '.join(known)}")
    present: list[Peer] = []
    for peer in PEERS:
        if names and peer.name not in names:
            continue
        why = peer.missing(scene.home)
        if why:
            scene.lost(peer.name, why)
            continue
        scene.results.versions[peer.name] = peer.version(scene.home)
        present.append(peer)
    return tuple(present)


def _case(case: str, scene: Scene, minutes: float) -> Callable[[], None]:
    return {
        "chat": lambda: chat(scene),
        "streams": lambda: streams.forward(scene, streams.STREAMS),
        "streams-tls": lambda: streams.forward(scene, streams.STREAMS_TLS),
        "hold": lambda: streams.hold(scene, streams.HOLD),
        "hold-tls": lambda: streams.hold(scene, streams.HOLD_TLS),
        "memory": lambda: memory.memory(scene, minutes),
    }[case]


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # unwinds the context managers, which end every process
