"""What an answer costs, from what it counted and what its target charges. Whole numbers throughout, one rounding at the end.

A price of 0.175 USD per million tokens is 175,000 millionths of a millionth of a USD (USD e12) for each token, so sums
are exact and the same everywhere; only ``cost_usd_e6`` rounds, to the nearest millionth of a USD, a half upwards.

What is not known is UNKNOWN, never nothing: a single token of a kind without a price makes the whole cost unknown. A kind
that was not used needs no price.
"""

from __future__ import annotations

from typing import Final, Protocol

from msgspec import UnsetType

from poise.target import Price

UNKNOWN: Final = -1
_E6: Final = 1_000_000


class Counted(Protocol):
    """Tokens, each in one bucket only; ``wire.conversation.answer.Usage`` is one."""

    @property
    def input(self) -> int:
        """Text that was read, neither cached nor of another kind."""

    @property
    def cached(self) -> int:
        """Read from the vendor's cache."""

    @property
    def cache_write(self) -> int:
        """Read, and written to the vendor's cache."""

    @property
    def cache_write_long(self) -> int:
        """The same for a longer time (Anthropic: an hour), at a price of its own."""

    @property
    def image_input(self) -> int:
        """Images that were read."""

    @property
    def audio_input(self) -> int:
        """Sound that was read."""

    @property
    def output(self) -> int:
        """Text that was written."""

    @property
    def reasoning(self) -> int:
        """Thought, shown or not."""

    @property
    def image_output(self) -> int:
        """Images that were made."""

    @property
    def audio_output(self) -> int:
        """Sound that was made."""


def cost_usd_e6(usage: Counted, price: Price) -> int:
    """Millionths of a USD, rounded to the nearest, a half upwards; UNKNOWN where a price is missing."""
    exact = cost_usd_e12(usage, price)
    return UNKNOWN if exact == UNKNOWN else (exact + _E6 // 2) // _E6


def cost_usd_e12(usage: Counted, price: Price) -> int:
    """The same without rounding, in millionths of a millionth of a USD. Thought is charged as output."""
    read = usage.input + usage.cached + usage.cache_write + usage.cache_write_long
    read += usage.image_input + usage.audio_input
    if not isinstance(price.to_tokens, UnsetType) and read > price.to_tokens:
        return UNKNOWN  # longer prompts cost more, how much this price does not say
    images = price.image_input_usd_per_mtok
    rows: tuple[tuple[int, float | UnsetType | None], ...] = (
        (usage.input, price.input_usd_per_mtok),
        (usage.cached, price.cached_input_usd_per_mtok),
        (usage.cache_write, price.cache_write_usd_per_mtok),
        (usage.cache_write_long, price.cache_write_long_usd_per_mtok),
        (usage.image_input, price.input_usd_per_mtok if isinstance(images, UnsetType) else images),
        (usage.audio_input, price.audio_input_usd_per_mtok),
        (usage.output + usage.reasoning, price.output_usd_per_mtok),
        (usage.image_output, price.image_output_usd_per_mtok),
        (usage.audio_output, price.audio_output_usd_per_mtok),
    )
    total = 0
    for tokens, usd_per_mtok in rows:
        if tokens <= 0:
            continue
        if usd_per_mtok is None or isinstance(usd_per_mtok, UnsetType):
            return UNKNOWN
        total += tokens * round(usd_per_mtok * _E6)
    if not isinstance(price.per_thousand_requests_usd, UnsetType):
        total += round(price.per_thousand_requests_usd * _E6) * 1_000
    return total
