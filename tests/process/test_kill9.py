"""kill -9 of the real processes under load; ``python -m poise.sim.kill9`` is the long run of the same."""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path

from poise.clock import SystemClock
from poise.sim import kill9


def test_every_accepted_request_has_exactly_one_outcome_whoever_is_killed(tmp_path: Path) -> None:
    """Six kills of workers and control under load: nothing a caller saw accepted is lost, open or counted twice."""
    found = asyncio.run(kill9.run(6, workers=2, callers=8, seed=7, folder=tmp_path, clock=SystemClock()))
    who = {death.who for death in found.deaths}
    cut = [call for call in found.accepted.values() if not call.whole]

    assert [] == found.wrong(), kill9.table(found)
    assert who >= {"control", "worker 0"} or who >= {"control", "worker 1"}, "the kills reached both kinds"
    assert 50 < len(found.accepted)
    assert cut, "no request was under way at any kill: the load proves nothing"
    waits_s = [death.answered_s for death in found.deaths if death.answered_s >= 0]
    assert not waits_s or statistics.median(waits_s) < 0.2
