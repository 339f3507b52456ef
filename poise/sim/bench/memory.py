"""The memory case: what a peer holds after a hundred thousand requests, and whether that grows under lasting load."""

from __future__ import annotations

from poise.sim.bench import process, recorded, stopwatch, wrk
from poise.sim.bench.figures import slope
from poise.sim.bench.rounds import Round
from poise.sim.bench.scene import Running, Scene, Stage, playing
from poise.sim.bench.wording import chat_body

REQUESTS = 100_000
FLAT = wrk.Pace(10)  # about 3,000 requests/s: a busy team's day
FLAT_SLICE_S = 10
_SLICE_S = 5


def memory(scene: Scene, minutes: float) -> None:
    """Each peer alone: resident memory after REQUESTS; with minutes, also its slope under load of that length."""
    if not wrk.installed():
        scene.lost("wrk", "not installed (Debian package wrk): the memory case cannot be run")
        return
    for peer in scene.peers:
        with playing(scene, [peer]) as stage:
            (stage.work / "body.json").write_bytes(chat_body())
            for running in stage.peers:
                _loaded(scene, stage, running)
                if minutes:
                    _flat(scene, stage, running, minutes)


def _load(scene: Scene, stage: Stage, peer: Running, pace: wrk.Pace, seconds: int) -> wrk.Report:
    body, log = stage.work / "body.json", stage.work / "wrk.log"
    return wrk.load(peer.port, pace, seconds=seconds, body=body, core=scene.cores.load, log=log)


def _loaded(scene: Scene, stage: Stage, peer: Running) -> None:
    before = process.cpu_by_pid(peer.process.pid)
    last_id = recorded.newest(peer.data) if peer.data else 0
    good = 0
    errors = 0
    while good < REQUESTS and not errors:
        report = _load(scene, stage, peer, wrk.FLAT_OUT, _SLICE_S)
        good += report.good
        errors += report.errors
    values = {"requests": float(good), "errors": float(errors)}
    if peer.data:
        held = recorded.drained(peer.data, last_id, at_least=good)
        values["decisions_missing"] = float(max(0, good - held.rows))
    after = process.cpu_by_pid(peer.process.pid)
    sizes = process.resident_kib(peer.process.pid)
    # The worker is the process that did the work: of whatever a peer consists, it used the most CPU.
    worker = max(after, key=lambda pid: after[pid] - before.get(pid, 0.0))
    values["worker_rss_mib"] = sizes[worker] / 1024
    values["rss_mib"] = sum(sizes.values()) / 1024
    scene.keep(Round(part="memory", peer=peer.name, number=1, values=values, full_load=True))


def _flat(scene: Scene, stage: Stage, peer: Running, minutes: float) -> None:
    begun_ns = stopwatch.now_ns()
    points: list[tuple[float, float]] = []
    errors = 0
    requests = 0
    while True:
        report = _load(scene, stage, peer, FLAT, FLAT_SLICE_S)
        errors += report.errors
        requests += report.good
        passed_min = (stopwatch.now_ns() - begun_ns) / 60e9
        sizes = process.resident_kib(peer.process.pid)
        points.append((passed_min, float(sum(sizes.values()))))
        if passed_min >= minutes:
            break
    # The first fifth fills caches, pools and allocators up to where they stay.
    steady = [point for point in points if point[0] >= minutes / 5]
    first, last = points[0][1], points[-1][1]
    values = {
        "slope_kib_per_min": slope(steady) if len(steady) > 1 else 0.0,
        "minutes": points[-1][0],
        "requests": float(requests),
        "first_rss_mib": first / 1024,
        "last_rss_mib": last / 1024,
        "errors": float(errors),
    }
    scene.keep(Round(part="memory-flat", peer=peer.name, number=1, values=values, full_load=True))
