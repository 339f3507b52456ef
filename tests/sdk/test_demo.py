"""``poise demo`` tells its whole story, leaves nothing running, and notices when something did not happen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from poise.clock import SystemClock
from poise.edge import demo
from poise.sim.visitors import Visit, Visitors


def processes_with(variable: str) -> list[str]:
    """The command lines of running processes whose environment holds this; every child inherits it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_text())
        except OSError:
            continue  # it ended just now, or is somebody else's
    return found


def visitors_who_saw(visits: list[Visit]) -> Visitors:
    client = openai.AsyncOpenAI(base_url="http://127.0.0.1:9/v1", api_key="k")
    visitors = Visitors(client, SystemClock(), model="support-chat")
    visitors.visits = visits
    return visitors


def visit(phase: str, region: str, attempts: int = 1, *, streamed: bool = False, error: str = "") -> Visit:
    return Visit(phase, 0, "d-0", f"sim-chat@{region}", attempts, streamed, 3, error)


GOOD = [
    visit(demo.BEFORE, "us"),
    visit(demo.DURING, "eu", 2),
    visit(demo.DURING, "eu", streamed=True),
    *[visit(demo.AFTER, "us")] * demo.ENOUGH,
]


def test_the_whole_story_misses_nothing() -> None:
    """The least that must have happened is enough."""
    assert [] == demo.missing(visitors_who_saw(GOOD))


@pytest.mark.parametrize(
    ("visits", "fact"),
    [
        (GOOD[1:], "region us alone served before"),
        ([visit(demo.BEFORE, "us", 2), *GOOD], "no call was moved before"),
        ([GOOD[0], *GOOD[2:]], "calls were moved from us to eu"),
        (GOOD[:-1], "region us served at least"),
        ([one for one in GOOD if not one.streamed], "some answers were streamed"),
        ([*GOOD, visit(demo.AFTER, "us", error="boom")], "clients saw no error"),
    ],
)
def test_what_did_not_happen_is_named(visits: list[Visit], fact: str) -> None:
    """Each promise of the story, left out once."""
    assert fact in " ".join(demo.missing(visitors_who_saw(visits)))


def test_the_demo_runs_from_end_to_end_and_leaves_nothing_running(tmp_path: Path) -> None:
    """Real processes, shortened phases: exit code 0, lines of at most 80 columns, three explained decisions."""
    code = "import sys; from poise.edge import demo; demo.STEADY_S, demo.OUTAGE_S = 1.0, 1.0; sys.exit(demo.main())"
    env = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=100, check=False
    )
    left = processes_with(f"TMPDIR={tmp_path}")

    assert (0, "") == (done.returncode, done.stderr)
    assert 3 == done.stdout.count("$ poise explain d-")
    assert "SIMULATED" in done.stdout
    assert "identical" in done.stdout
    assert [] == [line for line in done.stdout.splitlines() if len(line) > 80 and str(tmp_path) not in line]
    assert [] == left


def test_without_the_sdk_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, nothing on stdout, the extra by its name."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    code = demo.main()
    said = capsys.readouterr()

    assert (2, "") == (code, said.out)
    assert 'hint: pip install "poise[demo]"' in said.err
