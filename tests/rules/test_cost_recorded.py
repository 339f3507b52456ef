"""Cost equals the vendor's own figure on every recorded answer that carries one, or the reason is written here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from poise.edge.catalog import find
from poise.edge.config.shape import PriceShape
from poise.edge.config.targets import price_of
from poise.rules.cost import cost_usd_e12
from poise.target import Price
from poise.wire.conversation.answer import Usage
from tests.recordings import FOLDER, exchanges

Json = dict[str, Any]

# What the host alone charges: not the makers' list prices, so not in the catalogue. Each is fixed by the figures of more
# answers than it has prices, or by the separate figures for what was read and what was written.
HOSTS: dict[tuple[str, str], Price] = {
    ("openrouter", "openai/gpt-oss-20b"): Price(0.05, 0.2),
    ("openrouter", "openai/gpt-oss-120b"): Price(0.03, 0.15),
    ("openrouter", "deepseek/deepseek-r1-0528"): Price(0.5, 2.15),
    ("openrouter", "z-ai/glm-5-turbo"): Price(1.2, 4.0, 0.24),
    ("openrouter", "deepseek/deepseek-chat"): Price(0.2574, 1.0287),
    ("openrouter", "meta-llama/llama-3.2-3b-instruct:free"): Price(0.0, 0.0),
    ("avian", "moonshotai/kimi-k2.5"): Price(0.45, 2.2, 0.225),
    ("venice", "qwen3-5-9b"): Price(0.1, 0.15, 0.1),
    ("venice", "mistral-small-3-2-24b-instruct"): Price(0.09375, 0.25),
}

CANNOT: dict[str, str] = {
    "azure.chat-2a3f9f949caf": "Azure passes xAI's field on and writes 0 into it",
    "xai.images.edit-11f2723602a8": "sold by the picture, and its tokens are not told",
    "xai.images.generate-4f2a4b369cc2": "sold by the picture, and its tokens are not told",
    "xai.responses-09f50268633e": "written by hand: the figure is 123456",
}

# OpenRouter's total holds more than tokens there: searches, a parser of files, a tool of its own. Millionths of a USD.
FEES = {
    "openrouter.chat-c04547e5b5ff": 30_000,
    "openrouter.chat-0d1648867f26": 14_370,
    "openrouter.chat-b91a4ef7148c": 7_000,
    "openrouter.chat-9a4712920ba8": 2_000,
}


def _documents(body: object) -> Iterator[Json]:
    if isinstance(body, dict):
        yield body
    for line in body.splitlines() if isinstance(body, str) else ():
        if line.startswith("data:") and '"cost' in line:
            yield json.loads(line[5:])


def _carrier(node: Json) -> Json | None:
    """The object that holds a usage with a figure, or beside a figure: an answer, an event, or the response in an event."""
    usage = node.get("usage")
    if isinstance(usage, dict) and ({"cost", "cost_in_usd_ticks"} & set(usage) or "usd" in (node.get("cost") or {})):
        return node
    inner = node.get("response")
    return _carrier(inner) if isinstance(inner, dict) else None


def _figures() -> list[tuple[str, str, Json, Json]]:
    """Id, provider, request, and what carries the last figure, of each recorded answer that has one."""
    found = []
    for path in sorted(FOLDER.glob("*.jsonl")):
        for row in exchanges(path.stem):
            carriers = [c for c in map(_carrier, _documents(row["response"]["body"])) if c is not None]
            if carriers:
                found.append((row["id"], path.name.partition(".")[0], row["request"].get("body") or {}, carriers[-1]))
    if not found:
        pytest.skip(f"no recordings at {FOLDER}: set POISE_RECORDINGS")
    return found


def _usage(provider: str, usage: Json) -> Usage:
    """An independent reading: cached tokens stand within what was read; thought within what was written, or beside it.

    Beside it at xAI's chat API and at Vercel's gateway, within it everywhere else.
    """
    chat = "prompt_tokens" in usage
    read = usage["prompt_tokens" if chat else "input_tokens"]
    written = usage.get("completion_tokens" if chat else "output_tokens", 0)
    inside = usage.get("prompt_tokens_details" if chat else "input_tokens_details") or {}
    of_written = usage.get("completion_tokens_details" if chat else "output_tokens_details") or {}
    cached, kept = inside.get("cached_tokens", 0), inside.get("cache_write_tokens", 0)
    thought = of_written.get("reasoning_tokens", 0)
    beside = (provider == "xai" and chat) or provider == "vercel-gateway"
    return Usage(
        input=read - cached - kept,
        cached=cached,
        cache_write=kept,
        output=written if beside else written - thought,
        reasoning=thought,
    )


def _price(provider: str, request: Json, answer: Json) -> Price:
    """That of the model asked for; xAI bills what answered: another model, for a name it no longer serves."""
    asked = "" if provider == "xai" else request.get("model")
    name = str(asked or answer["model"])
    host = HOSTS.get((provider, name))
    if host is not None:
        return host
    vendor = {"vercel-gateway": "openrouter"}.get(provider, provider)
    plain = name.removesuffix("-high")
    entry = find(plain, vendor) or find(plain.partition("/")[2], vendor)
    assert entry is not None and entry.model.price is not None, f"{provider} {name}: no price is known"
    return price_of(PriceShape(), entry.model.price)


def _e12(usd: float) -> int:
    return round(usd * 1e12)


def _figure(provider: str, answer: Json) -> int:
    """What the vendor says its tokens cost, in millionths of a millionth of a USD."""
    usage = answer["usage"]
    if "cost_in_usd_ticks" in usage:
        return int(usage["cost_in_usd_ticks"]) * 100
    if provider == "venice":
        return _e12(answer["cost"]["usd"])
    details = usage.get("cost_details") or {}
    parts = [
        v
        for name, v in details.items()
        if name.endswith(("prompt_cost", "completions_cost", "input_cost", "output_cost"))
    ]
    return _e12(sum(parts)) if provider == "openrouter" and parts else _e12(usage["cost"])


def test_cost_equals_every_recorded_figure() -> None:
    """To the last digit that a figure has; only Perplexity rounds its own."""
    wrong = []
    seen: dict[str, int] = {}
    for name, provider, request, answer in _figures():
        if name in CANNOT or provider == "perplexity":
            continue
        ours = cost_usd_e12(_usage(provider, answer["usage"]), _price(provider, request, answer))
        theirs = _figure(provider, answer)
        seen[provider] = seen.get(provider, 0) + 1
        if abs(ours - theirs) > 1:  # a float's last digit
            wrong.append(f"{name}: {ours} ours, {theirs} theirs")

    assert [] == wrong
    assert {"avian": 3, "openrouter": 93, "venice": 7, "vercel-gateway": 19, "xai": 66} == seen


def test_openrouter_s_total_is_its_tokens_and_known_fees() -> None:
    """What a caller brings the key for is not billed at all."""
    for name, provider, _, answer in _figures():
        if provider == "openrouter":
            rest = _e12(answer["usage"]["cost"]) - _figure(provider, answer)
            assert answer["usage"].get("is_byok") or abs(rest - FEES.get(name, 0) * 1_000_000) <= 1_000, name


def test_perplexity_s_figures_are_ours_rounded() -> None:
    """It rounds each part to a hundred thousandth of a USD; the fee for the search is part of the price."""
    seen = 0
    for name, provider, _, answer in _figures():
        if provider != "perplexity":
            continue
        seen += 1
        price = _price(provider, {}, answer)
        theirs = answer["usage"]["cost"]
        ours = cost_usd_e12(_usage(provider, answer["usage"]), price)
        if "request_cost" not in theirs:
            assert ours == _e12(theirs["total_cost"]), name
            continue
        tokens = cost_usd_e12(_usage(provider, answer["usage"]), price) - _e12(theirs["request_cost"])
        assert abs(tokens - _e12(theirs["input_tokens_cost"] + theirs["output_tokens_cost"])) <= 10_000_000, name
        assert abs(ours - _e12(theirs["total_cost"])) <= 10_000_000, name

    assert 7 == seen


def test_what_cannot_be_derived_is_still_there_to_be_looked_at() -> None:
    """A reason for an answer that is no longer recorded is taken out."""
    names = {name for name, *_ in _figures()}

    assert set(CANNOT) <= names
