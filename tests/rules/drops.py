"""One world for each reason to drop a candidate."""

from __future__ import annotations

import msgspec

from poise.decision import PINNED_FORMAT, Drop, Inputs, Pin, PinnedInputs
from poise.policy import Candidate, Choose, Policy
from poise.request import Facts
from poise.rules.prepare import Prepared, prepare
from poise.signal import Measure, Reading
from poise.target import Capabilities, Price, Target
from tests.rules.worlds import NOW_US

_NEUTRAL = Reading()
_CAN = Capabilities(context_tokens=1000, tools=False, vision=False, embeddings=False)
_OTHER = Candidate(Target("z@p", "z", "p", "openai", "us", "z"), 1)


def _world(
    facts: Facts, reading: Reading = _NEUTRAL, policy: Policy | None = None, time_us: int = -1, spend: int = -1
) -> tuple[Inputs, Prepared]:
    target = Target("m@p", "m", "p", "openai", "us", "m", can=_CAN, price=Price(5.0, 5.0), concurrency=3)
    prepared = prepare(policy or Policy("w", (Candidate(target), _OTHER)))
    rows = (reading, *[Reading()] * (len(prepared.options) - 1))
    return Inputs(1, b"", b"", facts, rows, NOW_US, 1, -1, time_us, spend), prepared


def _policy(candidate: Candidate, **more: object) -> Policy:
    return Policy("w", (candidate, _OTHER), **more)  # type: ignore[arg-type]  # keyword values are given right below


_M = Target("m@p", "m", "p", "openai", "eu", "m")


def _pinned() -> tuple[Inputs, Prepared]:
    inputs, prepared = _world(Facts("w"))
    known = msgspec.structs.asdict(inputs) | {"format": PINNED_FORMAT}
    return PinnedInputs(**known, pins=(Pin("file_id", "1f", "z@p", at=2),)), prepared


CASES: dict[Drop, tuple[Inputs, Prepared]] = {
    Drop.MODALITY: _world(Facts("w", modalities=("image",))),
    Drop.CONTEXT_LENGTH: _world(Facts("w", tokens=900, max_output=101)),
    Drop.TOOLS: _world(Facts("w", tools=True)),
    Drop.PINNED: _pinned(),
    Drop.DIALECT: _world(Facts("w", surface="embeddings")),
    Drop.KEY: _world(Facts("w", scope=2)),
    Drop.REGION: _world(Facts("w"), policy=_policy(Candidate(_M), regions=("us",))),
    Drop.POLICY: _world(Facts("w"), policy=_policy(Candidate(_M, share=0.0), choose=Choose(mode="split"))),
    Drop.WHEN: _world(Facts("w", tokens=9), policy=_policy(Candidate(_M, when="facts.tokens > 9"))),
    Drop.EJECTED: _world(Facts("w"), Reading(ejected_until_us=NOW_US + 1)),
    Drop.AT_LIMIT: _world(Facts("w"), Reading(in_flight=3)),
    Drop.OVER_BUDGET: _world(Facts("w", tokens=100, max_output=100), spend=999),
    Drop.NO_TIME_LEFT: _world(Facts("w"), Reading(first_token=Measure(2_000_000, 0, 5, NOW_US)), time_us=1_000_000),
}
