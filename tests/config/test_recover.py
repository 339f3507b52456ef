"""What is done about slow and broken answers, as the file says it and as a policy holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.edge.config.problem import Problem
from poise.policy import Hedge, Hold, Policy, Recover
from tests.config import sample
from tests.config.sample import MINIMAL, examined, written

WORKFLOW = MINIMAL + "workflows: {w: {candidates: [m], %s}}\n"


def policy_of(folder: Path, said: str) -> Policy:
    """The policy of a workflow that says so."""
    findings, resolved = examined(written(folder, WORKFLOW % said), None)
    assert () == findings.problems
    assert resolved is not None
    return resolved.policies["w"]


def problems_of(folder: Path, said: str) -> tuple[Problem, ...]:
    """What is wrong with that."""
    return sample.problems_of(folder, WORKFLOW % said)


@pytest.mark.parametrize(
    ("said", "held"),
    [
        ("16 tokens", Hold(tokens=16)),
        ("1 token", Hold(tokens=1)),
        ("2s", Hold(wait_us=2_000_000)),
        ("whole", Hold(whole=True)),
    ],
)
def test_hold(tmp_path: Path, said: str, held: Hold) -> None:
    assert held == policy_of(tmp_path, f"hold: {said}").hold


@pytest.mark.parametrize(
    ("said", "recover"),
    [
        ("{hedge: p95}", Recover(hedge=Hedge(share_e2=95))),
        ("{hedge: 800ms}", Recover(hedge=Hedge(share_e2=0, after_us=800_000))),
        ("{hedge: p99, hedge_tools: true}", Recover(hedge=Hedge(share_e2=99, tools=True))),
        ("{stream: restart}", Recover(stream="restart")),
        ("{stream: [restart, continue, error]}", Recover(stream=("restart", "continue", "error"))),
        ("{stream: [error]}", Recover()),
    ],
)
def test_recover(tmp_path: Path, said: str, recover: Recover) -> None:
    assert recover == policy_of(tmp_path, f"recover: {said}").recover


def test_what_stands_behind_error_is_not_tried() -> None:
    assert ("restart",) == Recover(stream=("restart", "error", "continue")).repairs
    assert () == Recover().repairs


@pytest.mark.parametrize(
    "said",
    [
        "hold: true",
        "hold: 16",
        "hold: -2s",
        "recover: {hedge: p100}",
        "recover: {hedge: 0s}",
        "recover: {stream: again}",
    ],
)
def test_what_is_none_of_these_is_told(tmp_path: Path, said: str) -> None:
    (problem,) = problems_of(tmp_path, said)

    assert problem.hint
    assert problem.line
