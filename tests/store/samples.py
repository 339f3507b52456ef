"""Decisions and outcomes that look like real ones."""

from __future__ import annotations

from poise.decision import AttemptRecord, Decision, Inputs, Kind, Outcome, OutcomeKind
from poise.policy import Candidate, Objective, Policy
from poise.request import Facts
from poise.rules.choose import RULES_DIGEST, choose
from poise.rules.prepare import prepare
from poise.signal import Measure, Reading
from poise.target import Capabilities, Price, Target

NOW_US = 1_700_000_000_000_000


def target(model: str, provider: str, *, price: Price | None = None, context_tokens: int | None = 128_000) -> Target:
    """A rented target with plausible figures."""
    return Target(
        id=f"{model}@{provider}",
        model=model,
        provider=provider,
        vendor=provider.split("-", maxsplit=1)[0],
        region=provider.rsplit("-", maxsplit=1)[-1],
        upstream_model=model,
        can=Capabilities(context_tokens=context_tokens, tools=True, vision=False),
        price=price or Price(1.25, 10.0, 0.125),
    )


def policy(workflow: str = "support-chat", *, count: int = 4, first_token_us: int = 800_000) -> Policy:
    """A workflow over ``count`` targets, sorted by id as policies are."""
    made = [
        target("claude-sonnet-4-5", "anthropic-us", price=Price(3.0, 15.0)),
        target("gpt-5.2", "openai-eu"),
        target("gpt-5.2", "openai-us"),
        target("llama-4-maverick", "box-eu", price=Price(0.1, 0.3), context_tokens=2_000),
    ][:count]
    return Policy(
        workflow=workflow,
        candidates=tuple(Candidate(t, place) for place, t in enumerate(made)),
        objective=Objective(first_token_us=first_token_us, deadline_us=30_000_000, success_e6=999_000),
    )


def readings(now_us: int = NOW_US) -> tuple[Reading, ...]:
    """Four candidates: one fresh, one stale, one never measured, one ejected."""
    return (
        Reading(3, 0, 0, Measure(420_000, 80_000, 312, now_us - 50_000), Measure(2_100_000, 300_000, 312, now_us - 9)),
        Reading(1, 0, 0, Measure(610_000, 90_000, 40, now_us - 90_000_000), Measure()),
        Reading(),
        Reading(0, 825_000, now_us + 2_000_000, Measure(), Measure()),
    )


def decision(
    id_: int, *, of: Policy | None = None, conversation: str = "", seed: int = 7, tokens: int = 900
) -> Decision:
    """A real decision: ``choose`` made its verdict."""
    under = of or POLICY
    inputs = Inputs(
        format=1,
        rules=RULES_DIGEST,
        policy=under.digest,
        facts=Facts(
            workflow=under.workflow,
            tokens=tokens,
            max_output=400,
            stream=True,
            key="web-app",
            conversation=conversation,
        ),
        readings=readings()[: len(under.candidates)],
        now_us=NOW_US,
        seed=seed,
        board_age_us=120_000,
        time_left_us=30_000_000,
    )
    return Decision(id=id_, kind=Kind.ROUTED, inputs=inputs, verdict=choose(inputs, prepare(under)))


POLICY = policy()
DECISION = decision(NOW_US << 12)
OUTCOME = Outcome(
    kind=OutcomeKind.COMPLETED,
    status=200,
    target="gpt-5.2@openai-us",
    took_us=1_900_000,
    first_byte_us=420_000,
    bytes=5_120,
    attempts=(
        AttemptRecord("gpt-5.2@openai-eu", 40, took_us=120_000, status=503, failure="overload", detail="busy"),
        AttemptRecord("gpt-5.2@openai-us", 120_100, 300_000, 1_779_000, 200, "", "", "", 900, 210, 3_225),
    ),
)
