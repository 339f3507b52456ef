"""What an emulator is told to do: a word in the model's name (``emulate-refusal``) or in the last message (``say:refusal``)."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from poise.sim.emulate.asked import Asked

# name: what happens
SCENARIOS: Final[dict[str, str]] = {
    "plain": "an answer, as without a scenario",
    "refusal": "the model declines",
    "filter": "the provider's filter stops the answer, or blocks the prompt where the vendor does that",
    "length": "half of the answer, then the output limit",
    "reasoning": "thought before the answer, sealed where the vendor seals it",
    "tool": "a call of the first tool that may be called",
    "tools": "words, then a call of each of the first two tools",
    "cached": "half of the prompt is counted as read from the cache",
    "rate": "too many requests, with the vendor's headers",
    "quota": "the account has no credit",
    "context": "the prompt is too long",
    "overloaded": "the vendor has no capacity",
    "error-STATUS": "an error of this status, 400 to 599, in the vendor's shape",
    "stream-error": "half of the stream, then the vendor's error inside it; whole answers: status 500",
    "stream-error-first": "a stream that is the vendor's error and nothing else; whole answers as above",
    "cut": "half of the answer, then the connection is closed",
    "silent": "nothing at all",
}
REFUSALS: Final = ("rate", "quota", "context", "overloaded")

_IN_MODEL: Final = re.compile(r"emulate-([a-z]+(?:-[a-z0-9]+)*)")
_IN_TEXT: Final = re.compile(r"\bsay:([a-z]+(?:-[a-z0-9]+)*)")
_STATUS: Final = re.compile(r"error-([45][0-9][0-9])")


class Scenario(msgspec.Struct, frozen=True):
    """name is a key of SCENARIOS; status goes with ``error-STATUS`` only."""

    name: str = "plain"
    status: int = 0


class Unknown(Exception):
    """The model's name asks for a scenario that there is not."""


def scenario_of(asked: Asked) -> Scenario:
    """The scenario that a request asks for; the last message goes before the model. Raises Unknown for a model's name."""
    said = _IN_TEXT.search(asked.last)
    if said is not None and (found := _named(said[1])) is not None:
        return found
    named = _IN_MODEL.search(asked.model)
    if named is None:
        return Scenario()
    found = _named(named[1])
    if found is None:
        raise Unknown(asked.model)
    return found


def _named(word: str) -> Scenario | None:
    status = _STATUS.fullmatch(word)
    if status is not None:
        return Scenario("error-STATUS", int(status[1]))
    return Scenario(word) if word in SCENARIOS else None
