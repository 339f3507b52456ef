"""Decisions recorded by earlier versions: they must decode, encode to the same bytes, and replay, for ever.

Never rewrite a golden file. A change of a record's shape or of the rules adds files beside these, with the old reader.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from poise import policy as policies
from poise.decision import decode_decision, encode_decision
from poise.rules.choose import REPLAYED, RULES_DIGEST, choose
from poise.rules.prepare import prepare

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.decision"))


def test_there_are_golden_decisions() -> None:
    """An empty folder would let everything below pass."""
    assert 3 <= len(GOLDEN)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_decision_replays(path: Path) -> None:
    """It decodes, its policy still has the digest it names, and choosing again gives the same bytes."""
    raw = path.read_bytes()
    decision = decode_decision(raw)
    policy = policies.decode(path.with_suffix(".policy").read_bytes())

    assert decision.inputs.policy == policy.digest
    assert raw == encode_decision(decision)
    if decision.inputs.rules in REPLAYED:
        again = choose(decision.inputs, prepare(policy))
        assert raw == encode_decision(msgspec.structs.replace(decision, verdict=again))


def test_the_present_rules_have_golden_decisions() -> None:
    """When the rules' version is raised, new golden decisions are due."""
    assert any(decode_decision(path.read_bytes()).inputs.rules == RULES_DIGEST for path in GOLDEN)
