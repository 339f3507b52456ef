"""Which keys may pass calls through, as the file says it."""

from __future__ import annotations

import pytest

from poise.edge.config.problem import Problems
from poise.edge.snapshot import Snapshot
from tests.images.served import compiled

PROVIDERS = {
    name: {"vendor": vendor, "url": "http://127.0.0.1:1/v1", "models": [{"name": name + "-model", "id": "a*[b]"}]}
    for name, vendor in (("one", "vllm"), ("two", "openai-compatible"))
}


def snapshot(key: dict[str, object] | None, **more: object) -> Snapshot:
    """One key beside two providers; None: an open file."""
    config: dict[str, object] = {"providers": PROVIDERS, "workflows": {"w": {"candidates": ["one-model"]}}} | more
    config |= {"open": True} if key is None else {"keys": {"app": {"secret": "env:APP_KEY", **key}}}
    return compiled(config)


@pytest.mark.parametrize(
    ("key", "granted"),
    [
        (None, {"one": None, "two": None}),
        ({}, {"one": None, "two": None}),
        ({"passthrough": []}, {}),
        ({"passthrough": ["t*"]}, {"two": None}),
        ({"workflows": ["w"]}, {}),
        ({"models": ["one-model"]}, {}),
        ({"workflows": ["w"], "passthrough": ["one"]}, {"one": ()}),
        ({"models": ["*@one"], "passthrough": ["*"]}, {"one": ("*", "a[*][[]b]"), "two": ()}),
        ({"models": ["two-*"], "passthrough": ["*"]}, {"one": ("two-*",), "two": ("a[*][[]b]", "two-*")}),
    ],
)
def test_a_key_reaches_the_providers_it_was_given(key: dict[str, object] | None, granted: dict[str, object]) -> None:
    """A key that may use everything reaches all; one that is bound none, unless it says so, and its models alone."""
    grants = list(snapshot(key).grants.values())

    assert granted == grants[0].passthrough


def test_a_provider_that_nobody_may_reach_has_no_passage() -> None:
    """No target that could only be looked at."""
    assert {} == snapshot({"workflows": ["w"]}).passthrough
    assert ["*@two"] == [c.target.id for c in snapshot({"passthrough": ["two"]}).passthrough["two"].candidates]


def test_patterns_must_name_providers() -> None:
    """A name that is none is a mistake."""
    with pytest.raises(Problems, match="is none of the providers"):
        snapshot({"passthrough": ["three"]})


def test_the_workflow_of_the_records_is_nobodys() -> None:
    """Or its rows could not be told apart."""
    with pytest.raises(Problems, match="recorded as"):
        snapshot({}, workflows={"passthrough": {"candidates": ["one-model"]}})


def test_what_a_key_may_pass_is_part_of_the_version() -> None:
    """Two files that grant differently are two versions."""
    assert snapshot({"passthrough": ["one"]}).digest != snapshot({"passthrough": ["two"]}).digest
