"""A policy made ready for ``choose``: everything that does not change from request to request, worked out once."""

from __future__ import annotations

import hashlib
import re
from typing import Final, NamedTuple

import cel
from msgspec import UnsetType

from poise.decision import Drop
from poise.policy import Candidate, Policy
from poise.request import Facts
from poise.target import Target

PASSTHROUGH: Final = "passthrough"  # the surface and dialect of what is passed through: a provider's, not a model's
NO_BOUND: Final = 1 << 60  # beyond any count, and still a machine's number to compiled code
_COUNTS: Final[dict[str, tuple[str, ...]]] = {
    "anthropic": ("count_tokens",),
    "anthropic-vertex": ("count_tokens",),
    "gemini": ("countTokens",),
    "gemini-vertex": ("countTokens",),
}
_EMBEDS: Final = ("openai", "gemini", "gemini-vertex")
_TENSORS: Final = frozenset({"infer", "metadata"})  # of the Open Inference Protocol, and nothing else goes there
_FACT: Final = re.compile(r"\bfacts\.([a-z_]+)")


class When(NamedTuple):
    """A candidate's condition: the compiled CEL program and the facts it names (only those are handed to it)."""

    program: cel.Program
    names: tuple[str, ...]

    def holds(self, facts: Facts) -> bool:
        """Whether the condition is true of these facts. Something missing or of the wrong type is not true."""
        try:
            return self.program.execute({"facts": {name: getattr(facts, name) for name in self.names}}) is True
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError):
            return False


class Option:
    """One candidate's constants. Prices are micro-USD per token (= USD per million tokens); -1 where unknown.

    plain: nothing static drops it and it has no condition; priced: both prices are known. Token bounds that are unknown
    stand as NO_BOUND. Plain classes, not Structs or named tuples: ``choose`` reads many fields, and compiled code reads
    these as C does.
    """

    __slots__ = (
        "bit",
        "candidate",
        "concurrency",
        "context_tokens",
        "lacks",
        "model",
        "output_tokens",
        "place",
        "plain",
        "price_in",
        "price_out",
        "priced",
        "prior_first_us",
        "prior_total_us",
        "salt",
        "share",
        "static",
        "surfaces",
        "tools",
        "when",
    )

    def __init__(self, policy: Policy, index: int) -> None:
        """Raises ValueError where a ``when`` does not compile."""
        candidate = policy.candidates[index]
        target = candidate.target
        can = target.can
        price_in, price_out = target.price.input_usd_per_mtok, target.price.output_usd_per_mtok
        self.candidate = index
        self.bit = 1 << index
        self.model = target.model
        self.salt = salt_of(target.id)
        self.static = _static(policy, candidate)
        self.when: When | None = compile_when(candidate.when) if candidate.when else None
        self.plain = self.static is None and self.when is None
        self.place = candidate.place
        self.share = candidate.share
        self.context_tokens: int = can.context_tokens or NO_BOUND
        # A server of tensors writes no tokens, so none are expected of it.
        self.output_tokens: int = 0 if target.dialect == "oip" else can.output_tokens or NO_BOUND
        self.tools = can.tools is not False
        abilities = (
            ("image", can.vision),
            ("audio", can.audio),
            ("file", can.files),
            ("image_output", can.image_output),
        )
        self.lacks = frozenset([name for name, able in abilities if able is False])
        self.surfaces = _surfaces(target)
        self.priced = price_in is not None and price_out is not None
        self.price_in = -1.0 if price_in is None else float(price_in)
        self.price_out = -1.0 if price_out is None else float(price_out)
        self.concurrency = target.concurrency
        self.prior_first_us = target.prior.first_token_us
        self.prior_total_us = target.prior.total_us


class Prepared:
    """A policy's options by target id (so ties break by it), and its weights in millionths of their sum."""

    __slots__ = (
        "digest",
        "mode",
        "options",
        "policy",
        "spread",
        "sticky",
        "w_cost",
        "w_health",
        "w_latency",
        "w_load",
    )

    def __init__(self, policy: Policy) -> None:
        weights = policy.choose.weights
        total = weights.health + weights.latency + weights.load + weights.cost
        scale = 1_000_000 / total if total > 0 else 0.0
        ids = [candidate.target.id for candidate in policy.candidates]
        self.policy = policy
        self.digest = policy.digest
        self.options = tuple([Option(policy, i) for i in sorted(range(len(ids)), key=ids.__getitem__)])
        self.w_health = int(weights.health * scale)  # cut, not rounded: the sum must not pass one million
        self.w_latency = int(weights.latency * scale)
        self.w_load = int(weights.load * scale)
        self.w_cost = int(weights.cost * scale)
        self.mode: str = policy.choose.mode
        self.spread = policy.choose.spread
        self.sticky = policy.choose.stick == "conversation"


def salt_of(target_id: str) -> int:
    """64 bits that stand for a target in the draw, so that the order of candidates never matters."""
    return int.from_bytes(hashlib.blake2b(target_id.encode(), digest_size=8).digest(), "big")


def compile_when(expression: str) -> When:
    """A ``when`` expression, compiled. Raises ValueError where it is not CEL or names anything but known facts."""
    program = cel.compile(expression)
    strange = [name for name in program.variables() if name != "facts"]
    names = tuple(sorted(set(_FACT.findall(expression))))
    strange += [f"facts.{name}" for name in names if name not in Facts.__struct_fields__]
    if strange:
        raise ValueError(
            f"{expression!r} names {', '.join(strange)}; known: facts.{', facts.'.join(Facts.__struct_fields__)}"
        )
    return When(program, names)


def prepare(policy: Policy) -> Prepared:
    """Work out a policy's constants. Raises ValueError where a ``when`` does not compile."""
    return Prepared(policy)


def _static(policy: Policy, candidate: Candidate) -> Drop | None:
    if policy.regions and candidate.target.region not in policy.regions:
        return Drop.REGION
    if policy.choose.mode == "split" and candidate.share <= 0:
        return Drop.POLICY
    return None


def _surfaces(target: Target) -> frozenset[str]:
    """Chat is translated, embeddings between two dialects, counts of tokens, images and tensors never."""
    dialect, embeddings = target.dialect, target.can.embeddings
    if dialect == "oip":
        return _TENSORS
    if dialect == PASSTHROUGH:
        return frozenset((PASSTHROUGH,))
    found = set() if embeddings else {"chat", *_COUNTS.get(dialect, ())}
    if embeddings is not False and dialect in _EMBEDS:
        found.add("embeddings")
    if not isinstance(target.images, UnsetType) and not embeddings:
        found.update(target.images)
    return frozenset(found)
