"""``make check`` runs every step, names those that failed, and fails with any of them; its linters bite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from checks.__main__ import STEPS, main
from checks.tree import ROOT, files
from tests.repo.conftest import Write


def test_steps_after_a_failed_one_still_run(capsys: pytest.CaptureFixture[str]) -> None:
    """One run tells all."""
    failed = main({"first": ["no_such_module"], "second": ["this"]})
    out = capsys.readouterr().out

    assert 1 == failed
    assert "FAIL first" in out
    assert "ok   second" in out
    assert "1 of 2 failed: first" in out


def test_all_checks_are_steps() -> None:
    """A check that nobody runs is worthless."""
    assert {"ruff", "mypy", "checks.floors", "checks.sizes", "checks.habits", "checks.lock", "checks.docs"} == {
        step[0] for step in STEPS.values()
    }


def test_strict_types_bite_everywhere(write: Write) -> None:
    """The one configuration refuses an untyped function, also in a test."""
    path = write("tests/test_untyped.py", "def f(x):\n    return x\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--cache-dir", os.devnull, path],
        cwd=path.parent.parent,
        check=False,
        capture_output=True,
        text=True,
    )

    assert 1 == done.returncode
    assert "no-untyped-def" in done.stdout


def test_no_module_is_exempt_from_types() -> None:
    """Neither by an override nor by a file that asks not to be read."""
    assert "[[tool.mypy.overrides]]" not in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    marks = ("# mypy: " + "ignore-errors", "# type: " + "ignore\n", "# ruff: " + "noqa")
    for path in files(ROOT, ".py"):
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not any(mark in text for mark in marks), path


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("poise/path/a.py", "import os\n", "F401"),
        ("poise/path/a.py", '"""X."""\n\nx = "' + "x" * 130 + '"\n', "E501"),
        ("poise/path/a.py", '"""X."""\n\ntry:\n    pass\nexcept Exception:\n    pass\n', "BLE001"),
        ("poise/path/a.py", '"""X."""\n\nprint(1)\n', "T201"),
        ("tests/a.py", "def test_a(x):\n    assert x\n", "ANN001"),
    ],
)
def test_linter_bites(write: Write, name: str, text: str, rule: str) -> None:
    """The rules that the others rest on are on."""
    path = write(name, text)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--no-cache",
            "--config",
            ROOT / "pyproject.toml",
            "--output-format=concise",
        ],
        cwd=path.parents[len(Path(name).parts) - 1],
        check=False,
        capture_output=True,
        text=True,
    )

    assert 1 == done.returncode
    assert rule in done.stdout
