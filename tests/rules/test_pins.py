"""What holds of every decision whose request names what was made somewhere."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poise.decision import (
    PINNED_FORMAT,
    Decision,
    Drop,
    Inputs,
    Kind,
    Pin,
    PinnedInputs,
    Verdict,
    decode_decision,
    encode_decision,
)
from poise.policy import Policy
from poise.rules import choose as rules
from poise.rules.choose import choose
from poise.rules.flip import flips
from poise.rules.prepare import Prepared, prepare
from tests.rules.worlds import readings, worlds

World = tuple[PinnedInputs, Prepared]
CANNOT = {Drop.DIALECT, Drop.MODALITY, Drop.TOOLS, Drop.CONTEXT_LENGTH, Drop.PINNED}


def pinned(inputs: Inputs, pins: tuple[Pin, ...]) -> PinnedInputs:
    """The same inputs with pins."""
    known = msgspec.structs.asdict(inputs) | {"format": PINNED_FORMAT}
    return PinnedInputs(**known, pins=pins)


@st.composite
def pinned_worlds(draw: st.DrawFn) -> World:
    """One to three pins, to any of the candidates, to nobody present, or of an unknown maker."""
    inputs, prepared = draw(worlds())
    every = (1 << len(prepared.options)) - 1
    bits = st.integers(0, every)
    known = st.builds(
        Pin, st.sampled_from(["file_id", "signature"]), st.just("1f"), st.just("m@p"), st.booleans(), bits
    )
    both = st.builds(Pin, st.just("file_id"), st.just("1f"), st.just("m@p"), st.just(True), bits, bits)
    unknown = st.builds(Pin, st.just("previous_response_id"), st.just("2e"), can=bits)
    pins = draw(st.lists(st.one_of(known, both, unknown), min_size=1, max_size=3))
    return pinned(inputs, tuple(pins)), prepared


def going(verdict: Verdict) -> set[int]:
    """The candidates that may be asked, now or by a later attempt: those that were ranked."""
    return {row.candidate for row in verdict.ranked}


def allowed(inputs: PinnedInputs, candidate: int) -> bool:
    return all(pin.at >> candidate & 1 and pin.can >> candidate & 1 for pin in inputs.pins)


@given(pinned_worlds(), st.data())
@settings(max_examples=400, deadline=None)
def test_a_pinned_request_never_goes_elsewhere(world: World, data: st.DataObject) -> None:
    """Whatever the signals say, now and later: only who has all that it names is ranked, and panic widens nothing."""
    inputs, prepared = world
    other = tuple(data.draw(readings) for _ in prepared.options)
    for said in (inputs, msgspec.structs.replace(inputs, readings=other)):
        assert all(allowed(said, candidate) for candidate in going(choose(said, prepared)))


@given(pinned_worlds())
@settings(max_examples=400, deadline=None)
def test_pins_widen_nothing(world: World) -> None:
    """Who could not or may not serve without pins does not serve with them, nor is dropped for a softer reason."""
    inputs, prepared = world
    free = choose(msgspec.structs.replace(inputs, pins=()), prepared)
    held = choose(inputs, prepared)
    hard = {row.candidate for row in free.dropped if row.reason is not Drop.EJECTED}

    assert not hard & going(held)


@given(pinned_worlds())
@settings(max_examples=400, deadline=None)
def test_every_candidate_that_pins_exclude_says_which(world: World) -> None:
    """``pinned`` and a pin's ``dialect`` hold the number of a pin that excludes the candidate."""
    inputs, prepared = world
    for row in choose(inputs, prepared).dropped:
        if row.reason is Drop.PINNED:
            assert not inputs.pins[row.value - 1].at >> row.candidate & 1
        elif row.reason is Drop.DIALECT and row.value:
            assert not inputs.pins[row.value - 1].can >> row.candidate & 1
        elif row.reason not in CANNOT:
            assert allowed(inputs, row.candidate)


@given(pinned_worlds(), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_the_order_of_candidates_does_not_matter(world: World, dice: random.Random) -> None:
    """The same candidates in another order, the pins' bits with them: the same are ranked and dropped, for the same reasons."""
    inputs, prepared = world
    order = list(range(len(prepared.options)))
    dice.shuffle(order)

    def moved(bits: int) -> int:
        return bits if bits < 0 else sum(1 << new for new, old in enumerate(order) if bits >> old & 1)

    shuffled = msgspec.structs.replace(prepared.policy, candidates=tuple(prepared.policy.candidates[i] for i in order))
    other = msgspec.structs.replace(
        inputs,
        readings=tuple(inputs.readings[i] for i in order),
        facts=msgspec.structs.replace(inputs.facts, scope=moved(inputs.facts.scope)),
        pins=tuple(msgspec.structs.replace(pin, at=moved(pin.at), can=moved(pin.can)) for pin in inputs.pins),
    )

    def told(verdict: Verdict, policy: Policy) -> tuple[set[str], set[tuple[str, Drop, int]]]:
        ids = [candidate.target.id for candidate in policy.candidates]
        return {ids[c] for c in going(verdict)}, {(ids[d.candidate], d.reason, d.value) for d in verdict.dropped}

    assert told(choose(inputs, prepared), prepared.policy) == told(choose(other, prepare(shuffled)), shuffled)


@given(pinned_worlds())
@settings(max_examples=200, deadline=None)
def test_a_pinned_decision_replays(world: World) -> None:
    """Through msgpack and back with its pins, decided again to the byte."""
    inputs, prepared = world
    raw = encode_decision(Decision(7, Kind.ROUTED, inputs, choose(inputs, prepared)))
    kept = decode_decision(raw)
    again = choose(kept.inputs, prepare(prepared.policy))

    assert inputs == kept.inputs
    assert raw == encode_decision(msgspec.structs.replace(kept, verdict=again))


@given(worlds())
@settings(max_examples=200, deadline=None)
def test_without_pins_nothing_changed(world: tuple[Inputs, Prepared]) -> None:
    """Inputs that name nothing are decided and encoded as before pins were known."""
    inputs, prepared = world
    verdict = choose(inputs, prepared)
    raw = encode_decision(Decision(7, Kind.ROUTED, inputs, verdict))

    assert verdict == choose(pinned(inputs, ()), prepared)
    assert type(decode_decision(raw).inputs) is Inputs
    assert 11 == len(msgspec.msgpack.decode(raw)[2])


@given(pinned_worlds())
@settings(max_examples=100, deadline=None)
def test_pins_are_among_what_would_have_flipped_it(world: World) -> None:
    """Where the request would have gone elsewhere without its pins, that flip is told, and it is true."""
    inputs, prepared = world
    choice = choose(inputs, prepared).choice
    free = choose(msgspec.structs.replace(inputs, pins=()), prepared).choice
    told = [flip for flip in flips(inputs, prepared) if flip.input == "pins"]

    assert ([(len(inputs.pins), 0, free)] if free != choice else []) == [(f.was, f.would_be, f.choice) for f in told]


def test_without_the_drop_a_pinned_request_would_go_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ablation: where inputs are read as if they had no pins, the property above fails."""
    monkeypatch.setattr(rules, "PinnedInputs", type("Nothing", (), {}))

    with pytest.raises(AssertionError):
        test_a_pinned_request_never_goes_elsewhere()
