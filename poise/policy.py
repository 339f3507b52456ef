"""Policies: what a workflow asks for. A Policy is *resolved*: profiles, aliases and defaults are already in it."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from poise.target import Target

# What was added after the first records were written is UNSET where it is not said, as in target.py: a policy of before
# still has the digest that its decisions name.

Stick = Literal["", "conversation"]
Priority = Literal["interactive", "standard", "background"]
StreamRecovery = Literal["error", "restart", "continue"]


class Weights(msgspec.Struct, frozen=True):
    """How much each score part counts, >= 0; only their ratios matter."""

    health: float = 3.0
    latency: float = 2.0
    load: float = 1.0
    cost: float = 1.0


class Choose(msgspec.Struct, frozen=True):
    """How one candidate is picked.

    mode ``weights``: softmax over scores in [0, 1] at temperature ``spread`` (0: always the best).
    mode ``order``: as listed. mode ``split``: shares per model, >= 0, in ``Candidate.share``.
    stick replaces the dice by the named fact's hash, so equal facts choose alike while the scores allow it.
    """

    mode: Literal["weights", "order", "split"] = "weights"
    weights: Weights = Weights()
    spread: float = 0.05
    stick: Stick = ""


class Objective(msgspec.Struct, frozen=True):
    """What the workflow promises: microseconds, and success in millionths; 0 where nothing is promised."""

    first_token_us: int = 0
    deadline_us: int = 60_000_000
    success_e6: int = 0


class Timers(msgspec.Struct, frozen=True):
    """How long an attempt may be silent, microseconds. All but connect hold for streams only.

    Defaults: CONTRACT, section Timers.
    """

    connect_us: int = 2_000_000
    headers_us: int = 10_000_000
    first_token_us: int = 10_000_000
    stall_us: int = 30_000_000
    rate_e3: int | UnsetType = UNSET  # least tokens in a thousand seconds of a stream; RATE_E3 where UNSET, 0: none


# A token in three seconds. People read four a second; what is twelve times slower is no answer any more.
RATE_E3: Final = 300


class Hedge(msgspec.Struct, frozen=True):
    """A second attempt beside a slow first: after a percentile of its target's first tokens, or after a time.

    tools: also for requests that bring tools, which may then be called twice.
    """

    share_e2: int = 95
    after_us: int = 0
    tools: bool = False


class Hold(msgspec.Struct, frozen=True):
    """How much of a streamed answer must have come before any of it goes to the client: what is held can be repaired unseen.

    The first of tokens and wait_us to be reached lets it go, 0 being no bound; whole: only all of it.
    """

    tokens: int = 0
    wait_us: int = 0
    whole: bool = False


class Recover(msgspec.Struct, frozen=True):
    """One budget per request: attempts >= 1, spend in millionths of a USD (0: no bound), and what a broken stream does.

    stream is one way to repair a broken stream, or several that are tried in order; what is left then is an error.
    """

    attempts: int = 3
    spend_usd_e6: int = 0
    stream: StreamRecovery | tuple[StreamRecovery, ...] = "error"
    keepalive_us: int = 15_000_000
    hedge: Hedge | UnsetType = UNSET

    @property
    def repairs(self) -> tuple[StreamRecovery, ...]:
        """The ways to repair a stream, without ``error``, which repairs nothing."""
        said = (self.stream,) if isinstance(self.stream, str) else self.stream
        return said[: said.index("error")] if "error" in said else said


class Candidate(msgspec.Struct, frozen=True):
    """A target that may serve the workflow. place is its position as listed (0 first); share its part of a split."""

    target: Target
    place: int = 0
    when: str = ""
    share: float = 1.0


class Policy(msgspec.Struct, frozen=True):
    """A workflow's resolved controls. candidates are sorted by target id; regions empty means anywhere."""

    workflow: str
    candidates: tuple[Candidate, ...]
    owner: str = ""
    regions: tuple[str, ...] = ()
    objective: Objective = Objective()
    choose: Choose = Choose()
    priority: Priority = "standard"
    timers: Timers = Timers()
    recover: Recover = Recover()
    record_required: bool = False
    hold: Hold | UnsetType = UNSET

    @property
    def digest(self) -> bytes:
        """First 8 bytes of SHA-256 over the canonical msgpack of the resolved content: the policy's version."""
        return hashlib.sha256(encode(self)).digest()[:8]


def encode(policy: Policy) -> bytes:
    """A policy as canonical msgpack (keys sorted): what its digest is taken over and what the store keeps."""
    return msgspec.msgpack.encode(policy, order="deterministic")


def decode(raw: bytes) -> Policy:
    """The policy that ``encode`` wrote. Raises msgspec.DecodeError where raw is not one."""
    return msgspec.msgpack.decode(raw, type=Policy)
