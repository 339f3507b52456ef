"""Which build of Poise is measured: the compiled one of this checkout where it can be made, else what is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import poise
from poise.edge.version import is_compiled

_ROOT = Path(poise.__file__).parents[1]
_MAKER = Path("checks/native.py")  # in a checkout only
_NOTE = "poise-native"  # in the benchmark's home: the folder of the build that is measured


def make(home: Path) -> None:
    """Compile this checkout where it can be and is not yet. Before the rounds, not within one: it takes a minute."""
    said = ""
    if not is_compiled() and (_ROOT / _MAKER).exists():
        maker = [sys.executable, "-m", "checks.native", "--where"]
        done = subprocess.run(maker, cwd=_ROOT, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own
        said = done.stdout.strip()
    (home / _NOTE).write_text(said)


def built(home: Path) -> str:
    """The folder with the compiled build that ``make`` found or made; '' where there is none."""
    note = home / _NOTE
    return note.read_text() if note.exists() else ""


def version(home: Path) -> str:
    """The version that is measured, and whether it is compiled."""
    return f"{poise.__version__} {'compiled' if built(home) or is_compiled() else 'pure'}"
