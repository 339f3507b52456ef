"""Scalars of what is done about slow and broken answers: when a second attempt is made, how much is held back."""

from __future__ import annotations

import re

import msgspec

from poise.edge.config import units
from poise.edge.config.leaf import pattern
from poise.edge.config.node import Scalar
from poise.edge.config.problem import Findings
from poise.edge.config.spec import Leaf, Wrong

_HEDGE = re.compile(r"p([1-9][0-9])")
_TOKENS = re.compile(r"([0-9]{1,6})\s?tokens?")


class Hedging(msgspec.Struct, frozen=True):
    """When a second attempt is made: after a percentile, or after microseconds; the other is 0."""

    share_e2: int = 0
    after_us: int = 0

    def __str__(self) -> str:
        return f"p{self.share_e2}" if self.share_e2 else units.show_us(self.after_us)


class Holding(msgspec.Struct, frozen=True):
    """How much is held: tokens, microseconds, or all; nothing where all are 0."""

    tokens: int = 0
    wait_us: int = 0
    whole: bool = False

    def __str__(self) -> str:
        if self.whole:
            return "whole"
        return f"{self.tokens} tokens" if self.tokens else units.show_us(self.wait_us) if self.wait_us else "0"


def _hedge(node: Scalar, findings: Findings) -> object:
    match = _HEDGE.fullmatch(node.text)
    if match is not None:
        return Hedging(share_e2=int(match[1]))
    after_us = units.duration_us(node.text)
    if not after_us:
        raise Wrong("is neither a percentile nor a time", "as p95, of the target's first tokens, or as 800ms")
    return Hedging(after_us=after_us)


def _hold(node: Scalar, findings: Findings) -> object:
    if node.text == "whole":
        return Holding(whole=True)
    if node.text == "0":
        return Holding()
    match = _TOKENS.fullmatch(node.text)
    if match is not None:
        return Holding(tokens=int(match[1]))
    wait_us = units.duration_us(node.text)
    if wait_us is None:
        raise Wrong("is not an amount to hold", "as 0, 16 tokens, 2s, or whole")
    return Holding(wait_us=wait_us)


_TIME = r"[0-9]+(\.[0-9]+)?\s?(us|ms|s|m|h|d)"
HEDGE = Leaf("percentile or duration", "p95", _hedge, pattern(rf"^({_HEDGE.pattern}|{_TIME})$"))
HOLD = Leaf(
    "amount to hold",
    "16 tokens",
    _hold,
    {"anyOf": [{"const": 0}, pattern(rf"^(0|whole|{_TOKENS.pattern}|{_TIME})$")]},
)
