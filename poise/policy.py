"""Policies: what a workflow asks for. A Policy is *resolved*: profiles, aliases and defaults are already in it."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from poise.target import Target

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


class Recover(msgspec.Struct, frozen=True):
    """One budget per request: attempts >= 1, spend in millionths of a USD (0: no bound), and what a broken stream does."""

    attempts: int = 3
    spend_usd_e6: int = 0
    stream: StreamRecovery = "error"
    keepalive_us: int = 15_000_000


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
