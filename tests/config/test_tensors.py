"""Servers of the Open Inference Protocol in the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import UNSET

from poise.edge.config.load import load
from poise.edge.config.problem import Problems
from poise.edge.config.resolve import resolve
from tests.config.sample import MINIMAL


def written(folder: Path, provider: str) -> Path:
    """A file with one more provider, ``b``."""
    path = folder / "poise.yaml"
    path.write_text(MINIMAL + f"  b: {{{provider}}}\n")
    return path


def test_a_model_may_name_the_version_to_ask_for(tmp_path: Path) -> None:
    """Where it names none, the target has none: its digest is that of before there were versions."""
    models = "models: [{name: n, id: n-up, version: '3'}, plain]"
    file = written(tmp_path, f"vendor: open-inference, url: 'http://h:8000', {models}")
    targets = resolve(load(file, {})).targets

    assert ("oip", "n-up", "3") == (targets["n@b"].dialect, targets["n@b"].upstream_model, targets["n@b"].version)
    assert UNSET is targets["plain@b"].version


@pytest.mark.parametrize(
    ("provider", "path", "words"),
    [
        ("vendor: open-inference, models: [n]", "providers.b.url", "is missing"),
        ("vendor: open-inference, url: 'http://h/v2', models: [n]", "providers.b.url", "ends with /v2"),
        ("vendor: open-inference, url: 'http://h/x/v2/', models: [n]", "providers.b.url", "ends with /v2"),
        (
            "vendor: vllm, models: [{name: n, version: '3'}]",
            "providers.b.models[0].version",
            "is nothing that vllm knows",
        ),
        (
            "vendor: open-inference, url: 'http://h', models: [{name: n, version: '../x'}]",
            "providers.b.models[0].version",
            "is not a name",
        ),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, provider: str, path: str, words: str) -> None:
    with pytest.raises(Problems) as caught:
        resolve(load(written(tmp_path, provider), {}))

    assert [path] == [problem.path for problem in caught.value.problems]
    assert words in caught.value.problems[0].text
