"""What an attempt cost: one record an attempt, and how sure its figures are."""

from __future__ import annotations

from poise.decision import AttemptRecord, Usage
from poise.errors import AttemptFailed
from poise.path.service import Answered, Attempt
from poise.rules.prepare import Option

BYTES_PER_TOKEN = 4
# A streamed event carries about one token in 40 times as many bytes (OpenAI chunks: 160-240 bytes a token).
STREAM_BYTES_PER_TOKEN = 160


def cost_usd_e6(option: Option, usage: Usage) -> int:
    """Price of a usage in millionths of a USD; unknown prices count as nothing and are shown as unknown elsewhere."""
    return int(max(option.price_in, 0.0) * usage.input_tokens + max(option.price_out, 0.0) * usage.output_tokens)


def answered_record(attempt: Attempt, answered: Answered) -> AttemptRecord:
    """The record of an attempt that answered. Without usage from the upstream its tokens are estimated by size."""
    request = attempt.plan.request
    usage, billing = answered.usage, "exact"
    if usage is None:
        per_token = STREAM_BYTES_PER_TOKEN if request.facts.stream else BYTES_PER_TOKEN
        usage, billing = Usage(request.facts.tokens, answered.bytes // per_token), "estimated"
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
        cost_usd_e6(request.route.option(attempt.candidate), usage),
        billing,
        answered.model,
    )


def failed_record(attempt: Attempt, failure: AttemptFailed | None, now_us: int, committed: bool) -> AttemptRecord:
    """The record of an attempt that failed, or was cancelled (no failure). A vendor may bill what it had begun:
    the prompt and at most the output asked for, hence ``bounded``; refusals before any work are free.
    """
    request = attempt.plan.request
    began = committed or failure is None or failure.status == 200
    usage = Usage(request.facts.tokens, request.facts.max_output) if began else Usage()
    secret = attempt.lane.secret
    detail = failure.text[:200] if failure else "cancelled"
    return AttemptRecord(
        attempt.lane.target.id,
        attempt.started_us - request.arrived_us,
        took_us=now_us - attempt.started_us,
        status=failure.status if failure else 0,
        failure=failure.failure if failure else "cancelled",
        detail=detail.replace(secret, "[key]") if secret else detail,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd_e6=cost_usd_e6(request.route.option(attempt.candidate), usage),
        billing="bounded" if began else "exact",
    )
