"""The smallest change that would have flipped a decision, against brute force."""

from __future__ import annotations

import msgspec
from hypothesis import given, settings

from poise.decision import Inputs
from poise.rules.choose import choose
from poise.rules.flip import Dial, dials, flips, nearest
from poise.rules.prepare import Prepared
from tests.rules.worlds import worlds

WINDOW = 60  # values tried one by one on each side of what was


@given(worlds())
@settings(max_examples=250, deadline=None)
def test_every_flip_flips_and_one_step_less_does_not(world: tuple[Inputs, Prepared]) -> None:
    """Run again at the flip: another choice. Run again one step nearer: the choice that was made."""
    inputs, prepared = world
    choice = choose(inputs, prepared).choice
    by_name = {(dial.name, dial.candidate): dial for dial in dials(inputs)}
    for flip in flips(inputs, prepared):
        assert choice != flip.choice
        step = 1 if flip.would_be > flip.was else -1
        dial = by_name.get((flip.input, flip.candidate))
        if dial is None:
            assert "tokens" == flip.input
            continue
        assert flip.choice == choose(dial.turned(flip.would_be), prepared).choice
        assert choice == choose(dial.turned(flip.would_be - step), prepared).choice


@given(worlds())
@settings(max_examples=120, deadline=None)
def test_brute_force_finds_nothing_nearer(world: tuple[Inputs, Prepared]) -> None:
    """Every value near what was, tried one by one: the first that flips is the flip, and where none does there is none so near."""
    inputs, prepared = world
    choice = choose(inputs, prepared).choice
    for dial in dials(inputs):
        for end in (dial.low, dial.high):
            flip = nearest(dial, end, choice, prepared)
            first = _first_by_hand(dial, end, choice, prepared)
            if first is not None:
                assert flip is not None
                assert first == flip.would_be, dial.name
            elif flip is not None:
                assert WINDOW < abs(flip.would_be - dial.value)


@given(worlds())
@settings(max_examples=60, deadline=None)
def test_prompt_size_is_tried_value_by_value(world: tuple[Inputs, Prepared]) -> None:
    """The flip by tokens within the near range is the first by hand."""
    inputs, prepared = world
    choice = choose(inputs, prepared).choice
    found = {flip.would_be for flip in flips(inputs, prepared) if flip.input == "tokens"}
    was = inputs.facts.tokens
    for sign in (-1, 1):
        for step in range(1, WINDOW):
            value = was + sign * step
            if value < 0:
                break
            facts = msgspec.structs.replace(inputs.facts, tokens=value)
            if choose(msgspec.structs.replace(inputs, facts=facts), prepared).choice != choice:
                assert value in found
                break


def _first_by_hand(dial: Dial, end: int, choice: int, prepared: Prepared) -> int | None:
    step = 1 if end > dial.value else -1
    for distance in range(1, min(WINDOW, abs(end - dial.value)) + 1):
        value = dial.value + step * distance
        if choose(dial.turned(value), prepared).choice != choice:
            return value
    return None
