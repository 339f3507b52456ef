"""All recorded exchanges, translated to each other dialect and back; done once, and told as a table."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from typing import Final, NamedTuple

import msgspec

from tests.wire.crossing.differences import Difference
from tests.wire.crossing.legs import answer_leg, ask_leg, stream_leg
from tests.wire.crossing.recorded import CODECS, ENDPOINTS, Recorded, recorded
from tests.wire.crossing.translate import complete, read_answer, read_ask, read_events, streamed

# What is translated: requests, whole answers, streams, and whole answers told as streams.
KINDS: Final = ("ask", "answer", "stream", "restreamed")


class Count(msgspec.Struct):
    """How many exchanges came back equal, how many with differences of the list, how many otherwise."""

    equal: int = 0
    listed: int = 0
    wrong: int = 0


class Crossed(NamedTuple):
    """counts by endpoint, the other dialect and what was translated; met: how often each difference; wrong: what failed."""

    counts: dict[tuple[str, str, str], Count]
    met: Counter[str]
    wrong: list[str]

    def of(self, dialect: str, to: str, kind: str) -> Count:
        """The counts of a pair, all its endpoints together."""
        some = [
            self.counts[endpoint, to, kind] for endpoint in ENDPOINTS[dialect] if (endpoint, to, kind) in self.counts
        ]
        return Count(sum(one.equal for one in some), sum(one.listed for one in some), sum(one.wrong for one in some))


@cache
def crossed() -> Crossed:
    """All of it. Skips the test where there are no recordings."""
    out = Crossed(defaultdict(Count), Counter(), [])
    for dialect, endpoints in ENDPOINTS.items():
        for thing in [one for endpoint in endpoints for one in recorded(endpoint)]:
            for to in CODECS:
                if to != dialect:
                    _one(thing, to, out)
    return out


def _one(thing: Recorded, to: str, out: Crossed) -> None:
    kinds = [thing.kind, "restreamed"] if thing.kind == "answer" else [thing.kind]
    for kind in kinds:
        try:
            used = _there_and_back(thing, to, kind)
        except AssertionError as wrong:
            out.counts[thing.endpoint, to, kind].wrong += 1
            out.wrong.append(f"{thing.id} {kind} {thing.dialect} -> {to}: {wrong}")
            continue
        if used is None:
            continue
        count = out.counts[thing.endpoint, to, kind]
        out.met.update({one.name for one in used})
        if used:
            count.listed += 1
        else:
            count.equal += 1


def _there_and_back(thing: Recorded, to: str, kind: str) -> list[Difference] | None:
    """The differences that were met on the way; None where there is nothing that could be translated."""
    home = thing.dialect
    if kind == "ask":
        ask = read_ask(thing)
        if ask is None:
            return None
        asked = ask_leg(ask, to)
        assert asked.value is not None
        return [*asked.used, *ask_leg(asked.value, home).used]
    if kind == "answer":
        answer = read_answer(thing)
        if answer is None:
            return None
        answered = answer_leg(answer, to)
        return [*answered.used, *(answer_leg(answered.value, home).used if answered.value is not None else ())]
    if kind == "stream":
        events = read_events(home, thing.body)
        if not complete(events):
            return None
    else:
        whole = read_answer(thing)
        if whole is None:
            return None
        events = streamed(whole)
    told = stream_leg(events, home, to)
    return [*told.used, *(stream_leg(told.value, to, home).used if told.value is not None else ())]


def table() -> str:
    """The counts by endpoint and dialect: equal, with differences of the list, all."""
    counts = crossed().counts
    lines = [f"{'endpoint':38} {'into':10}" + "".join(f"{kind + ' equal/listed/all':>32}" for kind in KINDS)]
    for endpoint in [one for some in ENDPOINTS.values() for one in some]:
        for to in CODECS:
            cells = [counts.get((endpoint, to, kind)) for kind in KINDS]
            if any(cells):
                lines.append(f"{endpoint:38} {to:10}" + "".join(f"{_cell(cell):>32}" for cell in cells))
    lines.append("")
    for dialect in CODECS:
        for to in CODECS:
            if to != dialect:
                cells = [crossed().of(dialect, to, kind) for kind in KINDS]
                lines.append(f"{'all of ' + dialect:38} {to:10}" + "".join(f"{_cell(cell):>32}" for cell in cells))
    return "\n".join(lines)


def _cell(count: Count | None) -> str:
    if count is None:
        return "-"
    wrong = f" ({count.wrong} wrong)" if count.wrong else ""
    return f"{count.equal}/{count.listed}/{count.equal + count.listed + count.wrong}{wrong}"
