"""The decision itself: drop what cannot, may not or should not serve; score the rest; pick one.

``choose`` reads nothing but its arguments. Times are integer microseconds, scores integer millionths, ties break by
target id, so the same inputs give the same bytes.

Pick: the highest ``score / spread + gumbel(seed, target)``. By the Gumbel-max theorem the chance of each candidate is
then exactly ``exp(score / spread) / sum(exp(...))``, whatever the order of candidates, and the second best is what
would have been picked had the first not been there. A plain argmax on a board that is 250 ms old would herd.
"""

from __future__ import annotations

import hashlib
from math import exp, fsum, log
from operator import attrgetter
from typing import Final

from poise.decision import Drop, Dropped, Inputs, Pin, PinnedInputs, Ranked, Verdict
from poise.request import Facts
from poise.rules.prepare import Option, Prepared
from poise.signal import Reading

# Raised by hand whenever the same inputs may give another verdict; the golden decisions in the tests watch over it.
RULES_VERSION: Final = 3
RULES_DIGEST: Final = hashlib.sha256(b"poise rules %d" % RULES_VERSION).digest()[:8]
# Version 3 brought pins, which no inputs of version 2 have: those it decides as version 2 did, to the byte.
REPLAYED: Final = frozenset([RULES_DIGEST, hashlib.sha256(b"poise rules 2").digest()[:8]])

STALE_US: Final = (
    60_000_000  # a measure older than this says nothing of now: the prior is used again, so the target is tried again
)
EXPECTED_OUTPUT_TOKENS: Final = (
    256  # where the caller set no maximum; about the median answer of the LLMPerf and Azure chat traces
)

_E6: Final = 1_000_000
_MASK: Final = (1 << 64) - 1
_NOTHING: Final[tuple[str, ...]] = ()
_FREE: Final[tuple[Pin, ...]] = ()
_FIRST: Final[tuple[str, ...]] = ("first_token",)
_TOTAL: Final[tuple[str, ...]] = ("total",)
_by_draw: Final = attrgetter("draw_e6")


def choose(inputs: Inputs, prepared: Prepared) -> Verdict:
    """Rank the policy's candidates for one request.

    Returns a Verdict whose choice is -1 where every candidate was dropped.
    """
    dropped: list[Dropped] = []
    able: list[Option] = []
    ejected: list[Option] = []
    facts = inputs.facts
    readings = inputs.readings
    now_us: int = inputs.now_us
    left_us: int = inputs.time_left_us
    # What cannot, may not and should not serve, told apart only once there is something to tell: most pass all of it.
    pins = inputs.pins if isinstance(inputs, PinnedInputs) else _FREE
    demanding = facts.modalities or facts.tools or pins
    budgeted = inputs.spend_left_usd_e6 >= 0
    need: int = facts.tokens + facts.max_output
    surface = facts.surface
    scope: int = facts.scope
    for option in prepared.options:
        reading = readings[option.candidate]
        if (
            option.plain
            and not demanding
            and surface in option.surfaces
            and need <= option.context_tokens
            and scope & option.bit
        ) or (drop := _cannot_or_may_not(option, facts, pins)) is None:
            if reading.ejected_until_us > now_us:
                ejected.append(option)
            elif not (option.concurrency or budgeted or left_us <= reading.first_token.value_us):
                able.append(option)  # nothing bounds it, as nearly always
            elif (drop := _should_not(option, reading, inputs, budgeted)) is None:
                able.append(option)
            else:
                dropped.append(drop)
        else:
            dropped.append(drop)
    panic = bool(ejected) and not able
    if ejected:
        if panic:
            able = [o for o in ejected if _should_not(o, readings[o.candidate], inputs, budgeted) is None]
        for option in ejected:
            if not panic or option not in able:
                out_us = readings[option.candidate].ejected_until_us - now_us
                dropped.append(Dropped(option.candidate, Drop.EJECTED, out_us, 0))
    if len(dropped) > 1:
        dropped.sort(key=_by_candidate)
    if not able:
        return Verdict(-1, (), tuple(dropped), False)
    ranked = _rank(able, inputs, prepared)
    return Verdict(ranked[0].candidate, tuple(ranked), tuple(dropped), panic)


def expected_cost_usd_e6(option: Option, facts: Facts) -> int:
    """What the request is expected to cost at this candidate, millionths of a USD; -1 where its price is unknown."""
    if not option.priced:
        return -1
    output = facts.max_output or EXPECTED_OUTPUT_TOKENS
    if facts.surface == "embeddings":
        output = 0
    elif output > option.output_tokens:
        output = option.output_tokens
    return int(facts.tokens * option.price_in + output * option.price_out)


def _by_candidate(dropped: Dropped) -> int:
    return dropped.candidate


def _cannot_or_may_not(option: Option, facts: Facts, pins: tuple[Pin, ...]) -> Dropped | None:
    if facts.surface not in option.surfaces:
        return Dropped(option.candidate, Drop.DIALECT)
    for number, pin in enumerate(pins, 1):
        if not pin.at & option.bit:
            return Dropped(option.candidate, Drop.PINNED, number)
        if not pin.can & option.bit:
            return Dropped(option.candidate, Drop.DIALECT, number)
    if option.lacks and not option.lacks.isdisjoint(facts.modalities):
        return Dropped(option.candidate, Drop.MODALITY)
    if facts.tools and not option.tools:
        return Dropped(option.candidate, Drop.TOOLS)
    need = facts.tokens + facts.max_output
    if need > option.context_tokens:
        return Dropped(option.candidate, Drop.CONTEXT_LENGTH, need, option.context_tokens)
    if not facts.scope & option.bit:
        return Dropped(option.candidate, Drop.KEY)
    if option.static is not None:
        return Dropped(option.candidate, option.static)
    if option.when is not None and not option.when.holds(facts):
        return Dropped(option.candidate, Drop.WHEN)
    return None


def _should_not(option: Option, reading: Reading, inputs: Inputs, budgeted: bool) -> Dropped | None:
    if option.concurrency and reading.in_flight >= option.concurrency:
        return Dropped(option.candidate, Drop.AT_LIMIT, reading.in_flight, option.concurrency)
    if budgeted:
        cost = expected_cost_usd_e6(option, inputs.facts)
        if cost > inputs.spend_left_usd_e6:
            return Dropped(option.candidate, Drop.OVER_BUDGET, cost, inputs.spend_left_usd_e6)
    left_us = inputs.time_left_us
    if left_us >= 0:
        first = reading.first_token
        if first.value_us > left_us and first.samples and inputs.now_us - first.at_us <= STALE_US:
            return Dropped(option.candidate, Drop.NO_TIME_LEFT, first.value_us, left_us)
    return None


class _Row:
    """A candidate while it is scored: what is known of it, then the parts, then the draw.

    An object each and not a list a part: compiled code then keeps plain numbers, and boxes only what the verdict holds.
    """

    __slots__ = (
        "assumed",
        "chance",
        "cheap",
        "cost",
        "draw",
        "fast",
        "flight",
        "free",
        "health",
        "height",
        "option",
        "score",
        "slow",
    )
    fast: int
    free: int
    cheap: int
    score: int
    height: float
    draw: int
    chance: int

    def __init__(self, option: Option, reading: Reading, slow: int, cost: int, assumed: tuple[str, ...]) -> None:
        evidence: int = reading.evidence_e6
        self.option = option
        self.slow = slow
        self.flight: int = reading.in_flight + 1
        self.cost = cost
        self.assumed = assumed
        self.health = _E6 - evidence if evidence < _E6 else 0


def _rank(able: list[Option], inputs: Inputs, prepared: Prepared) -> list[Ranked]:
    """Score parts are relative to the best candidate present: best / own, so 1 is the best and half is twice as slow or dear.

    Plain loops on purpose: a comprehension a part was 1 us slower for three candidates (Python 3.11 calls each one).
    """
    rows = _rows(able, inputs)
    first = rows[0]
    slow, flight, cost = first.slow, first.flight, first.cost
    for row in rows:
        if row.slow < slow:
            slow = row.slow
        if row.flight < flight:
            flight = row.flight
        if row.cost < cost:
            cost = row.cost
    best_latency, best_flight, best_cost = slow * _E6, flight * _E6, (cost + 1) * _E6
    w_health, w_latency, w_load, w_cost = prepared.w_health, prepared.w_latency, prepared.w_load, prepared.w_cost
    for row in rows:
        row.fast = fast = best_latency // row.slow
        row.free = free = best_flight // row.flight
        row.cheap = cheap = best_cost // (row.cost + 1)
        row.score = (w_health * row.health + w_latency * fast + w_load * free + w_cost * cheap) // _E6
    _draw(rows, inputs, prepared)
    ranked = []
    for row in rows:
        candidate = row.option.candidate
        ranked.append(
            Ranked(candidate, row.score, row.health, row.fast, row.free, row.cheap, row.chance, row.draw, row.assumed)
        )
    if len(ranked) > 1:
        # They stand by target id and the sort is stable, reversed too, so ties break by target id.
        ranked.sort(key=_by_draw, reverse=True)
    return ranked


def _rows(able: list[Option], inputs: Inputs) -> list[_Row]:
    """What is known of each candidate; unknown prices are taken for the dearest known one, so ignorance is no advantage."""
    readings = inputs.readings
    facts = inputs.facts
    fresh_from_us: int = inputs.now_us - STALE_US
    stream = facts.stream
    tokens: int = facts.tokens
    output: int = 0 if facts.surface == "embeddings" else facts.max_output or EXPECTED_OUTPUT_TOKENS
    dearest = 0
    unpriced = False
    rows: list[_Row] = []
    for option in able:
        reading = readings[option.candidate]
        measure = reading.first_token if stream else reading.total
        assumed = _NOTHING
        if measure.at_us >= fresh_from_us and measure.samples:
            slow: int = measure.value_us or 1
        else:
            slow = option.prior_first_us if stream else option.prior_total_us
            assumed = _FIRST if stream else _TOTAL
        if option.priced:  # as expected_cost_usd_e6, in place: a call costs more than the sum
            said = output if output < option.output_tokens else option.output_tokens
            cost = int(tokens * option.price_in + said * option.price_out)
            if cost > dearest:
                dearest = cost
        else:
            unpriced = True
            cost = -1
            assumed = (*assumed, "cost")
        rows.append(_Row(option, reading, slow, cost, assumed))
    if unpriced:
        for row in rows:
            if row.cost < 0:
                row.cost = dearest
    return rows


def _draw(rows: list[_Row], inputs: Inputs, prepared: Prepared) -> None:
    """What the pick compares, and each candidate's chance, both in millionths."""
    if prepared.mode == "order" or (prepared.mode == "weights" and prepared.spread <= 0):
        _draw_surely(rows, by_place=prepared.mode == "order")
        return
    if prepared.mode == "split":
        of_model: dict[str, int] = {}
        for row in rows:
            of_model[row.option.model] = of_model.get(row.option.model, 0) + 1
        for row in rows:
            row.height = log(row.option.share / of_model[row.option.model])
    else:
        scale = prepared.spread * _E6
        for row in rows:
            row.height = row.score / scale
    first = rows[0]
    if len(rows) == 1:
        first.draw, first.chance = int(first.height * _E6), _E6
        return
    top = first.height
    for row in rows:
        if row.height > top:
            top = row.height
    powers = []
    for row in rows:
        powers.append(exp(row.height - top))  # noqa: PERF401 - see _rank
    whole = fsum(powers) / _E6  # exactly rounded, so it does not depend on the order of candidates
    seed: int = _seed(inputs, prepared)
    for i, row in enumerate(rows):
        # A standard Gumbel number that belongs to (seed, target): -log(-log u). seed and salt are uniform already, so
        # two multiplications with a shift between them (as in murmur3's finaliser) are enough to part the targets.
        x = (seed ^ row.option.salt) * 0xFF51AFD7ED558CCD & _MASK
        x = (x ^ x >> 32) * 0xC4CEB9FE1A85EC53 & _MASK
        row.draw = int((row.height - log(-log(((x >> 11) + 0.5) / 9007199254740992.0))) * _E6)
        chance = powers[i] / whole
        even = int(chance)  # then up where it is nearer, or as near and even: what round() does, without its call
        over = chance - even
        row.chance = even + 1 if over > 0.5 or (over == 0.5 and even & 1) else even


def _draw_surely(rows: list[_Row], *, by_place: bool) -> None:
    """No dice: the first in order, or the best score; the earlier row where two are equal."""
    best: _Row | None = None
    for row in rows:
        row.draw = -row.option.place * _E6 if by_place else row.score
        row.chance = 0
        if best is None or row.draw > best.draw:
            best = row
    if best is not None:
        best.chance = _E6


def _seed(inputs: Inputs, prepared: Prepared) -> int:
    if prepared.sticky and inputs.facts.conversation:
        conversation = inputs.facts.conversation.encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(conversation, digest_size=8).digest(), "big")
    return inputs.seed
