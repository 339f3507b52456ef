"""A policy made ready for ``choose``: everything that does not change from request to request, worked out once."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

import cel
import msgspec

from poise.decision import Drop
from poise.policy import Policy
from poise.request import Facts

NO_BOUND = 1 << 62
_FACT = re.compile(r"\bfacts\.([a-z_]+)")


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


class Option(msgspec.Struct, frozen=True):
    """One candidate's constants. Prices are micro-USD per token (= USD per million tokens); -1 where unknown.

    plain: nothing static drops it and it has no condition; priced: both prices are known. Token bounds that are unknown
    stand as NO_BOUND. Structs, not named tuples: their fields are read three times as fast, and ``choose`` reads many.
    """

    candidate: int
    bit: int
    model: str
    salt: int
    plain: bool
    static: Drop | None
    when: When | None
    place: int
    share: float
    context_tokens: int
    output_tokens: int
    tools: bool
    lacks: frozenset[str]
    surfaces: frozenset[str]
    priced: bool
    price_in: float
    price_out: float
    concurrency: int
    prior_first_us: int
    prior_total_us: int


class Prepared(msgspec.Struct, frozen=True):
    """A policy's options by target id (so ties break by it), and its weights in millionths of their sum."""

    policy: Policy
    digest: bytes
    options: tuple[Option, ...]
    w_health: int
    w_latency: int
    w_load: int
    w_cost: int
    mode: str
    spread: float
    sticky: bool


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
    weights = policy.choose.weights
    total = weights.health + weights.latency + weights.load + weights.cost
    scale = 1_000_000 / total if total > 0 else 0.0
    by_id = sorted(range(len(policy.candidates)), key=lambda i: policy.candidates[i].target.id)
    return Prepared(
        policy=policy,
        digest=policy.digest,
        options=tuple(_option(policy, i) for i in by_id),
        w_health=int(weights.health * scale),  # cut, not rounded: the sum must not pass one million
        w_latency=int(weights.latency * scale),
        w_load=int(weights.load * scale),
        w_cost=int(weights.cost * scale),
        mode=policy.choose.mode,
        spread=policy.choose.spread,
        sticky=policy.choose.stick == "conversation",
    )


def _option(policy: Policy, index: int) -> Option:
    candidate = policy.candidates[index]
    target = candidate.target
    can = target.can
    lacks = {name for name, able in (("image", can.vision), ("audio", can.audio), ("file", can.files)) if able is False}
    static = None
    if policy.regions and target.region not in policy.regions:
        static = Drop.REGION
    elif policy.choose.mode == "split" and candidate.share <= 0:
        static = Drop.POLICY
    return Option(
        candidate=index,
        bit=1 << index,
        model=target.model,
        salt=salt_of(target.id),
        plain=static is None and not candidate.when,
        static=static,
        when=compile_when(candidate.when) if candidate.when else None,
        place=candidate.place,
        share=candidate.share,
        context_tokens=can.context_tokens or NO_BOUND,
        output_tokens=can.output_tokens or NO_BOUND,
        tools=can.tools is not False,
        lacks=frozenset(lacks),
        surfaces=_surfaces(can.embeddings),
        priced=None not in (target.price.input_usd_per_mtok, target.price.output_usd_per_mtok),
        price_in=-1.0 if target.price.input_usd_per_mtok is None else target.price.input_usd_per_mtok,
        price_out=-1.0 if target.price.output_usd_per_mtok is None else target.price.output_usd_per_mtok,
        concurrency=target.concurrency,
        prior_first_us=target.prior.first_token_us,
        prior_total_us=target.prior.total_us,
    )


def _surfaces(embeddings: bool | None) -> frozenset[str]:
    if embeddings is None:
        return frozenset({"chat", "embeddings"})
    return frozenset({"embeddings"}) if embeddings else frozenset({"chat"})
