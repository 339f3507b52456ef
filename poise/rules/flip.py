"""What is the smallest change of one input that would have changed the choice?

Each input is moved alone, up and down, and ``choose`` is run again: a flip is never computed, only found and verified.
Worsening or improving one candidate moves every score difference in one direction (score parts are ratios to the best),
so a bisection finds the exact boundary. Prompt size is different - it moves all prices and may pass context lengths in
between - so the near range is tried value by value, and beyond it only powers of two are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from poise.decision import Inputs, PinnedInputs
from poise.rules.choose import STALE_US, choose
from poise.rules.prepare import Prepared
from poise.signal import Reading

NEAR_TOKENS = 1024
_replace = msgspec.structs.replace


class Flip(NamedTuple):
    """With ``input`` at ``would_be`` instead of ``was``, ``choice`` would have been picked (-1: none).

    candidate is whose input it is, -1 for the request's own.
    """

    input: str
    candidate: int
    was: int
    would_be: int
    choice: int

    @property
    def size(self) -> float:
        """How big the change is, relative to what was: 1.0 is twice as much, or all of it gone."""
        return abs(self.would_be - self.was) / max(abs(self.was), 1)


class Dial(NamedTuple):
    """One input that can be turned: its value and bounds, and a function that gives the inputs with another value."""

    name: str
    candidate: int
    value: int
    low: int
    high: int
    turned: Callable[[int], Inputs]


def flips(inputs: Inputs, prepared: Prepared) -> list[Flip]:
    """The nearest flip of each input in each direction, smallest relative change first."""
    choice = choose(inputs, prepared).choice
    found = [
        flip
        for dial in dials(inputs)
        for end in (dial.low, dial.high)
        if (flip := nearest(dial, end, choice, prepared)) is not None
    ]
    found += _pins(inputs, choice, prepared)
    found += [flip for sign in (-1, 1) if (flip := _tokens(inputs, choice, prepared, sign)) is not None]
    return sorted(found, key=lambda flip: (flip.size, flip.input, flip.candidate))


def dials(inputs: Inputs) -> Iterator[Dial]:
    """The readings that can be turned one at a time."""
    first = inputs.facts.stream
    for i, reading in enumerate(inputs.readings):
        yield Dial("in_flight", i, reading.in_flight, 0, reading.in_flight + 10_000, _turn(inputs, i, _in_flight))
        yield Dial("evidence", i, reading.evidence_e6, 0, 1_000_000, _turn(inputs, i, _evidence))
        if reading.ejected_until_us > inputs.now_us:
            left = reading.ejected_until_us - inputs.now_us
            yield Dial("ejected_for_us", i, left, 0, left, _turn(inputs, i, _ejected(inputs.now_us)))
        measure = reading.first_token if first else reading.total
        if measure.samples and measure.at_us >= inputs.now_us - STALE_US:
            name, turn = ("first_token_us", _first_token) if first else ("total_us", _total)
            yield Dial(name, i, measure.value_us, 1, 3_600_000_000, _turn(inputs, i, turn))


def nearest(dial: Dial, end: int, choice: int, prepared: Prepared) -> Flip | None:
    """The value nearest to the dial's own, towards ``end``, at which the choice is another; None where there is none."""
    if dial.value == end or choose(dial.turned(end), prepared).choice == choice:
        return None
    same, other = dial.value, end
    while abs(other - same) > 1:
        middle = (same + other) // 2
        if choose(dial.turned(middle), prepared).choice == choice:
            same = middle
        else:
            other = middle
    return Flip(dial.name, dial.candidate, dial.value, other, choose(dial.turned(other), prepared).choice)


def _tokens(inputs: Inputs, choice: int, prepared: Prepared, sign: int) -> Flip | None:
    was = inputs.facts.tokens
    steps = list(range(1, NEAR_TOKENS + 1)) + [NEAR_TOKENS << n for n in range(1, 14)]
    for step in steps:
        value = was + sign * step
        if value < 0:
            return None
        turned = _replace(inputs, facts=_replace(inputs.facts, tokens=value))
        if (other := choose(turned, prepared).choice) != choice:
            return Flip("tokens", -1, was, value, other)
    return None


def _pins(inputs: Inputs, choice: int, prepared: Prepared) -> list[Flip]:
    """Without any of its pins: a request that says everything itself may go where it likes."""
    if not isinstance(inputs, PinnedInputs) or not inputs.pins:
        return []
    other = choose(_replace(inputs, pins=()), prepared).choice
    return [] if other == choice else [Flip("pins", -1, len(inputs.pins), 0, other)]


def _turn(inputs: Inputs, index: int, change: Callable[[Reading, int], Reading]) -> Callable[[int], Inputs]:
    def turned(value: int) -> Inputs:
        readings = list(inputs.readings)
        readings[index] = change(readings[index], value)
        return _replace(inputs, readings=tuple(readings))

    return turned


def _in_flight(reading: Reading, value: int) -> Reading:
    return _replace(reading, in_flight=value)


def _evidence(reading: Reading, value: int) -> Reading:
    return _replace(reading, evidence_e6=value)


def _ejected(now_us: int) -> Callable[[Reading, int], Reading]:
    return lambda reading, value: _replace(reading, ejected_until_us=now_us + value)


def _first_token(reading: Reading, value: int) -> Reading:
    return _replace(reading, first_token=_replace(reading.first_token, value_us=value))


def _total(reading: Reading, value: int) -> Reading:
    return _replace(reading, total=_replace(reading.total, value_us=value))
