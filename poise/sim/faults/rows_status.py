"""Rows of section A in which an upstream refuses, by status or inside a success."""

from __future__ import annotations

from typing import Final

from poise.sim.faults.row import Judged, Row, summed
from poise.sim.faults.scene import Case, play

SWITCH_S: Final = 0.050
OUTAGE_S: Final = (10.0, 70.0)


def _f01_elsewhere() -> Judged:
    """A second guest comes within the window."""
    seen = play(Case("429-retry-after=2", arrivals_s=(0.0, 1.0)))
    inside = sum(seen.at_s(one) < 2.0 for one in seen.primary[1:])
    met = seen.ended == ["complete"] * 2 and seen.took_s[0] <= SWITCH_S and not inside
    return summed(seen, met=met, witnessed=seen.met("status"), figure=f"{inside} sent inside the window")


def _f01_waits() -> Judged:
    seen = play(Case("429-retry-after=2,x1", ""))
    met = seen.ended == ["complete"] and 2.0 <= seen.took_s[0] <= 2.4 + SWITCH_S
    return summed(seen, met=met, witnessed=seen.met("status"))


def _f01_absurd() -> Judged:
    """Each absurd value; another guest a little more than a minute later must meet the primary again."""
    worst = []
    seen = play(Case("429-retry-after=1e9", arrivals_s=(0.0, 61.5)))
    for value in ("1e9", "-5", "soon", "@-5", "99999999999999999999"):
        seen = play(Case(f"429-retry-after={value},x1", arrivals_s=(0.0, 61.5)))
        if len(seen.primary) < 2 or seen.ended != ["complete"] * 2:
            worst.append(value)
    return summed(
        seen, met=not worst, witnessed=seen.met("status"), figure=f"not forgiven: {', '.join(worst) or 'none'}"
    )


def _f02() -> Judged:
    seen = play(Case("429"))
    met = seen.ended == ["complete"] and len(seen.primary) <= 2 and seen.took_s[0] <= 1.5
    return summed(seen, met=met, witnessed=seen.met("status"))


def _f03(plan: str) -> Judged:
    """Ten guests, one a second."""
    seen = play(Case(plan, arrivals_s=tuple(map(float, range(10)))))
    met = seen.ended == ["complete"] * 10 and len(seen.primary) == 1
    return summed(seen, met=met, witnessed=seen.met("status"))


def _f04() -> Judged:
    seen = play(Case("500x1", ""))
    met = seen.ended == ["complete"] and len(seen.primary) == 2 and seen.took_s[0] <= 1.0
    return summed(seen, met=met, witnessed=seen.met("status"))


def _persistent(plan: str) -> Judged:
    seen = play(Case(plan))
    met = seen.ended == ["complete"] and len(seen.primary) <= 2 and len(seen.secondary) == 1 and seen.took_s[0] <= 1.5
    return summed(seen, met=met, witnessed=seen.met("status"))


def _f05_outage() -> Judged:
    """A minute without the primary, a guest each four seconds."""
    plan = f"outage:{OUTAGE_S[0]:g}s-{OUTAGE_S[1]:g}s"
    seen = play(Case(plan, arrivals_s=tuple(4.0 * at for at in range(30))))
    during = [one for one in seen.primary if one.fault.do == "status"]
    back = [seen.at_s(one) - OUTAGE_S[1] for one in seen.primary if seen.at_s(one) >= OUTAGE_S[1]]
    met = {"complete"} == set(seen.ended) and len(during) <= 6 and bool(back) and back[0] <= 5.0
    figure = f"{len(during)} on the primary during the outage, back after {back[0]:.3g} s" if back else "never back"
    return summed(seen, met=met, witnessed=bool(during), figure=figure)


def _f07() -> Judged:
    seen = play(Case("error:0-overload"))
    met = seen.ended == ["complete"] and seen.told[0].status == 200 and seen.took_s[0] <= SWITCH_S
    return summed(seen, met=met, witnessed=seen.met("error"))


def _f08() -> Judged:
    """After each number of tokens, from the first to all."""
    ended = []
    seen = play(Case("error:1,tokens=12"))
    for after in range(1, 13):
        seen = play(Case(f"error:{after},tokens=12"))
        ended += seen.ended
    return summed(seen, met=set(ended) == {"told"}, witnessed=seen.met("error"), figure=f"{len(ended)} places")


def _elsewhere(do: str, *plans: str) -> Judged:
    """Each plan once, streamed and whole: the fallback answers, after one call of the primary."""
    failed = []
    seen = play(Case(plans[0]))
    for plan in plans:
        for stream in (True, False):
            seen = play(Case(plan, stream=stream))
            good = seen.ended == ["complete"] and len(seen.primary) <= 2 and len(seen.secondary) == 1
            if not good or seen.took_s[0] > SWITCH_S:
                failed.append(f"{plan} {'streamed' if stream else 'whole'}: {seen.ended[0]}")
    return summed(seen, met=not failed, witnessed=seen.met(do), figure="; ".join(failed))


def _f22_no_retry(plan: str, *, routed: bool) -> Judged:
    """routed: another target may take it, as one with a larger context might."""
    seen = play(Case(plan, "ok" if routed else ""))
    expected = "complete" if routed else "refused"
    met = [expected] == seen.ended and len(seen.primary) == 1
    return summed(seen, met=met, witnessed=seen.met("status"))


def _f22_filter() -> Judged:
    seen = play(Case("400-filter"))
    met = seen.ended == ["refused"] and (len(seen.primary), len(seen.secondary)) == (1, 0)
    return summed(seen, met=met, witnessed=seen.met("status"))


def _f27() -> Judged:
    """To the metadata address, to plain HTTP, to the same origin, by each status."""
    followed = 0
    failed = []
    seen = play(Case("redirect:self"))
    for place in ("metadata", "http", "self"):
        for status in (301, 302, 303, 307, 308):
            seen = play(Case(f"redirect:{place},status={status}"))
            followed += sum(one.path == "/trap" for one in seen.primary)
            failed += [f"{place} {status}"] if seen.ended != ["complete"] else []
    figure = f"{followed} followed" + (f"; failed: {', '.join(failed)}" if failed else "")
    return summed(seen, met=not followed and not failed, witnessed=seen.met("redirect"), figure=figure)


def _f28() -> Judged:
    """The same scene with a clock that is a day fast, a day slow, or no clock at all."""
    figures = set()
    seen = play(Case())
    for date in ("%2B1d", "-1d", "yesterday"):
        seen = play(Case(f"429-retry-after=2,x1,date={date}", arrivals_s=(0.0, 1.0, 5.0)))
        figures.add((tuple(seen.ended), len(seen.primary), len(seen.secondary)))
    plain = play(Case("429-retry-after=2,x1", arrivals_s=(0.0, 1.0, 5.0)))
    same = {(tuple(plain.ended), len(plain.primary), len(plain.secondary))} == figures
    return summed(seen, met=same, witnessed=all(one.fault.date for one in seen.primary[:1]))


ROWS: Final = (
    Row(
        "F01a",
        "429 with Retry-After, another target",
        "over in <= 50 ms, nothing sent inside the window",
        _f01_elsewhere,
    ),
    Row("F01b", "429 with Retry-After, no other target", "answered within [2.0, 2.4] s", _f01_waits),
    Row("F01c", "429 with an absurd Retry-After", "clamped to 60 s", _f01_absurd),
    Row("F02", "429 without a header, for ever", "<= 2 on the primary, <= 1.5 s", _f02),
    Row("F03a", "429, quota exhausted", "one call of that key, all guests served", lambda: _f03("429-quota")),
    Row("F03b", "429, spend cap", "one call of that key, all guests served", lambda: _f03("429-spend-cap")),
    Row("F04", "500 once, no other target", "one more attempt, <= 1.0 s", _f04),
    Row("F05a", "502 for ever", "<= 2 and 1 attempts, <= 1.5 s", lambda: _persistent("502")),
    Row("F05b", "503 for ever", "<= 2 and 1 attempts, <= 1.5 s", lambda: _persistent("503")),
    Row("F05c", "504 for ever", "<= 2 and 1 attempts, <= 1.5 s", lambda: _persistent("504")),
    Row("F05d", "503 for a minute", "all served, <= 6 on the primary, back within 5 s", _f05_outage),
    Row("F06", "529 for ever", "<= 2 and 1 attempts, <= 1.5 s", lambda: _persistent("529")),
    Row("F07", "overload as the first event of a 200", "a clean answer, <= 50 ms more", _f07),
    Row("F08", "error as the n-th event of a 200", "never a success", _f08),
    Row("F09", "200 with an error object", "elsewhere, <= 50 ms", lambda: _elsewhere("error-body", "error-body")),
    Row("F10", "200 with a page, with nothing", "elsewhere, <= 50 ms", lambda: _elsewhere("empty", "html", "empty")),
    Row(
        "F22a",
        "400, context length, one target",
        "one attempt, told",
        lambda: _f22_no_retry("400-context", routed=False),
    ),
    Row("F22b", "400, context length, another target", "it answers", lambda: _f22_no_retry("400-context", routed=True)),
    Row("F22c", "400, content filter", "one attempt, not routed around", _f22_filter),
    Row("F22d", "401", "key parked: one call in ten", lambda: _f03("401")),
    Row("F22e", "404", "key and model parked: one call in ten", lambda: _f03("404")),
    Row("F22f", "413, another target", "it answers", lambda: _f22_no_retry("413", routed=True)),
    Row("F27", "redirects", "never followed, elsewhere", _f27),
    Row("F28", "a Date header that is wrong", "nothing depends on it", _f28),
)
