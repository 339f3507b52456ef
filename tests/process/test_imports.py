"""What is run is what is installed, wherever it is started."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from poise.edge.supervisor import Setup
from poise.sim.bench.peers import POISE, Site


@pytest.mark.parametrize("command", [Setup().worker, Setup().control], ids=["worker", "control"])
def test_a_child_imports_nothing_from_where_it_was_started(tmp_path: Path, command: tuple[str, ...]) -> None:
    """A folder called poise in the working directory would be taken for Poise."""
    _decoy(tmp_path)
    argv = [*command[: command.index("-m")], "-c", "import poise; print(poise.__file__)"]
    told = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    without = [word for word in argv if word != "-P"]

    assert not told.startswith(str(tmp_path))
    assert 7 == subprocess.run(without, cwd=tmp_path, capture_output=True, check=False).returncode


def test_the_benchmark_runs_the_build_that_it_names(tmp_path: Path) -> None:
    """The compiled build comes by PYTHONPATH, which stands behind the working directory."""
    argv = POISE.command(tmp_path, Site(work=tmp_path, port=1, upstreams=(1, 2, 3))).argv

    assert "-P" == argv[1]


def _decoy(folder: Path) -> None:
    (folder / "poise").mkdir()
    (folder / "poise" / "__init__.py").write_text("raise SystemExit(7)\n")
