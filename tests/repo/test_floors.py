"""Each contract of the floors is broken by an arrow that points the wrong way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checks.tree import ROOT

WRONG = {
    "a sibling knows a sibling": ("path/wrong.py", "import poise.store", "arrows point down"),
    "a rule knows the path": ("rules/wrong.py", "import poise.path", "arrows point down"),
    "rules know wire": ("rules/wrong.py", "import poise.wire", "arrows point down"),
    "a noun knows a rule": ("request.py", "import poise.rules", "arrows point down"),
    "a floor nobody drew": ("attic/__init__.py", "", "arrows point down"),
    "a rule that reads time": ("rules/wrong.py", "import time", "rules and wire are pure"),
    "a rule that asks the clock": ("rules/wrong.py", "import poise.clock", "rules and wire are pure"),
    "a dialect that waits": ("wire/wrong.py", "import asyncio", "rules and wire are pure"),
    "a dialect that logs": ("wire/wrong.py", "import logging", "rules and wire are pure"),
    "a noun that opens sockets": ("target.py", "import socket", "nouns do nothing"),
    "a stage that reads time": ("path/wrong.py", "import time", "only the clock reads time"),
    "a loop that throws dice": ("control/wrong.py", "from random import random", "only the clock reads time"),
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """The house as it is, empty but for its rooms, with the contracts of this repository."""
    nouns = ("decision", "errors", "policy", "posture", "request", "signal", "target")
    rooms = ("rules", "wire", "path", "host", "control", "store", "edge", "sim", "sim/bench")
    for room in ("", *rooms):
        (tmp_path / "poise" / room).mkdir(exist_ok=True)
        (tmp_path / "poise" / room / "__init__.py").touch()
    for noun in nouns:
        (tmp_path / f"poise/{noun}.py").touch()
    (tmp_path / "poise/clock.py").write_text("import asyncio, random, time\n", encoding="utf-8")
    (tmp_path / "poise/sim/bench/stopwatch.py").write_text("import time\n", encoding="utf-8")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house), "COLUMNS": "200"},
        check=False,
        capture_output=True,
        text=True,
    )


def test_house_as_it_is_drawn_stands(house: Path) -> None:
    """The contracts hold where nothing is wrong, so what they find below is the wrong arrow."""
    assert 0 == lint(house).returncode


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arrow_is_found(house: Path, case: str) -> None:
    """And by the contract that forbids it."""
    name, text, contract = WRONG[case]
    (house / "poise" / name).parent.mkdir(exist_ok=True)
    (house / "poise" / name).write_text(text + "\n", encoding="utf-8")

    done = lint(house)

    assert 1 == done.returncode
    broken = [line for line in done.stdout.splitlines() if " BROKEN" in line]
    assert any(line.startswith(contract) for line in broken), done.stdout
