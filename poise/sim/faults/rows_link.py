"""Rows in which the link is bad, or the upstream is bad now and then: what must not be taken for a failure, and what must."""

from __future__ import annotations

import errno
from typing import Final

from poise.sim.faults.row import Judged, Row, summed
from poise.sim.faults.scene import Case, play, said
from poise.sim.tcpfault.link import Link, Weather

MINUTE: Final = tuple(map(float, range(60)))


def _f32() -> Judged:
    """A guest a second for a minute, on a link whose delay is 50 to 350 ms each way."""
    link = Link(latency_s=0.05, jitter_s=0.3)
    seen = play(Case("ok,tokens=20,rate=40", arrivals_s=MINUTE, weather=Weather("open", link, link)))
    met = set(seen.ended) == {"complete"} and not seen.secondary
    return summed(seen, met=met, witnessed=min(seen.took_s) > 0.1)


def _f33() -> Judged:
    """64 kbit/s: 45 seconds of a long answer."""
    seen = play(Case("ok,tokens=2000", weather=Weather(down=Link(bytes_per_s=8000, slice_bytes=1400))))
    met = seen.ended == ["complete"] and seen.told[0].text == said(2000) and len(seen.primary) == 1
    return summed(seen, met=met, witnessed=seen.took_s[0] > 30)


def _f31() -> Judged:
    """The peer vanishes in mid-stream: no FIN, no RST, only silence."""
    seen = play(Case("ok,tokens=60", weather=Weather(down=Link(stop_after_bytes=3000))))
    met = seen.ended == ["told"] and seen.took_s[0] <= 31.0 and said(60).startswith(seen.told[0].text)
    return summed(seen, met=met, witnessed=seen.primary[0].sent_bytes > 3000)


def _f30(most: int) -> Judged:
    """The first packets vanish, for each guest anew: the connect timer, then the other target."""
    seen = play(Case(arrivals_s=(0.1, 2.3, 4.5, 6.7, 8.9, 30.0), refused_s=(0.0, 20.0), door=None))
    lost = [record for record in seen.records if record.failure == "connect"]
    met = set(seen.ended) == {"complete"} and max(seen.took_s) <= 2.1 and len(lost) <= most
    return summed(seen, met=met, witnessed=len(lost) > 0, figure=f"{len(lost)} waited for")


def _f36(number: int) -> Judged:
    """This machine has no socket to spare for ten guests; the eleventh comes when it has, and goes to the primary."""
    seen = play(Case(arrivals_s=(*(at / 10 for at in range(1, 11)), 2.0), refused_s=(0.0, 1.5), door=number))
    ours = [record for record in seen.records if record.failure == "local_resource"]
    met = set(seen.ended) == {"complete"} and len(seen.primary) == 1 and len(ours) == 10
    return summed(seen, met=met, witnessed=len(ours) > 0, figure=f"{len(ours)} recorded as local_resource")


def _f42() -> Judged:
    """One request in five fails at the primary, a guest a second."""
    seen = play(Case("500,share=0.2", arrivals_s=tuple(map(float, range(120)))))
    tried = [seen.at_s(one) for one in seen.primary]
    first_left_out = next((at for at in range(120) if not any(at <= when < at + 0.5 for when in tried)), 120)
    met = set(seen.ended) == {"complete"} and first_left_out <= 40
    figure = f"left out from request {first_left_out + 1} on" if first_left_out < 120 else "never left out"
    return summed(seen, met=met, witnessed=seen.met("status"), figure=figure)


def _f43() -> Judged:
    """Down for five seconds, up for five, for two minutes; a guest a second."""
    seen = play(Case("flap:5s/5s", arrivals_s=tuple(map(float, range(120)))))
    failed = sum(one != "complete" for one in seen.ended)
    down = sum(one.fault.do == "status" for one in seen.primary)
    return summed(seen, met=failed <= 2, witnessed=down > 0, figure=f"{down} sent while it was down")


ROWS: Final = (
    Row("F30a", "SYN blackhole for 20 s", "elsewhere in <= 2.1 s", lambda: _f30(5)),
    Row("F30b", "SYN blackhole for 20 s", "three eject", lambda: _f30(3)),
    Row("F31", "the peer vanishes in mid-stream", "told within the stall timer + 1 s", _f31),
    Row("F32", "300 ms of jitter", "nobody ejected", _f32),
    Row("F33", "64 kbit/s", "no timer fires on a healthy slow link", _f33),
    Row(
        "F36a",
        "no file descriptor left (EMFILE)",
        "elsewhere, local_resource, primary not blamed",
        lambda: _f36(errno.EMFILE),
    ),
    Row(
        "F36b",
        "no port left (EADDRNOTAVAIL)",
        "elsewhere, local_resource, primary not blamed",
        lambda: _f36(errno.EADDRNOTAVAIL),
    ),
    Row("F42", "20 % errors", "all served, left out within 40 requests", _f42),
    Row("F43", "down 5 s, up 5 s", "<= 1 failure a minute seen by clients", _f43),
)
