"""``poise models``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from poise.edge.cli import app
from poise.edge.cli_models import Wanted, chosen, models, rows_of_catalogue
from tests.config.sample import MINIMAL, written

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder without a poise.yaml."""
    monkeypatch.chdir(tmp_path)


def _listed(capsys: Output, wanted: Wanted, file: Path | None = None) -> list[dict[str, Any]]:
    models(file, wanted, json_=True)
    found: list[dict[str, Any]] = msgspec.json.decode(capsys.readouterr().out)
    return found


def test_all_of_the_catalogue_is_listed_as_a_table(capsys: Output) -> None:
    """A line for each; what is not known is a question mark; the count is talk."""
    assert 0 == models(None, Wanted(), json_=False)
    out, err = capsys.readouterr()

    assert len(rows_of_catalogue()) + 1 == len(out.splitlines())
    assert "gpt-4o  " in out
    assert "2027-01-14" in next(line for line in out.splitlines() if line.startswith("gpt-4o "))
    assert "?" in next(line for line in out.splitlines() if line.startswith("llama-4-maverick"))
    assert f"{len(rows_of_catalogue())} of" in err


def test_names_are_patterns_and_aliases_count(capsys: Output) -> None:
    assert {"gpt-4o", "gpt-4o-mini"} == {row["name"] for row in _listed(capsys, Wanted(("gpt-4o*",)))}
    assert ["claude-haiku-4-5"] == [row["name"] for row in _listed(capsys, Wanted(("claude-haiku-4-5-20251001",)))]


def test_filters_keep_what_is_known_to_fit(capsys: Output) -> None:
    """What is unknown does not fit, and is counted."""
    for field, wanted in (
        ("tools", Wanted(tools=True)),
        ("vision", Wanted(vision=True)),
        ("json_schema", Wanted(json_schema=True)),
        ("reasoning", Wanted(reasoning=True)),
        ("embeddings", Wanted(embeddings=True)),
    ):
        found = _listed(capsys, wanted)
        assert found, field
        assert all(row["can"][field] is True for row in found), field
    names = {row["name"] for row in _listed(capsys, Wanted(tools=True))}

    assert "gpt-5.2" in names
    assert "text-embedding-3-small" not in names
    assert "llama-4-maverick" not in names
    assert 1 <= chosen(rows_of_catalogue(), Wanted(tools=True))[1]


def test_the_highest_price_bounds_both_ways(capsys: Output) -> None:
    """A model whose price is not known is not known to be cheap."""
    found = _listed(capsys, Wanted(max_usd=0.5))

    assert {"gpt-4.1-nano", "grok-4.1"} <= {row["name"] for row in found}
    assert "gpt-4o-mini" not in {row["name"] for row in found}
    assert all(max(row["price"]["input_usd_per_mtok"], row["price"]["output_usd_per_mtok"]) <= 0.5 for row in found)
    assert "mistral-small" not in {row["name"] for row in found}


def test_a_vendor_s_list_has_what_it_offers_of_others(capsys: Output) -> None:
    """With the terms that hold there."""
    found = {row["name"]: row for row in _listed(capsys, Wanted(vendor="groq"))}

    assert {"gpt-oss-120b", "llama-3.3-70b", "qwen3-32b"} <= set(found)
    assert 0.15 == found["gpt-oss-120b"]["price"]["input_usd_per_mtok"]
    assert None is found["llama-3.3-70b"]["price"]["input_usd_per_mtok"]
    assert {"xai"} == {row["vendor"] for row in _listed(capsys, Wanted(vendor="xai"))}


def test_each_fact_s_source_is_told(capsys: Output) -> None:
    (row,) = _listed(capsys, Wanted(("gpt-5-nano",)))

    assert "https://developers.openai.com/api/docs/models" == row["known_from"]["price"]["url"]
    assert {"url", "as_of", "read"} == set(row["known_from"][""])


def test_a_configuration_s_targets_are_listed_too(tmp_path: Path, capsys: Output) -> None:
    """With what the file says, and for a model that nobody knows with nothing; ./poise.yaml without being asked."""
    text = MINIMAL + "  o: {vendor: openai, key: env:K, models: [{name: gpt-4o, price: {input: 1}}]}\n"
    written(tmp_path, text)
    found = {row["name"]: row for row in _listed(capsys, Wanted())}

    assert (1, 10) == tuple(found["gpt-4o@o"]["price"][f"{way}_usd_per_mtok"] for way in ("input", "output"))
    assert ("o", "gpt-4o") == (found["gpt-4o@o"]["provider"], found["gpt-4o@o"]["id"])
    assert {None} == set(found["m@a"]["can"].values())
    assert "known_from" not in found["m@a"]
    assert ["m@a"] == [row["name"] for row in _listed(capsys, Wanted(vendor="a"))]


def test_a_bad_configuration_is_told_and_fails(tmp_path: Path, capsys: Output) -> None:
    """The catalogue is listed all the same."""
    path = written(tmp_path, MINIMAL + "grace: 30\n")

    assert 1 == models(path, Wanted(), json_=False)
    out, err = capsys.readouterr()
    assert "grace" in err
    assert "gpt-4o" in out


def test_nothing_left_to_list_is_1(capsys: Output) -> None:
    assert 1 == models(None, Wanted(("no-such-model",)), json_=False)
    assert not capsys.readouterr().out


def test_the_command_takes_its_filters() -> None:
    """As a user types it."""
    args = ["models", "grok*", "--vendor", "xai", "--tools", "--vision", "--max-price", "3", "--json"]
    done = CliRunner().invoke(app, args)

    assert 0 == done.exit_code
    assert ["grok-4.1", "grok-4-fast", "grok-4.3"] == [row["name"] for row in msgspec.json.decode(done.stdout)]
