"""Providers at clouds: where they are, whose credentials they show, and what is told where that is not said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poise.edge.config import Problems, compile_snapshot, load, resolve
from poise.edge.snapshot import Snapshot
from tests.config.sample import problems_of

HEAD = "version: 1\nlisten: 127.0.0.1:1\nopen: true\nproviders:\n"
ROLE = "arn:aws:iam::123456789012:role/poise"


def _compiled(folder: Path, provider: str) -> Snapshot:
    file = folder / "poise.yaml"
    file.write_text(f"{HEAD}  p: {{models: [m], {provider}}}\n")
    return compile_snapshot(resolve(load(file)), {"KEY": "k"}, 1, b"s")


@pytest.mark.parametrize(
    ("said", "url", "location"),
    [
        ("vendor: vertex, project: p1, region: europe-west4", "https://europe-west4-aiplatform.googleapis.com", ""),
        ("vendor: vertex, project: p1, region: eu1, location: global", "https://aiplatform.googleapis.com", "global"),
        ("vendor: vertex, project: 123456, location: eu", "https://aiplatform.eu.rep.googleapis.com", "eu"),
        ("vendor: bedrock, region: eu-central-1", "https://bedrock-runtime.eu-central-1.amazonaws.com", ""),
        ("vendor: bedrock, region: cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn", ""),
        (
            "vendor: bedrock, region: mine, location: us-gov-west-1, url: 'https://vpce.example'",
            "https://vpce.example",
            "",
        ),
    ],
)
def test_a_place_is_an_address(tmp_path: Path, said: str, url: str, location: str) -> None:
    """The region, or the cloud's own name of the place where workflows call it otherwise; a url goes before it."""
    provider = _compiled(tmp_path, said).endpoints["p"].provider

    assert url == provider.url
    assert provider.location
    assert not location or location == provider.location


def test_all_settings_of_a_cloud_reach_the_workers(tmp_path: Path) -> None:
    """By reference where they are files: secrets are read by the worker's own credentials."""
    google = _compiled(tmp_path, "vendor: vertex, region: us-east5, project: p1, credentials: 'file:/run/key.json'")
    aws = _compiled(tmp_path, f"vendor: bedrock, region: eu-central-1, profile: my prod, role: '{ROLE}'")
    azure = _compiled(tmp_path, "vendor: azure, url: 'https://r.openai.azure.com', api_version: 2024-10-21")

    assert "file:/run/key.json" == google.endpoints["p"].provider.credentials
    assert ("my prod", ROLE) == (aws.endpoints["p"].provider.profile, aws.endpoints["p"].provider.role)
    assert "2024-10-21" == azure.endpoints["p"].provider.api_version
    assert {"", "openai"} == {
        azure.endpoints["p"].key,
        next(iter(azure.policies.values())).candidates[0].target.dialect,
    }


@pytest.mark.parametrize(
    ("model", "dialect"),
    [("gemini-2.5-pro", "gemini-vertex"), ("claude-sonnet-4-5", "anthropic-vertex"), ("meta/llama-4-maas", "openai")],
)
def test_a_model_at_vertex_speaks_its_makers_dialect(tmp_path: Path, model: str, dialect: str) -> None:
    file = tmp_path / "poise.yaml"
    file.write_text(
        f"{HEAD}  p: {{vendor: vertex, project: p1, region: us-east5, models: [{{name: m, id: {model}}}]}}\n"
    )
    snapshot = compile_snapshot(resolve(load(file)), {}, 1, b"s")

    assert dialect == snapshot.policies["m"].candidates[0].target.dialect


def test_the_project_may_be_the_credentials_own(tmp_path: Path) -> None:
    """Read when workers get their snapshot; nothing else of the file goes anywhere."""
    (tmp_path / "key.json").write_text(
        json.dumps({"type": "service_account", "project_id": "p-of-key", "private_key": "S3"})
    )
    snapshot = _compiled(tmp_path, "vendor: vertex, region: us-east5, credentials: key.json")

    assert "p-of-key" == snapshot.endpoints["p"].provider.project
    assert "S3" not in repr(snapshot)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "cannot be read: No such file"),
        ("{}", "names no project"),
        ('{"project_id": "../../x"}', "names no project"),
        ('{"project_id": 5}', "names no project"),
        ("not json, a secret", "it is not a JSON object"),
        ("[" * 5000, "it is not a JSON object"),
        ('{"a":"' + "x" * 70_000 + '"}', "it is longer than"),
    ],
)
def test_credentials_that_name_no_project_are_told_without_their_content(
    tmp_path: Path, content: str | None, text: str
) -> None:
    if content is not None:
        (tmp_path / "key.json").write_text(content)
    with pytest.raises(Problems) as caught:
        _compiled(tmp_path, "vendor: vertex, region: us-east5, credentials: key.json")
    (problem,) = caught.value.problems

    assert "providers.p.credentials" == problem.path
    assert text in problem.text
    assert "say project" in problem.hint
    assert "a secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "paths"),
    [
        ("vendor: vertex", ["region", "project"]),
        ("vendor: vertex, region: us-east5", ["project"]),
        ("vendor: vertex, project: p1", ["region"]),
        ("vendor: vertex, project: 'A b', region: us-east5", ["project"]),
        ("vendor: vertex, project: p1, region: us-east5, role: '" + ROLE + "'", ["role"]),
        ("vendor: bedrock", ["region"]),
        ("vendor: bedrock, region: eu-central-1, role: poise", ["role"]),
        ("vendor: bedrock, region: eu-central-1, project: p1", ["project"]),
        ("vendor: bedrock, region: eu-central-1, key: 'env:KEY', profile: a", ["profile"]),
        ("vendor: azure, url: 'https://h', api_version: newest", ["api_version"]),
        ("vendor: azure, url: 'https://h', location: eu", ["location"]),
        ("vendor: openai, key: 'env:KEY', credentials: x.json", ["credentials"]),
    ],
)
def test_what_is_missing_or_of_no_use_is_told_with_a_hint(tmp_path: Path, said: str, paths: list[str]) -> None:
    """Each once, at its own setting."""
    problems = problems_of(tmp_path, f"{HEAD}  p: {{models: [m], {said}}}\n")

    assert sorted(f"providers.p.{path}" for path in paths) == sorted(problem.path for problem in problems)
    assert all(problem.hint for problem in problems)


@pytest.mark.parametrize("said", ["vendor: bedrock, region: eu", "vendor: vertex, project: p1, location: frankfurt"])
def test_a_name_of_ones_own_where_a_clouds_is_needed_is_a_warning(tmp_path: Path, said: str) -> None:
    """No error: clouds open new places."""
    file = tmp_path / "poise.yaml"
    file.write_text(f"{HEAD}  p: {{models: [m], {said}}}\n")
    warnings = [problem for problem in resolve(load(file)).warnings if "place" in problem.text]

    assert 1 == len(warnings)
    assert "location: eu" in warnings[0].text
