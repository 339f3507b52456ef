"""``poise check`` tells of models that their own vendor stops to serve, by the day it is asked on."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from poise.edge import catalog
from poise.edge.cli_config import check
from tests.config.sample import MINIMAL, written

MODEL = "claude-sonnet-4-5"
ENDS = dt.date.fromisoformat(catalog.catalog()[MODEL].ends)
AT_HOME = f"  c: {{vendor: anthropic, key: env:K, models: [{MODEL}, claude-opus-5]}}\n"
ELSEWHERE = f"  r: {{vendor: openrouter, key: env:K, models: [{MODEL}]}}\n"


def warned(folder: Path, capsys: pytest.CaptureFixture[str], providers: str, today: dt.date) -> list[str]:
    """What is said of models that end, and that the file is good all the same."""
    assert 0 == check(written(folder, MINIMAL + providers), False, True, today)
    told = msgspec.json.decode(capsys.readouterr().out)["warnings"]
    return [f"{row['line']}: {row['value']}: {row['text']}" for row in told if "end" in row["text"]]


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (-91, None),
        (-90, f"ends on {ENDS}: anthropic stops to serve it in 90 days"),
        (0, f"ends on {ENDS}: anthropic stops to serve it in 0 days"),
        (1, f"has ended on {ENDS}: anthropic serves it no more"),
    ],
)
def test_a_model_that_ends_is_told_where_it_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], days: int, text: str | None
) -> None:
    """From 90 days before, and after it is gone; its neighbour that goes on is not."""
    said = warned(tmp_path, capsys, AT_HOME, ENDS + dt.timedelta(days))

    assert ([] if text is None else [f"6: {MODEL}: {text}"]) == said


def test_who_serves_it_besides_its_vendor_is_not_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The catalogue knows of its own vendor alone."""
    assert [] == warned(tmp_path, capsys, ELSEWHERE, ENDS + dt.timedelta(1))


def test_a_snapshot_s_name_ends_with_its_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Aliases are looked up like names."""
    providers = AT_HOME.replace(MODEL, "claude-sonnet-4-5-20250929")

    assert 1 == len(warned(tmp_path, capsys, providers, ENDS))


def test_every_day_in_the_catalogue_is_told_on_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each row that ends is warned of on its last day."""
    rows = [entry for entry in catalog.read().entries if entry.ends]
    for entry in rows:
        home = f"  h: {{vendor: {entry.vendor}, key: env:K, models: [{entry.model.name}]}}\n"
        said = warned(tmp_path, capsys, home, dt.date.fromisoformat(entry.ends))

        assert [True] == [entry.ends in line for line in said], entry.model.name
