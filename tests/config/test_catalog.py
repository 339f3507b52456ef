"""The catalogue: whole, sourced, and applied where it holds."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from poise.edge.catalog import Entry, catalog, find, read
from poise.edge.config import load, resolve
from poise.edge.config.resolve import Resolved
from poise.edge.vendors import VENDORS
from poise.target import Patience, Price
from tests.config.sample import MINIMAL, written

ENTRIES = list(read().entries)
NAMES = [entry.model.name for entry in ENTRIES]

# Every model and family that Poise names where it says what it knows.
PROMISED = """
    gpt-5.2 gpt-5.1 gpt-5.1-codex gpt-5 gpt-5-mini gpt-5-nano gpt-4.1 gpt-4.1-mini gpt-4.1-nano gpt-4o gpt-4o-mini o3
    o4-mini text-embedding-3-small text-embedding-3-large gpt-image-1 claude-sonnet-4-5 claude-opus-4-5 claude-opus-4-1
    claude-haiku-4-5 claude-sonnet-4 gemini-3.0-pro gemini-2.5-pro gemini-2.5-flash gemini-2.5-flash-lite
    gemini-embedding-001 deepseek-v3.2 deepseek-reasoner grok-4.1 grok-4 grok-3 grok-3-mini grok-code-fast-1
    llama-4-maverick llama-4-scout llama-3.3-70b qwen3-max qwen3-235b qwen3-32b qwen-plus mistral-large mistral-medium
    mistral-small magistral-medium codestral mistral-embed gpt-oss-120b gpt-oss-20b kimi-k2 glm-4.6 command-a sonar
    sonar-pro
""".split()  # noqa: SIM905  # a list of names reads as one


def _facts(entry: Entry) -> set[str]:
    """Paths of what a row says: ``price.input``, and ``price`` for all of a price."""
    found = {"ends"} if entry.ends else set()
    found |= {f"offers.{vendor}" for vendor in entry.offers}
    for name, value in msgspec.structs.asdict(entry.model).items():
        if value is not None and name not in {"name", "id", "concurrency"}:
            found.add(name)
            if isinstance(value, msgspec.Struct):
                found |= {f"{name}.{part}" for part, v in msgspec.structs.asdict(value).items() if v is not None}
    return found


def test_everything_promised_is_there_once() -> None:
    """At least 45 models; no name, alias or vendor's id means two of them."""
    names = [name for entry in ENTRIES for name in (entry.model.name, *entry.aliases)]
    ids = [(vendor, offer.id) for entry in ENTRIES for vendor, offer in entry.offers.items()]

    assert [] == [name for name in PROMISED if name not in catalog()]
    assert 45 <= len(ENTRIES)
    assert len(names) == len(set(names))
    assert len(ids) == len(set(ids))
    assert {"openai", "anthropic", "gemini", "xai", "qwen", "mistral"} <= {entry.vendor for entry in ENTRIES}


def test_embedding_and_image_models_are_told_from_those_that_chat() -> None:
    embedding = {e.model.name for e in ENTRIES if e.model.embeddings}

    assert {
        "text-embedding-3-small",
        "text-embedding-3-large",
        "gemini-embedding-001",
        "mistral-embed",
        "pplx-embed-v1-0.6b",
    } == embedding
    assert {"gpt-image-1", "gpt-image-1-mini"} == {e.model.name for e in ENTRIES if e.model.image_output}
    assert all(e.model.embeddings is not None for e in ENTRIES)


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_every_fact_has_a_source_with_a_day(entry: Entry) -> None:
    """The row's, or one of its own; each names a fact that the row has, and no source is named that is not declared."""
    sources = read().sources
    facts = _facts(entry)

    assert entry.source in sources
    assert set(entry.sources.values()) <= set(sources)
    assert set(entry.sources) <= facts
    if entry.ends:
        dt.date.fromisoformat(entry.ends)


def test_sources_name_days_that_have_been() -> None:
    """None lies after the day on which the catalogue was looked through, and each is used."""
    catalogue = read()
    today = dt.date.fromisoformat(catalogue.as_of)
    used = {entry.source for entry in ENTRIES} | {name for entry in ENTRIES for name in entry.sources.values()}

    assert all(dt.date.fromisoformat(source.as_of) <= today for source in catalogue.sources.values())
    assert set(catalogue.sources) == used


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_a_row_makes_sense(entry: Entry) -> None:
    """What is read from a cache is not dearer than what is read anew; answers fit into the context."""
    model, price = entry.model, entry.model.price
    if model.context_tokens and model.output_tokens:
        assert model.output_tokens <= model.context_tokens
    if price is not None:
        assert price.cached_input is None or price.input is None or price.cached_input <= price.input
        assert price.cache_write is None or price.input is None or price.cache_write >= price.input
        assert price.cache_write_long is None or (price.cache_write or 0) <= price.cache_write_long
    if model.patience is not None:
        assert model.reasoning
    assert set(entry.offers) <= set(VENDORS)
    assert entry.vendor not in entry.offers


def _resolved(tmp_path: Path, providers: str) -> Resolved:
    return resolve(load(written(tmp_path, MINIMAL + providers), {}))


def test_a_snapshot_s_name_is_known_and_stays(tmp_path: Path) -> None:
    """An alias brings what is known of its model; the vendor is asked for what was written."""
    target = _resolved(tmp_path, "  o: {vendor: openai, key: env:K, models: [gpt-4o-2024-08-06]}\n").targets

    assert 128_000 == target["gpt-4o-2024-08-06@o"].can.context_tokens
    assert "gpt-4o-2024-08-06" == target["gpt-4o-2024-08-06@o"].upstream_model


def test_a_vendor_s_own_id_is_known_there(tmp_path: Path) -> None:
    """Who writes what OpenRouter calls it gets the same as who writes our name; what a host charges is known of it alone."""
    text = "  r: {vendor: openrouter, key: env:K, models: [openai/gpt-4o]}\n"
    text += "  g: {vendor: groq, key: env:K, models: [openai/gpt-oss-120b, gpt-oss-20b]}\n"
    targets = _resolved(tmp_path, text).targets

    assert "openai/gpt-4o" == targets["openai/gpt-4o@r"].upstream_model
    assert (True, None) == (targets["openai/gpt-4o@r"].can.vision, targets["openai/gpt-4o@r"].can.context_tokens)
    assert Price(0.15, 0.6, 0.075) == targets["openai/gpt-oss-120b@g"].price
    assert ("openai/gpt-oss-20b", 131_072) == (
        targets["gpt-oss-20b@g"].upstream_model,
        targets["gpt-oss-20b@g"].can.context_tokens,
    )


def test_seldom_facts_reach_the_target_and_can_be_overruled(tmp_path: Path) -> None:
    """Cache writes, longest prompt, patience, thought; what the file says of a model wins, fact by fact."""
    text = "  q: {vendor: qwen, key: env:K, models: [qwen3-max, {name: qwen-plus, price: {input: 9, output: 9}}]}\n"
    text += (
        "  x: {vendor: xai, key: env:K, models: [{name: grok-4.3, patience: {stall: 5s}, reasoning: false}, grok-4]}\n"
    )
    targets = _resolved(tmp_path, text).targets

    assert (1.5, 32_000) == (
        targets["qwen3-max@q"].price.cache_write_usd_per_mtok,
        targets["qwen3-max@q"].price.to_tokens,
    )
    assert (9, 9, UNSET) == (
        targets["qwen-plus@q"].price.input_usd_per_mtok,
        targets["qwen-plus@q"].price.output_usd_per_mtok,
        targets["qwen-plus@q"].price.to_tokens,
    )
    assert (Patience(stall_us=5_000_000), False) == (
        targets["grok-4.3@x"].patience,
        targets["grok-4.3@x"].can.reasoning,
    )
    assert (Patience(120_000_000), True) == (targets["grok-4@x"].patience, targets["grok-4@x"].can.reasoning)


def test_claude_s_cache_costs_a_quarter_more_to_write_and_twice_for_an_hour(tmp_path: Path) -> None:
    """Each Claude, by the vendor's own rule; it reaches the target that is charged by it."""
    claudes = [e.model.price for e in ENTRIES if e.vendor == "anthropic" and e.model.price]
    target = _resolved(tmp_path, "  c: {vendor: anthropic, key: env:K, models: [claude-sonnet-4-5]}\n").targets

    assert [(1.25, 2.0)] * 8 == [
        ((p.cache_write or 0) / (p.input or 1), (p.cache_write_long or 0) / (p.input or 1)) for p in claudes
    ]
    assert 6.0 == target["claude-sonnet-4-5@c"].price.cache_write_long_usd_per_mtok


def test_a_model_that_is_not_known_works_and_says_nothing(tmp_path: Path) -> None:
    """Every fact of it is unknown, and none of the late ones stands in its record."""
    target = _resolved(tmp_path, "").targets["m@a"]

    assert None is find("m", "openai-compatible")
    assert Price() == target.price
    assert (UNSET, UNSET) == (target.patience, target.can.reasoning)
    assert b"patience" not in msgspec.json.encode(target)
