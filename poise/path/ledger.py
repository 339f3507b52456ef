"""What an attempt cost: one record an attempt, and how sure its figures are."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from poise.decision import AttemptRecord, Usage
from poise.errors import AttemptFailed, Failure
from poise.path.service import Answered, Attempt
from poise.request import Facts
from poise.rules import cost
from poise.rules.prepare import Option
from poise.target import Price

BYTES_PER_TOKEN: Final = 4
# A streamed event carries about one token in 40 times as many bytes (OpenAI chunks: 160-240 bytes a token).
STREAM_BYTES_PER_TOKEN: Final = 160


def cost_usd_e6(option: Option, price: Price, usage: Usage) -> int:
    """Price of a usage in millionths of a USD.

    What the vendor itself says stands. Where a kind of token has no price of its own, all that was read or written is
    charged as text, so that a budget is not overrun unseen; where text has none either it counts as nothing, and is
    shown as unknown elsewhere.
    """
    if usage.charged_usd_e6 >= 0:
        return usage.charged_usd_e6
    exact = cost.cost_usd_e6(usage, price)
    if exact != cost.UNKNOWN:
        return exact
    return int(max(option.price_in, 0.0) * usage.input_tokens + max(option.price_out, 0.0) * usage.output_tokens)


def answered_record(attempt: Attempt, answered: Answered) -> AttemptRecord:
    """The record of an attempt that answered. Without usage from the upstream its tokens are estimated by size, and so is a
    figure that is told as nothing beside others that cannot all be true.
    """
    request = attempt.plan.request
    usage, billing = answered.usage, "exact"
    if usage is None or not usage.sure:
        usage, billing = _guessed(usage, request.facts, answered.bytes), "estimated"
    return AttemptRecord(
        attempt.lane.target.id,
        attempt.started_us - request.arrived_us,
        answered.first_token_us,
        answered.took_us,
        answered.status,
        "",
        "",
        "",
        usage.input_tokens,
        usage.output_tokens,
        cost_usd_e6(request.route.option(attempt.candidate), attempt.lane.target.price, usage),
        billing,
        answered.model,
        lost_of(attempt),
        attempt.repair.told if attempt.repair is not None else "",
    )


def failed_record(attempt: Attempt, failure: AttemptFailed | None, now_us: int) -> AttemptRecord:
    """The record of an attempt that failed, or was cancelled (no failure).

    Refusals before any work are free. Of an answer that had begun, or may have, a vendor bills what it made, also what
    nobody read: usage where it came in time, else the caller's own maximum (``bounded``), else what was seen (``estimated``).
    """
    request = attempt.plan.request
    usage, billing = _begun(attempt, failure)
    return AttemptRecord(
        attempt.lane.target.id,
        attempt.started_us - request.arrived_us,
        attempt.first_token_us,
        now_us - attempt.started_us,
        failure.status if failure else attempt.status,
        failure.failure if failure else "cancelled",
        failure.text[:200] if failure else attempt.called_off or "the client went, or the server stopped",
        "",
        usage.input_tokens,
        usage.output_tokens,
        cost_usd_e6(request.route.option(attempt.candidate), attempt.lane.target.price, usage),
        billing,
        attempt.model,
        lost_of(attempt),
        attempt.repair.told if attempt.repair is not None else "",
    )


def lost_of(attempt: Attempt) -> tuple[str, ...]:
    """What the last translation of the call could not carry, for the record."""
    lost = attempt.plan.request.call.lost
    return lost.told() if lost is not None and lost.count else ()


def _begun(attempt: Attempt, failure: AttemptFailed | None) -> tuple[Usage, str]:
    if failure is not None and failure.status != 200 and failure.failure is not Failure.TIMEOUT:
        return Usage(), "exact"
    if attempt.usage is not None and attempt.usage.sure:
        return attempt.usage, "exact"
    facts = attempt.plan.request.facts
    if attempt.plan.request.call.tensors:
        return Usage(), "estimated"  # bytes of tensors say nothing of tokens
    guessed = _guessed(attempt.usage, facts, attempt.bytes)
    if facts.max_output:
        return replace(guessed, output_tokens=max(facts.max_output, guessed.output_tokens)), "bounded"
    return guessed, "estimated"


def _guessed(usage: Usage | None, facts: Facts, size: int) -> Usage:
    """What was told as far as it goes, and by size what was not: size is in bytes of the answer, framing included."""
    written = size // (STREAM_BYTES_PER_TOKEN if facts.stream else BYTES_PER_TOKEN)
    if usage is None:
        return Usage(facts.tokens, written)
    return replace(
        usage, input_tokens=usage.input_tokens or facts.tokens, output_tokens=max(usage.output_tokens, written)
    )
