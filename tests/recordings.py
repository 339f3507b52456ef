"""Recorded provider exchanges, where they are at hand: POISE_RECORDINGS, or ../shared/recordings beside the checkout."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(os.environ.get("POISE_RECORDINGS", Path(__file__).parents[2] / "shared" / "recordings"))


def exchanges(endpoint: str) -> list[dict[str, Any]]:
    """All exchanges of one file, ``openai.chat``; skips the test, saying so, where there are none."""
    path = FOLDER / f"{endpoint}.jsonl"
    if not path.is_file():
        pytest.skip(f"no recordings at {FOLDER}: set POISE_RECORDINGS")
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def streams(endpoint: str) -> Iterator[tuple[str, bytes]]:
    """Id and bytes of each recorded SSE answer that succeeded."""
    for row in exchanges(endpoint):
        body = row["response"]["body"]
        if row["stream"] and row["response"]["status"] == 200 and isinstance(body, str):
            yield row["id"], body.encode()
