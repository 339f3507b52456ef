"""Seeded chance for simulations: the same seed throws the same numbers on every machine and Python."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1


class Dice:
    """SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def bits64(self) -> int:
        """64 random bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, bound: int) -> int:
        """A whole number in [0, bound); the bias of the remainder is below 1e-15 for the small bounds used here."""
        return self.bits64() % bound

    def share(self) -> float:
        """A float in [0, 1)."""
        return (self.bits64() >> 11) / (1 << 53)

    def between(self, low: float, high: float) -> float:
        """A float in [low, high)."""
        return low + (high - low) * self.share()

    def one_of(self, items: Sequence[T]) -> T:
        """One of the items, each alike."""
        return items[self.below(len(items))]


def dice_for(seed: int, *parts: bytes) -> Dice:
    """Dice that depend on the seed and on every part, so that equal questions get equal answers."""
    digest = blake2b(b"%d" % seed, digest_size=8)
    for part in parts:
        digest.update(b"%d:" % len(part) + part)
    return Dice(int.from_bytes(digest.digest(), "big"))
