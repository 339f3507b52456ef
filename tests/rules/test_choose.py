"""What holds of every decision."""

from __future__ import annotations

import random
from math import exp

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.decision import Decision, Drop, Inputs, Kind, decode_decision, encode_decision, encode_verdict
from poise.policy import Candidate, Choose, Policy, Weights
from poise.request import Facts
from poise.rules.choose import choose
from poise.rules.prepare import Prepared, prepare
from poise.signal import Measure, Reading
from poise.target import Price, Target
from tests.rules.worlds import NOW_US, worlds

World = tuple[Inputs, Prepared]


@given(worlds())
@settings(max_examples=400, deadline=None)
def test_same_inputs_give_the_same_bytes(world: World) -> None:
    """A decision that went through msgpack and back is decided again byte for byte."""
    inputs, prepared = world
    verdict = choose(inputs, prepared)
    kept = decode_decision(encode_decision(Decision(7, Kind.ROUTED, inputs, verdict)))
    again = choose(kept.inputs, prepare(prepared.policy))

    assert encode_verdict(verdict) == encode_verdict(again)
    assert encode_verdict(kept.verdict) == encode_verdict(again)


@given(worlds())
@settings(max_examples=400, deadline=None)
def test_every_candidate_is_ranked_or_dropped_once(world: World) -> None:
    """Nobody is forgotten: each candidate stands in exactly one of the two lists, and the choice is the first ranked."""
    inputs, prepared = world
    verdict = choose(inputs, prepared)
    named = [row.candidate for row in verdict.ranked] + [row.candidate for row in verdict.dropped]

    assert sorted(named) == list(range(len(prepared.options)))
    assert (verdict.ranked[0].candidate if verdict.ranked else -1) == verdict.choice


@given(worlds(), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_the_order_of_candidates_never_matters(world: World, dice: random.Random) -> None:
    """The same candidates in another order of the policy's list: the same target is chosen, with the same chance and score."""
    inputs, prepared = world
    order = list(range(len(prepared.options)))
    dice.shuffle(order)
    shuffled = msgspec.structs.replace(prepared.policy, candidates=tuple(prepared.policy.candidates[i] for i in order))
    scope = inputs.facts.scope
    moved = scope if scope < 0 else sum(1 << new for new, old in enumerate(order) if scope >> old & 1)
    other = msgspec.structs.replace(
        inputs,
        readings=tuple(inputs.readings[i] for i in order),
        facts=msgspec.structs.replace(inputs.facts, scope=moved),
    )
    first = choose(inputs, prepared)
    second = choose(other, prepare(shuffled))

    def by_target(verdict: object, policy: Policy) -> set[tuple[object, ...]]:
        rows = getattr(verdict, "ranked")  # noqa: B009 - one shape for both verdicts
        return {(policy.candidates[r.candidate].target.id, *msgspec.structs.astuple(r)[1:]) for r in rows}

    assert by_target(first, prepared.policy) == by_target(second, shuffled)
    if len({row.draw_e6 for row in first.ranked}) == len(first.ranked) and first.ranked:
        chosen = prepared.policy.candidates[first.choice].target.id
        assert chosen == shuffled.candidates[second.choice].target.id


@given(worlds())
@settings(max_examples=300, deadline=None)
def test_scores_stay_in_zero_to_one(world: World) -> None:
    """No part leaves [0, 1], and the probabilities of those that could serve sum to one within rounding."""
    inputs, prepared = world
    verdict = choose(inputs, prepared)
    for row in verdict.ranked:
        parts = (row.score_e6, row.health_e6, row.latency_e6, row.load_e6, row.cost_e6, row.probability_e6)
        assert all(0 <= part <= 1_000_000 for part in parts)

    assert not verdict.ranked or abs(sum(row.probability_e6 for row in verdict.ranked) - 1_000_000) <= 5


@given(worlds())
@settings(max_examples=300, deadline=None)
def test_no_missing_or_stale_measure_is_read_unsaid(world: World) -> None:
    """Where the measure in use is missing or older than a minute, the row says what was assumed."""
    inputs, prepared = world
    name = "first_token" if inputs.facts.stream else "total"
    for row in choose(inputs, prepared).ranked:
        reading = inputs.readings[row.candidate]
        measure = reading.first_token if inputs.facts.stream else reading.total
        usable = measure.samples > 0 and measure.at_us >= NOW_US - 60_000_000

        assert usable == (name not in row.assumed)


def _two(choose_: Choose, prices: tuple[float, ...] = (1.0, 3.0, 2.0)) -> Prepared:
    return prepare(
        Policy(
            "w",
            tuple(
                Candidate(
                    Target(f"m{i}@p", f"m{i}", "p", "openai", "us", "m", price=Price(p, p)), i, share=float(i + 1)
                )
                for i, p in enumerate(prices)
            ),
            choose=choose_,
        )
    )


def _chi_square(counts: list[int], chances: list[float]) -> float:
    total = sum(counts)
    return sum((count - total * chance) ** 2 / (total * chance) for count, chance in zip(counts, chances, strict=True))


def _draws(prepared: Prepared, many: int) -> tuple[list[int], list[float]]:
    facts = Facts("w", tokens=100)
    rows = tuple(Reading(i, 0, 0, Measure(), Measure(1_000_000 + 90_000 * i, 0, 9, NOW_US)) for i in range(3))
    dice = random.Random(20261123)
    counts = [0] * 3
    chances = [0.0] * 3
    for _ in range(many):
        inputs = Inputs(1, b"", prepared.digest, facts, rows, NOW_US, dice.getrandbits(64))
        verdict = choose(inputs, prepared)
        counts[verdict.choice] += 1
        chances = [next(r.probability_e6 for r in verdict.ranked if r.candidate == i) / 1e6 for i in range(3)]
    return counts, chances


def test_recorded_probabilities_are_the_frequencies() -> None:
    """60,000 seeds: chi-square with 2 degrees of freedom stays below 13.8 (p = 0.001), for scores and for a split."""
    for mode in (Choose(spread=0.2), Choose(mode="split")):
        counts, chances = _draws(_two(mode), 60_000)

        assert 13.8 > _chi_square(counts, chances)
        assert min(counts) > 500


def test_chi_square_would_notice_a_wrong_probability() -> None:
    """The test above can fail: frequencies two points off are far outside."""
    assert 13.8 < _chi_square([33_000, 16_000, 11_000], [0.53, 0.27, 0.20])


def test_probability_is_the_softmax_of_the_scores() -> None:
    """exp(score / spread) over its sum, computed here a second time."""
    prepared = _two(Choose(spread=0.2))
    facts = Facts("w", tokens=100)
    verdict = choose(Inputs(1, b"", b"", facts, (Reading(),) * 3, NOW_US, 1), prepared)
    powers = {row.candidate: exp(row.score_e6 / 1e6 / 0.2) for row in verdict.ranked}

    for row in verdict.ranked:
        assert abs(row.probability_e6 - 1e6 * powers[row.candidate] / sum(powers.values())) < 3


def test_order_takes_the_first_that_can() -> None:
    """``order`` is deterministic: the listed first, and the next where it cannot serve."""
    prepared = _two(Choose(mode="order"))
    facts = Facts("w", tokens=1)
    out = Reading(ejected_until_us=NOW_US + 1)

    assert 0 == choose(Inputs(1, b"", b"", facts, (Reading(),) * 3, NOW_US, 5), prepared).choice
    assert 1 == choose(Inputs(1, b"", b"", facts, (out, Reading(), Reading()), NOW_US, 5), prepared).choice


def test_everyone_ejected_is_panic_not_refusal() -> None:
    """When all that may serve are ejected, they are ranked all the same and the verdict says panic."""
    prepared = _two(Choose())
    out = Reading(ejected_until_us=NOW_US + 1)
    verdict = choose(Inputs(1, b"", b"", Facts("w"), (out,) * 3, NOW_US, 5), prepared)

    assert verdict.panic
    assert 3 == len(verdict.ranked)


def test_a_conversation_stays_while_scores_do() -> None:
    """Stickiness: other dice, same conversation, same choice; and conversations are spread."""
    prepared = _two(Choose(spread=0.3, stick="conversation"))

    def pick(conversation: str, seed: int) -> int:
        facts = Facts("w", tokens=9, conversation=conversation)
        return choose(Inputs(1, b"", b"", facts, (Reading(),) * 3, NOW_US, seed), prepared).choice

    assert all(pick("c", 1) == pick("c", seed) for seed in range(50))
    assert 3 == len({pick(f"c{i}", 1) for i in range(60)})


def test_each_reason_to_drop_has_its_case() -> None:
    """Every row of the closed list can be made to happen, with the figures behind it."""
    from tests.rules.drops import CASES

    for reason, (inputs, prepared) in CASES.items():
        dropped = choose(inputs, prepared).dropped

        assert [reason] == [row.reason for row in dropped], reason
    later = {Drop.RETRY_BUDGET, Drop.PREFILL}  # said of later attempts only, by path.course
    assert set(Drop) == set(CASES) | later


def test_weights_decide_who_wins() -> None:
    """With only cost weighed and no spread the cheapest wins; with only latency the fastest."""
    facts = Facts("w", tokens=100)
    rows = tuple(Reading(total=Measure(v, 0, 9, NOW_US)) for v in (3_000_000, 1_000_000, 2_000_000))
    cheap = _two(Choose(weights=Weights(0, 0, 0, 1), spread=0))
    fast = _two(Choose(weights=Weights(0, 1, 0, 0), spread=0))

    assert 0 == choose(Inputs(1, b"", b"", facts, rows, NOW_US, 1), cheap).choice
    assert 1 == choose(Inputs(1, b"", b"", facts, rows, NOW_US, 1), fast).choice
