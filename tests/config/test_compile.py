"""Snapshots: secrets looked up, keys' patterns spelt out."""

from __future__ import annotations

from pathlib import Path

import pytest

from poise.edge.config import Problems, compile_snapshot, load, resolve
from poise.edge.snapshot import Snapshot, hash_secret
from tests.config.sample import MINIMAL, written

FILE = """\
version: 1
providers:
  a: {vendor: vllm, models: [m, n]}
  b: {vendor: vllm, models: [m]}
workflows:
  chat-fast: {candidates: [n, m@a], aliases: [old]}
  night: {candidates: [m]}
keys:
"""


def _snapshot(folder: Path, text: str, environ: dict[str, str] | None = None) -> Snapshot:
    return compile_snapshot(resolve(load(written(folder, text), {})), environ or {}, 1, b"salt")


def _scopes(folder: Path, key: str) -> dict[str, int]:
    return _snapshot(folder, f"{FILE}  k: {{secret: env:K{key}}}\n", {"K": "kkk"}).grants["k"].scopes


def _told(folder: Path, text: str, environ: dict[str, str]) -> Problems:
    with pytest.raises(Problems) as caught:
        _snapshot(folder, text, environ)
    return caught.value


def test_a_key_with_no_patterns_may_use_everything(tmp_path: Path) -> None:
    """Every name, every candidate."""
    expected = {"chat-fast": 3, "old": 3, "night": 3, "m": 3, "n": 1, "m@a": 1, "m@b": 1, "n@a": 1}
    assert expected == _scopes(tmp_path, "")


def test_a_key_of_workflows_may_use_these_and_their_aliases(tmp_path: Path) -> None:
    """A pattern is of the workflow's name; the alias comes with it, and no model does."""
    assert {"chat-fast": 3, "old": 3} == _scopes(tmp_path, ", workflows: [chat-*]")


def test_a_key_of_models_may_name_these(tmp_path: Path) -> None:
    """Bare and pinned, at every provider."""
    assert {"m": 3, "m@a": 1, "m@b": 1} == _scopes(tmp_path, ", models: [m]")


def test_a_pinned_pattern_restricts_the_bare_name_too(tmp_path: Path) -> None:
    """Candidate i of the bare model is allowed where bit i is set: m@b is the second."""
    assert {"m": 2, "m@b": 1} == _scopes(tmp_path, ", models: ['m@b']")


def test_models_do_not_restrict_a_workflow(tmp_path: Path) -> None:
    """Through a workflow its candidates are allowed as listed."""
    assert {"night": 3, "n": 1, "n@a": 1} == _scopes(tmp_path, ", workflows: [night], models: [n]")


def test_a_key_with_empty_lists_may_use_nothing(tmp_path: Path) -> None:
    """Nothing is not everything."""
    assert {} == _scopes(tmp_path, ", workflows: []")


def test_secrets_are_hashed_and_two_of_a_key_both_hold(tmp_path: Path) -> None:
    """During a rotation the old and the new one mean the same key; the snapshot holds neither."""
    snapshot = _snapshot(
        tmp_path, FILE + "  k: {secret: [env:OLD, env:NEW]}\n", {"OLD": "old-secret", "NEW": "new-secret"}
    )

    assert {hash_secret(b"old-secret", b"salt"): "k", hash_secret(b"new-secret", b"salt"): "k"} == snapshot.keys
    assert "secret" not in repr(snapshot)


def test_an_open_gateway_grants_everything_without_a_key(tmp_path: Path) -> None:
    snapshot = _snapshot(tmp_path, MINIMAL)

    assert "open" == snapshot.open_grant
    assert {"m": 1, "m@a": 1} == snapshot.grants["open"].scopes
    assert {} == snapshot.keys


def test_a_gateway_that_is_not_open_has_no_open_grant(tmp_path: Path) -> None:
    snapshot = _snapshot(tmp_path, FILE + "  k: {secret: env:K}\n", {"K": "kkk"})

    assert ("", {"k"}) == (snapshot.open_grant, set(snapshot.grants))


def test_one_line_end_of_a_secret_s_file_is_not_part_of_it(tmp_path: Path) -> None:
    """Editors and ``echo`` leave one; a secret with a space or a second line is refused."""
    text = MINIMAL + "  b: {vendor: vllm, models: [x], key: file:key}\n"
    for written_as in ("s3cret", "s3cret\n", "s3cret\r\n"):
        written(tmp_path, written_as, "key")

        assert "s3cret" == _snapshot(tmp_path, text).endpoints["b"].key
    for written_as in ("", "\n", "two lines\n", "s3cret\n\n", "sécret", "a\r\nx-injected: 1"):
        written(tmp_path, written_as, "key")

        assert ["providers.b.key"] == [p.path for p in _told(tmp_path, text, {}).problems]


def test_every_missing_secret_is_named_by_its_reference(tmp_path: Path) -> None:
    """All at once, with the place of each; poise check needs none of them."""
    text = FILE.replace("[m]}", "[m], key: env:UPSTREAM}", 1) + "  k: {secret: [env:ONE, file:two]}\n"
    told = _told(tmp_path, text, {"ONE": ""}).problems

    expected = [(4, "env:UPSTREAM", "is not set in the environment"), (9, "env:ONE", "is empty")]
    expected.append((9, f"file:{tmp_path}/two", "cannot be read: No such file or directory"))
    assert expected == [(p.line, p.value, p.text) for p in told]


def test_a_secret_s_value_is_never_told(tmp_path: Path) -> None:
    """Neither one that cannot be a key nor one that two keys share."""
    text = FILE + "  k: {secret: env:A}\n  l: {secret: env:B}\n"
    odd = _told(tmp_path, text, {"A": "hunter 2", "B": "hunter-3"})
    shared = _told(tmp_path, text, {"A": "hunter-2", "B": "hunter-2"})

    assert "hunter" not in str(odd)
    assert "hunter" not in str(shared)
    assert ["is the secret of key k, too"] == [p.text for p in shared.problems]


def test_a_huge_secret_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "x" * 20_000, "key")
    told = _told(tmp_path, MINIMAL + "  b: {vendor: vllm, models: [x], key: file:key}\n", {})

    assert "longer than" in told.problems[0].text


def test_literal_secrets_are_used_where_they_are_allowed(tmp_path: Path) -> None:
    """They get into the endpoint and the hashes, not into the provider's declaration or the digest's parts."""
    text = MINIMAL + "  b: {vendor: vllm, models: [x], key: upstream-key}\n"
    text += "allow_literal_secrets: true\nkeys: {k: {secret: '12345'}}\n"
    snapshot = _snapshot(tmp_path, text)

    assert ("literal", "upstream-key") == (snapshot.endpoints["b"].provider.key, snapshot.endpoints["b"].key)
    assert {hash_secret(b"12345", b"salt"): "k"} == snapshot.keys
    assert "upstream-key" not in repr(resolve(load(tmp_path / "poise.yaml", {})).links)


def test_a_proxy_with_credentials_comes_from_the_environment(tmp_path: Path) -> None:
    text = MINIMAL + "  b: {vendor: vllm, models: [x], proxy: env:PROXY}\n"
    snapshot = _snapshot(tmp_path, text, {"PROXY": "http://me:pw@proxy:3128"})

    assert "http://me:pw@proxy:3128" == snapshot.endpoints["b"].provider.proxy


def test_limits_reach_the_snapshot(tmp_path: Path) -> None:
    """In the snapshot's units: bytes and seconds."""
    limits = "{body: 1MiB, bodies: 8MiB, headers: 8KiB, header_count: 50, connections: 9, header_time: 1500ms"
    limits += ", body_rate: 2KiB, idle: 2m, write_stall: 5s}"
    text = MINIMAL + f"limits: {limits}\ngrace: 7s\nretention: {{age: 2d, size: 1GiB}}\ndata: none\nadmin: none\n"
    snapshot = _snapshot(tmp_path, text)
    said = snapshot.limits

    assert (1 << 20, 8 << 20, 8 << 10, 50, 9) == (
        said.body_bytes,
        said.bodies_bytes,
        said.header_bytes,
        said.header_count,
        said.connections,
    )
    assert (1.5, 2048, 120, 5, 7) == (
        said.header_s,
        said.body_bytes_per_s,
        said.idle_s,
        said.write_stall_s,
        said.grace_s,
    )
    assert (2 * 86_400, 1 << 30) == (snapshot.retention_s, snapshot.retention_bytes)
    assert ("", "") == (snapshot.data, snapshot.admin)


def test_defaults_of_the_file_are_the_snapshot_s(tmp_path: Path) -> None:
    """A file that says nothing gives what the nouns give by themselves."""
    snapshot = _snapshot(tmp_path, MINIMAL)
    bare = Snapshot(1, "", snapshot.listener, "", "", {}, {}, {}, {}, b"")

    assert bare.limits == snapshot.limits
    assert (bare.retention_s, bare.retention_bytes) == (snapshot.retention_s, snapshot.retention_bytes)
