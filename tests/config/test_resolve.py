"""What the parts of a file mean together: candidates, names, merged policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.edge.config import load, resolve, watched
from poise.edge.config.resolve import Resolved
from poise.policy import Choose, Policy, Recover, Timers, Weights
from poise.rules.prepare import prepare
from poise.target import Price
from tests.config.sample import GOOD, MINIMAL, problems_of, written

TWO = """\
version: 1
open: true
providers:
  b: {vendor: vllm, region: eu, models: [m, n]}
  a: {vendor: sglang, region: us, models: [m]}
"""


def _resolved(folder: Path, text: str, environ: dict[str, str] | None = None) -> Resolved:
    return resolve(load(written(folder, text), environ or {}))


def _policy(folder: Path, body: str) -> Policy:
    return _resolved(folder, TWO + "workflows:\n  w:\n    candidates: [m, n]\n" + body).policies["w"]


def _places(policy: Policy) -> list[tuple[str, int]]:
    return [(c.target.id, c.place) for c in policy.candidates]


def test_a_bare_model_is_every_provider_that_has_it(tmp_path: Path) -> None:
    """Candidates stand sorted by target id; their places follow the list, and within a model the file's providers."""
    assert [("m@a", 1), ("m@b", 0), ("n@b", 2)] == _places(_policy(tmp_path, ""))


def test_a_pin_before_its_model_takes_the_first_place(tmp_path: Path) -> None:
    """``[m@a, m]`` is: a first, then the others."""
    policy = _resolved(tmp_path, TWO + "workflows: {w: {candidates: [m@a, m], choose: order}}\n").policies["w"]

    assert [("m@a", 0), ("m@b", 1)] == _places(policy)
    assert "order" == policy.choose.mode


def test_one_target_under_two_conditions_is_an_error(tmp_path: Path) -> None:
    """Which of them holds would be a guess."""
    text = TWO + "workflows: {w: {candidates: [{model: m@a, when: facts.tools}, m]}}\n"
    (problem,) = problems_of(tmp_path, text)

    assert "reaches m@a again under another condition" == problem.text


def test_every_name_a_caller_may_send_has_a_policy(tmp_path: Path) -> None:
    """Workflows, aliases, bare models and pinned ones, and no others."""
    resolved = _resolved(tmp_path, TWO + "workflows: {w: {candidates: [n], aliases: [old/w]}}\n")

    assert {"w", "old/w", "m", "n", "m@a", "m@b", "n@b"} == set(resolved.policies)
    assert ("w", "w") == (resolved.policies["w"].workflow, resolved.policies["old/w"].workflow)
    assert ("m", 2) == (resolved.policies["m"].workflow, len(resolved.policies["m"].candidates))
    assert ["m@a"] == [c.target.id for c in resolved.policies["m@a"].candidates]


def test_every_policy_can_be_prepared(tmp_path: Path) -> None:
    """What is resolved is what the rules take."""
    for policy in _resolved(tmp_path, GOOD).policies.values():
        assert len(policy.candidates) == len(prepare(policy).options)


def test_a_workflow_stands_over_its_profile_and_that_over_the_defaults(tmp_path: Path) -> None:
    """RFC 7396, leaf by leaf; null brings the default back."""
    body = "    use: p\n    timers: {headers: 3s, connect: null}\n    recover: {attempts: 5}\n"
    profile = "profiles: {p: {timers: {connect: 9s, headers: 9s, first_token: 9s}, recover: {spend: 0.25}}}\n"
    policy = _policy(tmp_path, body + profile)

    assert Timers(headers_us=3_000_000, first_token_us=9_000_000) == policy.timers
    assert Recover(attempts=5, spend_usd_e6=250_000) == policy.recover


@pytest.mark.parametrize(
    ("timers", "hard_us"),
    [
        ("{}", 30_000_000),
        ("{stall: 10s}", 30_000_000),
        ("{stall: 2s}", 6_000_000),
        ("{stall: 9s, stall_hard: 1s}", 1_000_000),
    ],
)
def test_the_hard_stall_is_three_times_the_soft_one(tmp_path: Path, timers: str, hard_us: int) -> None:
    """10 s and 30 s are the usual pair; stall_hard says it outright."""
    assert hard_us == _policy(tmp_path, f"    timers: {timers}\n").timers.stall_us


def test_weights_that_are_not_said_keep_their_defaults(tmp_path: Path) -> None:
    """As in every merge; a weight of 0 is said as 0."""
    choose = _policy(tmp_path, "    choose: {weights: {cost: 9, load: 0}, spread: 0, stick: conversation}\n").choose

    assert Choose("weights", Weights(3, 2, 0, 9), 0, "conversation") == choose


def test_a_split_takes_the_place_of_a_profile_s_weights(tmp_path: Path) -> None:
    """A policy has one way to choose: what the workflow says replaces the profile's other one."""
    profile = "profiles: {p: {choose: {weights: {cost: 9}, spread: 0.5, stick: conversation}}}\n"
    policy = _policy(tmp_path, "    use: p\n    choose: {split: {m: 90, n: 10}}\n" + profile)

    assert Choose("split", stick="conversation") == policy.choose
    assert [("m@a", 90), ("m@b", 90), ("n@b", 10)] == [(c.target.id, c.share) for c in policy.candidates]


def test_a_candidate_without_a_share_has_none(tmp_path: Path) -> None:
    """It stays listed, so that the decision can say why it was dropped."""
    policy = _policy(tmp_path, "    choose: {split: {m: 1}}\n")

    assert 0 == policy.candidates[2].share


def test_the_catalogue_fills_in_what_is_not_said(tmp_path: Path) -> None:
    """Its figures hold at the model's own vendor; what is said in the file wins."""
    text = MINIMAL + "  o: {vendor: openai, key: env:K, models: [{name: gpt-4o, price: {input: 1}}]}\n"
    text += "  r: {vendor: openrouter, key: env:K, models: [gpt-4o]}\n"
    targets = _resolved(tmp_path, text).targets

    assert Price(1, 10, 1.25) == targets["gpt-4o@o"].price
    assert (128_000, True) == (targets["gpt-4o@o"].can.context_tokens, targets["gpt-4o@o"].can.tools)
    assert Price() == targets["gpt-4o@r"].price
    assert (None, True) == (targets["gpt-4o@r"].can.context_tokens, targets["gpt-4o@r"].can.vision)
    assert ("gpt-4o", "openai/gpt-4o") == (targets["gpt-4o@o"].upstream_model, targets["gpt-4o@r"].upstream_model)


def test_a_model_that_nothing_is_known_of_is_warned_of(tmp_path: Path) -> None:
    """Unknown stays unknown: no capability is guessed."""
    resolved = _resolved(tmp_path, MINIMAL)

    assert ["m"] == [w.value for w in resolved.warnings]
    assert resolved.targets["m@a"].can.tools is None


def test_paths_start_at_the_file_that_says_them(tmp_path: Path) -> None:
    """Wherever poise is started, and for an included file at that file."""
    written(tmp_path, "providers: {b: {vendor: vllm, models: [n], key: file:key, ca: ca.pem}}\n", "conf.d/b.yaml")
    path = written(tmp_path, MINIMAL + "include: [conf.d/*.yaml]\ndata: store\nlisten: unix:p.sock\n")
    loaded = load(path, {})
    resolved = resolve(loaded)
    provider = resolved.links["b"].provider

    assert f"file:{tmp_path}/conf.d/key" == provider.key
    assert f"file:{tmp_path}/conf.d/ca.pem" == provider.ca
    assert f"{tmp_path}/store" == resolved.data
    assert f"unix:{tmp_path}/p.sock" == resolved.listener.address
    assert {path, tmp_path / "conf.d", *(tmp_path / "conf.d" / n for n in ("b.yaml", "key", "ca.pem"))} == set(
        watched(loaded)
    )


def test_the_environment_is_filled_in(tmp_path: Path) -> None:
    """A plain scalar is understood after it was filled in, a quoted one is text; ``$${`` is a plain ``${``."""
    body = "    owner: '$${x} ${TEAM:-none}'\n    recover: {attempts: \"${TRIES:-4}\"}\n"
    text = TWO + "workflows:\n  w:\n    candidates: [m]\n" + body
    policies = [_resolved(tmp_path, text, environ).policies["w"] for environ in ({}, {"TRIES": "2", "TEAM": ""})]

    assert [4, 2] == [p.recover.attempts for p in policies]
    assert ["${x} none", "${x} none"] == [p.owner for p in policies]


def test_a_region_called_no_is_a_region(tmp_path: Path) -> None:
    """YAML 1.2: Norway is not false."""
    text = "version: 1\nopen: true\nproviders: {a: {vendor: vllm, region: no, models: [m]}}\n"

    assert "no" == _resolved(tmp_path, text).targets["m@a"].region


def test_the_digest_is_of_the_meaning_and_not_of_the_writing(tmp_path: Path) -> None:
    """Comments, layout and a default that is written out change nothing; a resolved value does."""
    digests = [
        _resolved(tmp_path, text).digest
        for text in (TWO, "# hello\n" + TWO + "grace: 30s\nworkflows: {}\n", TWO + "grace: 31s\n")
    ]

    assert digests[0] == digests[1] != digests[2]


def test_more_candidates_than_a_scope_has_bits_are_refused(tmp_path: Path) -> None:
    """A key's scope is a mask of one 64-bit number."""
    providers = "".join(f"  p{i}: {{vendor: vllm, models: [m]}}\n" for i in range(64))
    text = f"version: 1\nopen: true\nproviders:\n{providers}workflows: {{w: {{candidates: [m]}}}}\n"
    told = problems_of(tmp_path, text)

    expected = [("providers.p0.models", "m"), ("workflows.w.candidates", "64 targets")]
    assert expected == [(p.path, p.value) for p in told]
