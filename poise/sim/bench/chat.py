"""The chat case: CPU per request, throughput, added latency, start time and memory at rest."""

from __future__ import annotations

import msgspec

from poise.sim.bench import process, recorded, stopwatch, wrk
from poise.sim.bench.exchange import Exchange
from poise.sim.bench.figures import percentile
from poise.sim.bench.meter import Meter
from poise.sim.bench.rounds import Round
from poise.sim.bench.scene import DIRECT, Running, Scene, Stage, playing
from poise.sim.bench.wording import chat_body

EVEN = wrk.Pace(3)  # 32 connections resting 3 ms each make about 9,000 requests/s, which every peer can serve
EVEN_S = 6
FULL_S = 4
WARM_S = 2
# For a peer that outruns the load: rests that bring the load core below its limit and the peer's core near its own.
THROTTLED = wrk.Pace(1, 0.5)
LATENCY_BATCHES = 20
LATENCY_BATCH = 300  # 6,000 requests a round; short batches, so that all meet the same weather
SETTLE_S = 0.6


def chat(scene: Scene) -> None:
    """All of the chat case; the peers stay up through its rounds and take turns."""
    if not wrk.installed():
        scene.lost("wrk", "not installed (Debian package wrk): the chat case cannot be run")
        return
    with playing(scene, scene.peers) as stage:
        (stage.work / "body.json").write_bytes(chat_body())
        for peer in stage.peers:  # round 0 warms up
            _rated(scene, stage, peer, number=0, part="chat-even", seconds=WARM_S, pace=EVEN)
        for number in range(1, scene.rounds + 1):
            for peer in stage.peers:
                _rated(scene, stage, peer, number=number, part="chat-even", seconds=EVEN_S, pace=EVEN)
        _flat_out(scene, stage)
        for number in range(1, scene.rounds + 1):
            _latency(scene, stage, number)
    _starts(scene)


def _flat_out(scene: Scene, stage: Stage) -> None:
    """As fast as each peer goes. One that outruns the load is throttled from then on; round 0 is there to find that."""
    paces = {peer.name: wrk.FLAT_OUT for peer in stage.peers}
    for number in range(scene.rounds + 1):
        for peer in stage.peers:
            pace = paces[peer.name]
            found = _rated(scene, stage, peer, number=number, part="chat-full", seconds=FULL_S, pace=pace)
            if found.load_core_share > scene.results.limits.load_core_share - 0.05:
                paces[peer.name] = THROTTLED


def _rated(scene: Scene, stage: Stage, peer: Running, *, number: int, part: str, seconds: int, pace: wrk.Pace) -> Round:
    """One round of load on one peer: its rate, and its CPU when everything the load caused has been done."""
    last_id = recorded.newest(peer.data) if peer.data else 0
    meter = Meter(scene.cores, peer.process.pid)
    body, log = stage.work / "body.json", stage.work / "wrk.log"
    report = wrk.load(peer.port, pace, seconds=seconds, body=body, core=scene.cores.load, log=log)
    cost = meter.stop()
    values = {
        "requests_per_s": report.requests / (report.took_us / 1e6),
        "cpu_us_per_request": 0.0,  # its place in the order; known after the store has drained
        "requests": float(report.requests),
        "errors": float(report.errors),
        "rest_ms": pace.rest_ms * pace.share,
    }
    if peer.data:
        held = recorded.drained(peer.data, last_id, at_least=report.good)
        # wrk hangs up with up to 32 requests under way, which it does not count: more decisions, never fewer.
        values["decisions"] = float(held.rows)
        values["decisions_missing"] = float(max(0, report.good - held.rows))
        values["decisions_open"] = float(held.open)
    else:
        stopwatch.pause(SETTLE_S)
    values["cpu_us_per_request"] = meter.cpu_s() / max(1, report.requests) * 1e6
    return scene.keep(
        Round(
            part=part,
            peer=peer.name,
            number=number,
            values=values,
            load_core_share=cost.load_core_share,
            generator_lag_ms=report.late_ms,
            foreign_share=cost.foreign_share,
        )
    )


def _latency(scene: Scene, stage: Stage, number: int) -> None:
    """One connection to each, in turns of one batch, the upstream itself among them."""
    turns = (stage.upstream, *stage.peers)
    taken: dict[str, list[int]] = {each.name: [] for each in turns}
    meter = Meter(scene.cores, *(peer.process.pid for peer in stage.peers))
    for _ in range(LATENCY_BATCHES):
        for each in turns:
            with Exchange(each.port) as exchange:
                exchange.take(20)
                taken[each.name].extend(exchange.take(LATENCY_BATCH))
    foreign_share = meter.stop().foreign_share
    direct = {share: percentile(taken[DIRECT], share) / 1e3 for share in (0.50, 0.99)}
    for each in turns:
        p50_us, p99_us = (percentile(taken[each.name], share) / 1e3 for share in (0.50, 0.99))
        values = {"p50_us": p50_us, "p99_us": p99_us, "requests": float(len(taken[each.name]))}
        if each.name != DIRECT:
            values |= {"added_p50_us": p50_us - direct[0.50], "added_p99_us": p99_us - direct[0.99]}
        found = Round(part="chat-latency", peer=each.name, number=number, values=values, full_load=True)
        scene.keep(msgspec.structs.replace(found, foreign_share=foreign_share))


def _starts(scene: Scene) -> None:
    """Each peer started afresh, alone, in every round: how long to the first answer, and its memory then."""
    for number in range(1, scene.rounds + 1):
        for peer in scene.peers:
            with playing(scene, [peer]) as stage:
                for running in stage.peers:
                    sizes = process.resident_kib(running.process.pid)
                    values = {
                        "start_ms": running.start_ms,
                        "rss_mib": sum(sizes.values()) / 1024,
                        "processes": float(len(sizes)),
                    }
                    scene.keep(
                        Round(part="chat-start", peer=running.name, number=number, values=values, full_load=True)
                    )
