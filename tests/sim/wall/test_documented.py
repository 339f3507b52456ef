"""docs/faults.md names every fault, style, option and setting there is, and its example runs."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from checks.tree import ROOT
from poise.sim.tcpfault.link import Link, Weather
from poise.sim.wall import grammar
from poise.sim.wall.fault import DOS, ENDS, STYLES, USAGES
from poise.sim.wall.grammar import parse
from poise.sim.wall.tls import VARIANTS
from tests.sim.wall.talking import WAIT_S

PAGE = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
SPANS = set(re.findall(r"`([^`\n]+)`", PAGE))
WORDS = {word for span in SPANS for word in re.split(r"[:=,\s]", span)}


def test_every_word_of_a_plan_is_documented() -> None:
    options = set(grammar._OPTIONS) | set(grammar._FLAGS)  # noqa: SLF001 - the list itself
    styles = {style for names in STYLES.values() for style in names if style}

    assert set() == (set(DOS) - {"status"} | set(ENDS) | styles | options | set(filter(None, USAGES))) - WORDS
    assert set() == set(VARIANTS) - WORDS
    assert set() == (set(Link.__struct_fields__) | {"mode"}) - WORDS
    assert {"mode", "up", "down"} == set(Weather.__struct_fields__)


STEPS = [
    span
    for row in re.findall(r"^\| (`.*?) \|", PAGE.partition("| step |")[2].partition("| option |")[0], re.MULTILINE)
    for span in re.findall(r"`([^`]+)`", row)
    if "STYLE" not in span
]
OPTIONS = [
    span.replace("WORDS", "words").replace("usage=WORD", "usage=zero")
    for row in re.findall(r"^\| (`.*?) \|", PAGE.partition("| option |")[2].partition("A **script**")[0], re.MULTILINE)
    for span in re.findall(r"`([^`]+)`", row)
]


@pytest.mark.parametrize("step", STEPS)
def test_every_step_that_is_shown_is_a_plan(step: str) -> None:
    assert 1 == len(parse(step))


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_that_is_shown_is_one(option: str) -> None:
    assert 1 == len(parse(f"ok,{option}"))


def test_example_runs() -> None:
    """It prints what the plans say: two refusals with their wait, and then an answer."""
    code = PAGE.partition("```python\n")[2].partition("```")[0]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True, timeout=WAIT_S
    )
    first, rows, bill = done.stdout.splitlines()

    assert "[(429, '2'), (429, '2'), 200]" == first
    assert "[429, 429, 200]" == rows
    assert int(bill) > 0
