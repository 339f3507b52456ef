"""Usage, both ways: input_tokens holds what was cached and what was written to the cache, output_tokens holds reasoning.

On every recording of every vendor the sum of the two is total_tokens. A vendor that counts reasoning beside its output
(as xAI's chat does) is told by its total, or by more reasoning than output.
"""

from __future__ import annotations

from poise.wire.conversation.answer import Usage, is_count
from poise.wire.conversation.part import FORMAL, Json
from poise.wire.responses.shell import Object

_MAX: int = 1 << 40
# What the fields hold, and the vendor's own reckoning of cost, which means its own prices.
_KNOWN = frozenset(
    {
        "input_tokens", "output_tokens", "total_tokens", "input_tokens_details", "output_tokens_details",
        "cost", "cost_details", "cost_in_usd_ticks", "is_byok", "context_details",
    }
)  # fmt: skip


def read_usage(value: Json) -> Usage | None:
    """The counts; None where there are none."""
    if not isinstance(value, dict):
        return None
    read, written = _count(value, "input_tokens"), _count(value, "output_tokens")
    details = value.get("input_tokens_details")
    inner = details if isinstance(details, dict) else {}
    cached = min(_count(inner, "cached_tokens"), read)
    cache_write = min(_count(inner, "cache_write_tokens"), read - cached)
    details = value.get("output_tokens_details")
    reasoning = _count(details, "reasoning_tokens") if isinstance(details, dict) else 0
    total = _count(value, "total_tokens")
    beside = reasoning > written or (reasoning > 0 and total == read + written + reasoning)
    sure = total in (0, read + written, read + written + reasoning) and all(
        is_count(value.get(name)) for name in ("input_tokens", "output_tokens")
    )
    rest: Object = {name: more for name, more in value.items() if name not in _KNOWN and more != 0}
    rest[FORMAL] = value
    return Usage(
        input=read - cached - cache_write,
        cached=cached,
        cache_write=cache_write,
        output=written if beside else written - reasoning,
        reasoning=reasoning,
        rest=rest,
        sure=sure,
    )


def write_usage(usage: Usage | None, *, own: bool) -> Json:
    """The usage object; the vendor's own where this dialect read it."""
    if usage is None:
        return None
    if own and isinstance(said := usage.rest.get(FORMAL), dict):
        return said
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.cache_written},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }


def _count(value: Object, name: str) -> int:
    found = value.get(name)
    return found if type(found) is int and 0 <= found <= _MAX else 0
