"""The file of the contract, as written and without what this version does not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.edge.config import Problems, compile_snapshot, load, resolve
from poise.edge.config.not_yet import NOT_YET, row_for
from poise.edge.snapshot import decode, encode
from poise.edge.vendors import VENDORS, spoken
from poise.policy import Objective, Recover, Timers, Weights
from tests.config.sample import CONTRACT, GOOD, MINIMAL, examined, problems_of, written

ENVIRON = {"OPENAI_API_KEY": "sk-us", "OPENAI_EU_KEY": "sk-eu", "WEB_APP_KEY": "sk-web"}


def test_contract_is_refused_only_for_what_is_not_built_yet() -> None:
    """Everything the contract's file says parses and validates; two things in it are answered with "not yet"."""
    with pytest.raises(Problems) as caught:
        load(CONTRACT, {})

    told = [(p.line, p.path) for p in caught.value.problems]
    assert [
        (19, "models.digits"),
        (39, "workflows.support-chat.postures.resilience"),
    ] == told
    assert all("not yet in this version" in p.text for p in caught.value.problems)


def test_contract_fits_together_beside_that() -> None:
    """Resolving the contract's file finds nothing more, and every name of it has a policy."""
    findings, resolved = examined(CONTRACT)

    assert 2 == len(findings.problems)
    assert resolved is not None
    assert resolved.policies["gpt-4o"] is resolved.policies["support-chat"]
    ids = [c.target.id for c in resolved.policies["support-chat"].candidates]
    expected = ["claude-sonnet-4-5@anthropic", "gpt-5.2@openai-eu", "gpt-5.2@openai-us", "llama-4-maverick@gpu-box"]
    assert expected == ids


def test_contract_without_the_unbuilt_parts_becomes_a_snapshot(tmp_path: Path) -> None:
    """The contract's file, less what is not yet built, compiles into what workers serve by."""
    path = written(tmp_path, GOOD)
    written(tmp_path, "sk-deep\n", "secrets/deepseek")
    snapshot = compile_snapshot(resolve(load(path, {})), ENVIRON, 7, b"salt")
    policy = snapshot.policies["support-chat"]

    assert (7, "127.0.0.1:8700", "127.0.0.1:8701") == (snapshot.epoch, snapshot.listener.address, snapshot.admin)
    assert str(tmp_path / ".poise") == snapshot.data
    assert "sk-deep" == snapshot.endpoints["deepseek"].key
    assert Objective(800_000, 30_000_000, 999_000) == policy.objective
    assert Weights(health=3, latency=2, load=1, cost=1) == policy.choose.weights
    assert Timers(stall_us=30_000_000) == policy.timers
    assert Recover() == policy.recover
    assert ("team-support", ("us", "eu"), "interactive") == (policy.owner, policy.regions, policy.priority)
    assert snapshot == decode(encode(snapshot))


def test_a_candidate_outside_of_the_regions_stays_listed(tmp_path: Path) -> None:
    """The decision drops it with a reason; the policy keeps it, and poise check warns."""
    findings, resolved = examined(written(tmp_path, GOOD))
    assert resolved is not None

    assert () == findings.problems
    assert "deepseek-chat@deepseek" in [c.target.id for c in resolved.policies["support-chat"].candidates]
    assert ["deepseek-chat@deepseek"] == [w.value for w in findings.warnings if "never used here" in w.text]


_WORKFLOW = "workflows:\n  w:\n    candidates: [m]\n"
_UNBUILT = [
    ("data: postgresql://db/poise\n", "data"),
    ("observe: {otlp: http://127.0.0.1:4318}\n", "observe"),
    ("models: {digits: {run: 'python:a:B'}}\n", "models.digits"),
    (_WORKFLOW + "    postures: {calm: {when: 'workflow.error_share > 0.05'}}\n", "workflows.w.postures.calm"),
    (_WORKFLOW + "    cache: {answers: 5m}\n", "workflows.w.cache"),
    (_WORKFLOW + "    review: {by: legal}\n", "workflows.w.review"),
    ("profiles: {p: {postures: {calm: {}}}}\n", "profiles.p.postures.calm"),
]


@pytest.mark.parametrize(("text", "path"), _UNBUILT, ids=[f"{path}:{i}" for i, (_, path) in enumerate(_UNBUILT)])
def test_what_is_not_built_is_refused_by_name(tmp_path: Path, text: str, path: str) -> None:
    """Each valid setting of a later version is one problem that says "not yet", and nothing else."""
    problems = problems_of(tmp_path, MINIMAL + text)

    assert [path] == [p.path for p in problems]
    assert "not yet in this version" in problems[0].text


@pytest.mark.parametrize("vendor", [name for name in VENDORS if not spoken(name)])
def test_vendors_of_other_dialects_are_not_yet(tmp_path: Path, vendor: str) -> None:
    """Every vendor in the table that cannot be served has its row."""
    text = MINIMAL + f"  b: {{vendor: {vendor}, url: 'http://127.0.0.1:1/v1', models: [n]}}\n"

    assert ["providers.b.vendor"] == [p.path for p in problems_of(tmp_path, text)]


PLACES = {"vertex": "europe-west4", "bedrock": "eu-central-1"}  # good names of projects, too


@pytest.mark.parametrize("vendor", [name for name in VENDORS if spoken(name)])
def test_vendors_of_spoken_dialects_are_served(tmp_path: Path, vendor: str) -> None:
    """Each needs no more than its name, and a key where it asks for one and an address where it has none; a cloud's place."""
    known = VENDORS[vendor]
    extra = (f", key: env:{known.variable}" if known.variable else "") + ("" if known.url else ", url: 'http://h:1/v1'")
    extra += "".join(f", {name}: {PLACES[vendor]}" for name in known.needs)

    assert () == problems_of(tmp_path, MINIMAL + f"  b: {{vendor: {vendor}, models: [n]{extra}}}\n")


def test_every_row_of_the_table_can_be_hit() -> None:
    """No row stands under a path that no setting has."""
    for row in NOT_YET:
        path = tuple(row.path.replace("{profiles,workflows}", "workflows").replace("*", "x").split("."))
        assert row == row_for(path, row.values.replace("*", "x"))
