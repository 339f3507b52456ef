"""Clouds' credentials as the admin API and ``poise status`` tell of them: how long they hold, and why there are no new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from poise.edge.admin import board_text, view
from poise.edge.admin.condition import Condition
from poise.signal import Board, CredentialSignals, WorkerSignals
from tests.admin.calls import snapshot
from tests.store.samples import NOW_US

HOUR_US = 3_600_000_000
GOOD = CredentialSignals("vertex-eu", "google", NOW_US + HOUR_US)
WORSE = CredentialSignals("vertex-eu", "google", NOW_US + 60_000_000, "no route to host", 3)
NONE = CredentialSignals("bedrock-eu", "aws", -1, "no AWS credentials were found", 1)
FOR_GOOD = CredentialSignals("bedrock-us", "aws", 0)


def _told(folder: Path, *workers: tuple[CredentialSignals, ...]) -> dict[str, Any]:
    condition = Condition(snapshot(folder), NOW_US)
    views = [WorkerSignals(i, i, NOW_US, 0, (), {}, {}, credentials) for i, credentials in enumerate(workers)]
    condition.take_signals(views, Board())
    return view.status(condition, NOW_US)


def test_each_provider_stands_as_its_worst_worker(tmp_path: Path) -> None:
    """One that has none is worse than one whose last ones end; keys for good are best."""
    first, second, third = _told(tmp_path, (GOOD, FOR_GOOD), (WORSE, NONE))["credentials"]

    assert ("bedrock-eu", False, 0, "no AWS credentials were found") == (
        first["provider"], first["there"], first["holds_for_us"], first["because"]
    )  # fmt: skip
    assert ("bedrock-us", True, None, 0) == (
        second["provider"], second["there"], second["holds_for_us"], second["failures"]
    )  # fmt: skip
    assert ("vertex-eu", 60_000_000, 3) == (third["provider"], third["holds_for_us"], third["failures"])


def test_the_terminal_shows_trouble_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    board_text.show(_told(tmp_path, (WORSE, NONE, FOR_GOOD)))
    text = capsys.readouterr().out

    assert "credentials of bedrock-eu from aws: there are none (1 tries failed: no AWS credentials were found)" in text
    assert "vertex-eu from google: no new ones, the last hold for 60 s (3 tries failed: no route to host)" in text
    assert "bedrock-us" not in text


def test_without_clouds_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert [] == _told(tmp_path, ())["credentials"]
