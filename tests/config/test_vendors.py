"""The table of vendors: every row can be acted on."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from poise.edge.config.not_yet import row_for
from poise.edge.vendors import VENDORS, Cancel, Vendor, spoken
from poise.wire.dialects import BACKS, DIALECTS

# The vendors that Poise says it speaks to.
PROMISED = """
    openai azure anthropic gemini vertex bedrock meta deepseek xai qwen mistral groq together fireworks openrouter
    perplexity cohere cerebras huggingface ollama vllm sglang llamacpp lmstudio
""".split()  # noqa: SIM905  # a list of names reads as one

ROWS = list(VENDORS.items())
IDS = list(VENDORS)


def test_everybody_promised_is_there() -> None:
    assert [] == [name for name in PROMISED if name not in VENDORS]


@pytest.mark.parametrize(("name", "row"), ROWS, ids=IDS)
def test_a_row_says_where_and_who(name: str, row: Vendor) -> None:
    """An address that is one or none, a way to show a key, and a wire format first that is the row's own."""
    assert not row.url or urlsplit(row.url).hostname
    assert row.auth and all(a.kind in {"bearer", "header", "query", "google", "aws", "azure", "none"} for a in row.auth)
    assert all(bool(a.name) == (a.kind in {"header", "query"}) for a in row.auth)
    assert row.speaks
    if row_for(("providers", name, "vendor"), name) is None:
        assert spoken(name) in BACKS.keys() | DIALECTS.keys(), "what is served speaks one of ours"
        assert row.auth[0].kind in {"bearer", "none", "header", "google", "aws"}


@pytest.mark.parametrize(("name", "row"), ROWS, ids=IDS)
def test_paths_are_paths(name: str, row: Vendor) -> None:
    """From the root, without an end of their own, with known blanks; no wire format at the same place twice."""
    for surface in row.speaks:
        path = surface.path or ""
        assert not path or (path.startswith("/") and not path.endswith("/"))
        assert set(re.findall(r"\{(\w+)\}", path)) <= {"model", "project", "location"}
    assert len(set(row.speaks)) == len(row.speaks)


def test_a_server_of_one_s_own_costs_nothing_and_needs_no_key() -> None:
    for name, row in ROWS:
        assert (row.cancel is Cancel.FREE) == (row.auth[0].kind == "none"), name


def test_what_hanging_up_costs_is_known_or_said_to_be_unknown() -> None:
    """Those the documentation of OpenRouter lists, each on its side."""
    stops = {name for name, row in ROWS if row.cancel is Cancel.STOPS}
    bills = {name for name, row in ROWS if row.cancel is Cancel.BILLS}

    assert {"openai", "azure", "anthropic", "fireworks", "deepinfra", "together", "cohere", "xai", "deepseek"} == stops
    assert {"bedrock", "groq", "gemini", "vertex", "huggingface", "perplexity", "mistral"} == bills
    assert Cancel.UNKNOWN is VENDORS["openrouter"].cancel  # as whoever is behind it


def test_manners_say_how_an_ask_differs() -> None:
    """The limit's name, the role of system text, fields that are answered with 400."""
    assert ("max_completion_tokens", True) == (VENDORS["openai"].manner.limit_field, VENDORS["openai"].manner.developer)
    assert "logit_bias" in VENDORS["groq"].manner.lacks
    assert not VENDORS["deepseek"].manner.schema
    assert all(row.manner.limit_field for row in VENDORS.values() if row.dialect == "openai")


def test_fixed_headers_can_be_sent() -> None:
    for _, row in ROWS:
        assert all(re.fullmatch(r"[a-z0-9-]+", name) and value.isprintable() for name, value in row.headers)
    assert (("anthropic-version", "2023-06-01"),) == VENDORS["anthropic"].headers
