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

from poise.decision import Drop, Dropped, Inputs, Ranked, Verdict
from poise.request import Facts
from poise.rules.prepare import Option, Prepared
from poise.signal import Reading

# Raised by hand whenever the same inputs may give another verdict; the golden decisions in the tests watch over it.
RULES_VERSION = 1
RULES_DIGEST = hashlib.sha256(b"poise rules %d" % RULES_VERSION).digest()[:8]

STALE_US = (
    60_000_000  # a measure older than this says nothing of now: the prior is used again, so the target is tried again
)
EXPECTED_OUTPUT_TOKENS = (
    256  # where the caller set no maximum; about the median answer of the LLMPerf and Azure chat traces
)

_E6 = 1_000_000
_MASK = (1 << 64) - 1
_FIRST = ("first_token",)
_TOTAL = ("total",)


def choose(inputs: Inputs, prepared: Prepared) -> Verdict:
    """Rank the policy's candidates for one request.

    Returns a Verdict whose choice is -1 where every candidate was dropped.
    """
    dropped: list[Dropped] = []
    able: list[Option] = []
    ejected: list[Option] = []
    facts = inputs.facts
    readings = inputs.readings
    now_us = inputs.now_us
    # What cannot, may not and should not serve, told apart only once there is something to tell: most pass all of it.
    demanding = facts.modalities or facts.tools
    budgeted = inputs.spend_left_usd_e6 >= 0
    need = facts.tokens + facts.max_output
    surface = facts.surface
    scope = facts.scope
    for option in prepared.options:
        reading = readings[option.candidate]
        if (
            option.plain
            and not demanding
            and surface in option.surfaces
            and need <= option.context_tokens
            and scope & option.bit
        ) or (drop := _cannot_or_may_not(option, facts)) is None:
            if reading.ejected_until_us > now_us:
                ejected.append(option)
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
                left_us = readings[option.candidate].ejected_until_us - now_us
                dropped.append(Dropped(option.candidate, Drop.EJECTED, left_us, 0))
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


def _cannot_or_may_not(option: Option, facts: Facts) -> Dropped | None:
    if facts.surface not in option.surfaces:
        return Dropped(option.candidate, Drop.DIALECT)
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


def _rank(able: list[Option], inputs: Inputs, prepared: Prepared) -> list[Ranked]:
    """Score parts are relative to the best candidate present: best / own, so 1 is the best and half is twice as slow or dear.

    Two plain loops on purpose: a comprehension a part was 1 us slower for three candidates (Python 3.11 calls each one).
    """
    readings = inputs.readings
    facts = inputs.facts
    fresh_from_us = inputs.now_us - STALE_US
    stream = facts.stream
    missing = _FIRST if stream else _TOTAL
    latency: list[int] = []
    flights: list[int] = []
    costs: list[int] = []
    assumed: list[tuple[str, ...]] = []
    tokens = facts.tokens
    output = 0 if facts.surface == "embeddings" else facts.max_output or EXPECTED_OUTPUT_TOKENS
    unpriced = False
    for option in able:
        reading = readings[option.candidate]
        measure = reading.first_token if stream else reading.total
        notes: tuple[str, ...] = ()
        if measure.at_us >= fresh_from_us and measure.samples:
            latency.append(measure.value_us or 1)
        else:
            latency.append(option.prior_first_us if stream else option.prior_total_us)
            notes = missing
        flights.append(reading.in_flight + 1)
        if option.priced:  # as expected_cost_usd_e6, in place: a call costs more than the sum
            said = min(output, option.output_tokens)
            costs.append(int(tokens * option.price_in + said * option.price_out))
        else:
            unpriced = True
            costs.append(-1)
            notes = (*notes, "cost")
        assumed.append(notes)
    if unpriced:  # unknown prices are taken for the dearest known one, so ignorance is no advantage
        dearest = max(0, *costs)
        costs = [dearest if cost < 0 else cost for cost in costs]
    best_latency, best_flight, best_cost = min(latency) * _E6, min(flights) * _E6, (min(costs) + 1) * _E6
    w_health, w_latency, w_load, w_cost = prepared.w_health, prepared.w_latency, prepared.w_load, prepared.w_cost
    rows: list[tuple[int, int, int, int, int, int]] = []
    for option, slow, flight, cost in zip(able, latency, flights, costs, strict=True):
        evidence = readings[option.candidate].evidence_e6
        health = _E6 - evidence if evidence < _E6 else 0
        fast = best_latency // slow
        free = best_flight // flight
        cheap = best_cost // (cost + 1)
        score = (w_health * health + w_latency * fast + w_load * free + w_cost * cheap) // _E6
        rows.append((option.candidate, score, health, fast, free, cheap))
    draws, chances = _draw(able, rows, inputs, prepared)
    ranked = [Ranked(*row, chances[i], draws[i], assumed[i]) for i, row in enumerate(rows)]
    if len(ranked) > 1:
        ranked.sort(key=_by_draw)  # they stand by target id and the sort is stable, so ties break by target id
    return ranked


def _by_draw(ranked: Ranked) -> int:
    return -ranked.draw_e6


def _draw(
    able: list[Option], rows: list[tuple[int, int, int, int, int, int]], inputs: Inputs, prepared: Prepared
) -> tuple[list[int], list[int]]:
    """What the pick compares, and each candidate's chance, both in millionths."""
    if prepared.mode == "order" or (prepared.mode == "weights" and prepared.spread <= 0):
        draws = [-o.place * _E6 for o in able] if prepared.mode == "order" else [row[1] for row in rows]
        first = draws.index(max(draws))
        return draws, [_E6 if i == first else 0 for i in range(len(able))]
    if prepared.mode == "split":
        of_model: dict[str, int] = {}
        for option in able:
            of_model[option.model] = of_model.get(option.model, 0) + 1
        heights = [log(option.share / of_model[option.model]) for option in able]
    else:
        scale = prepared.spread * _E6
        heights = [row[1] / scale for row in rows]
    if len(able) == 1:
        return [int(heights[0] * _E6)], [_E6]
    top = max(heights)
    powers = [exp(height - top) for height in heights]
    whole = fsum(powers) / _E6  # exactly rounded, so it does not depend on the order of candidates
    seed = _seed(inputs, prepared)
    draws = []
    for option, height in zip(able, heights, strict=True):
        # A standard Gumbel number that belongs to (seed, target): -log(-log u). seed and salt are uniform already, so
        # two multiplications with a shift between them (as in murmur3's finaliser) are enough to part the targets.
        x = (seed ^ option.salt) * 0xFF51AFD7ED558CCD & _MASK
        x = (x ^ x >> 32) * 0xC4CEB9FE1A85EC53 & _MASK
        draws.append(int((height - log(-log(((x >> 11) + 0.5) / 9007199254740992.0))) * _E6))
    return draws, [round(power / whole) for power in powers]


def _seed(inputs: Inputs, prepared: Prepared) -> int:
    if prepared.sticky and inputs.facts.conversation:
        conversation = inputs.facts.conversation.encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(conversation, digest_size=8).digest(), "big")
    return inputs.seed
