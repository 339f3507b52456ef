"""What an attempt is charged: by the kinds of tokens the vendor counted, and never less than is known."""

from __future__ import annotations

import pytest

from poise.decision import Usage
from poise.path.ledger import cost_usd_e6
from poise.policy import Candidate, Policy
from poise.rules.prepare import Option, prepare
from poise.target import Price, Target
from poise.wire.openai.answer import read_usage


def _option(price: Price) -> Option:
    target = Target("m@p", "m", "p", "openai", "us", "m", price=price)
    return prepare(Policy("w", (Candidate(target),))).options[0]


def test_cached_tokens_have_their_own_price() -> None:
    """A thousand read, nine hundred of them from the cache."""
    price = Price(2.0, 8.0, 0.2)

    assert 100 * 2 + 180 + 80 == cost_usd_e6(_option(price), price, Usage(1000, 10, 900))


def test_what_is_written_to_the_cache_for_an_hour_has_its_own_price() -> None:
    """A hundred as text, four hundred for five minutes, five hundred for an hour."""
    price = Price(2.0, 8.0, cache_write_usd_per_mtok=2.5, cache_write_long_usd_per_mtok=4.0)
    usage = Usage(1000, 10, cache_write=400, cache_write_long=500)

    assert 100 * 2 + 400 * 2.5 + 500 * 4 + 80 == cost_usd_e6(_option(price), price, usage)


@pytest.mark.parametrize(
    "usage",
    [
        Usage(1000, 10, 900),
        Usage(1000, 10, cache_write=900),
        Usage(1000, 10, cache_write_long=900),
        Usage(1000, 10, audio_input=5),
    ],
)
def test_a_kind_without_a_price_is_charged_as_text(usage: Usage) -> None:
    """Nothing would be an invitation to overrun a budget."""
    price = Price(2.0, 8.0)

    assert 2080 == cost_usd_e6(_option(price), price, usage)


def test_no_price_at_all_costs_nothing_that_is_known() -> None:
    assert 0 == cost_usd_e6(_option(Price()), Price(), Usage(1000, 10))


def test_thought_that_is_counted_beside_the_answer_is_charged() -> None:
    """At xAI the total is the prompt, the answer and the thought."""
    usage = read_usage(
        b'{"prompt_tokens":10,"completion_tokens":5,"total_tokens":115,"completion_tokens_details":{"reasoning_tokens":100}}'
    )
    within = read_usage(
        b'{"prompt_tokens":10,"completion_tokens":105,"total_tokens":115,"completion_tokens_details":{"reasoning_tokens":100}}'
    )

    assert usage == within == Usage(10, 105)
