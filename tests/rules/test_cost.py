"""Cost: whole numbers, one rounding, unknown where a price is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poise.rules.cost import UNKNOWN, cost_usd_e6, cost_usd_e12
from poise.target import Price
from poise.wire.conversation.answer import Usage

FULL = Price(
    1.75,
    14.0,
    0.175,
    cache_write_usd_per_mtok=2.1875,
    cache_write_long_usd_per_mtok=3.5,
    image_input_usd_per_mtok=10.0,
    image_output_usd_per_mtok=40.0,
    audio_input_usd_per_mtok=1.0,
    audio_output_usd_per_mtok=20.0,
)
BUCKETS = (
    "input",
    "cached",
    "cache_write",
    "cache_write_long",
    "image_input",
    "audio_input",
    "output",
    "reasoning",
    "image_output",
    "audio_output",
)


def counted(buckets: dict[str, int]) -> Usage:
    usage = Usage()
    for name, tokens in buckets.items():
        setattr(usage, name, tokens)
    return usage


def test_each_bucket_has_its_price_and_thought_is_output() -> None:
    usage = Usage(
        input=1, cached=10, cache_write=100, image_input=1000, audio_input=10_000, output=2, reasoning=3, image_output=5
    )
    expected = 1.75 + 1.75 + 218.75 + 10_000 + 10_000 + 5 * 14 + 5 * 40

    assert round(expected * 1_000_000) == cost_usd_e12(usage, FULL)
    assert 20_492 == cost_usd_e6(usage, FULL)


def test_what_stays_in_the_cache_for_an_hour_has_a_price_of_its_own() -> None:
    """Twice the price of text at Anthropic, where what stays five minutes costs a quarter more; neither stands for the other."""
    usage = Usage(input=10, cache_write=1000, cache_write_long=2000)
    short, long = Price(3.0, 15.0, cache_write_usd_per_mtok=3.75), Price(3.0, 15.0, cache_write_long_usd_per_mtok=6.0)
    both = Price(3.0, 15.0, cache_write_usd_per_mtok=3.75, cache_write_long_usd_per_mtok=6.0)

    assert 30 + 3750 + 12_000 == cost_usd_e6(usage, both)
    assert UNKNOWN == cost_usd_e6(usage, short) == cost_usd_e6(usage, long)


@pytest.mark.parametrize(
    ("price", "tokens", "e6"), [(0.5, 1, 1), (0.499999, 1, 0), (1.5, 1, 2), (0.02, 7, 0), (2.5, 3, 8)]
)
def test_the_nearest_millionth_a_half_upwards(price: float, tokens: int, e6: int) -> None:
    assert e6 == cost_usd_e6(Usage(input=tokens), Price(price))


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_kind_without_a_price_makes_all_of_it_unknown(bucket: str) -> None:
    """Never nothing; but a kind that was not used needs no price, and a price of 0 is a price."""
    usage = counted({bucket: 1})

    assert UNKNOWN == cost_usd_e6(usage, Price()) == cost_usd_e12(usage, Price())
    assert 0 == cost_usd_e6(Usage(), Price())
    assert 0 <= cost_usd_e6(usage, FULL)
    assert 0 == cost_usd_e6(Usage(input=5, output=5), Price(0.0, 0.0))


def test_images_are_charged_as_text_where_nothing_else_is_said() -> None:
    """So do OpenAI and Google for images that are read; for images that are made there is no such rule."""
    assert 2_000_000 == cost_usd_e12(Usage(image_input=1), Price(2.0))
    assert UNKNOWN == cost_usd_e12(Usage(image_output=1), Price(2.0, 8.0))
    assert UNKNOWN == cost_usd_e12(Usage(audio_input=1), Price(2.0, 8.0))


def test_longer_prompts_than_the_price_holds_for_are_unknown() -> None:
    """All that was read counts, also what came from a cache."""
    price = Price(2.0, 12.0, 0.2, to_tokens=200_000)

    assert 400_000 == cost_usd_e6(Usage(input=200_000), price)
    assert UNKNOWN == cost_usd_e6(Usage(input=100_000, cached=100_001), price)


def test_a_fee_for_each_request_is_added() -> None:
    assert 5_042 == cost_usd_e6(Usage(input=14, output=28), Price(1.0, 1.0, per_thousand_requests_usd=5.0))


_TOKENS = st.integers(0, 10_000_000)
_USAGES = st.fixed_dictionaries(dict.fromkeys(BUCKETS, _TOKENS)).map(counted)


@given(_USAGES, _USAGES)
def test_costs_add_up(one: Usage, other: Usage) -> None:
    """Two answers cost what one with their tokens together costs, to the last digit."""
    both = counted({name: getattr(one, name) + getattr(other, name) for name in BUCKETS})

    assert cost_usd_e12(both, FULL) == cost_usd_e12(one, FULL) + cost_usd_e12(other, FULL)


@given(_USAGES, st.sampled_from(BUCKETS), st.integers(1, 1000))
def test_more_never_costs_less(usage: Usage, bucket: str, more: int) -> None:
    dearer = counted({name: getattr(usage, name) + (more if name == bucket else 0) for name in BUCKETS})

    assert cost_usd_e12(usage, FULL) < cost_usd_e12(dearer, FULL)
    assert cost_usd_e6(usage, FULL) <= cost_usd_e6(dearer, FULL)


@given(_USAGES)
def test_the_rounding_is_never_off_by_more_than_a_half(usage: Usage) -> None:
    assert abs(cost_usd_e6(usage, FULL) * 1_000_000 - cost_usd_e12(usage, FULL)) <= 500_000
