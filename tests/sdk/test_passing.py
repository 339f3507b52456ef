"""A call that was passed through, as ``poise explain`` and the store tell of it: real processes."""

from __future__ import annotations

import openai
import pytest

from tests.world import KEY, NARROW_KEY, World

PASSED = "/passthrough/us/v1"


def test_explain_tells_of_a_call_that_was_passed_through(world: World) -> None:
    """Its provider, what was called, what it used and cost by the model's price; its policy is known to the store."""
    with openai.OpenAI(base_url=world.url + PASSED, api_key=KEY, max_retries=0) as client:
        told = client.chat.completions.with_raw_response.create(
            model="sim-chat", messages=[{"role": "user", "content": "hello there"}]
        )
        usage = told.parse().usage
    shown = world.explain(told.headers["x-poise-decision"])
    words = world.poise("explain", told.headers["x-poise-decision"], "--data", str(world.data)).stdout

    assert usage is not None
    assert ("passthrough", "*@us", "completed") == (shown["workflow"], shown["target"], shown["outcome"])
    assert {"passthrough": "POST /v1/chat/completions"} == shown["decision"]["facts"]["labels"]
    assert (usage.prompt_tokens, usage.completion_tokens) == (shown["input_tokens"], shown["output_tokens"])
    assert usage.prompt_tokens + 2 * usage.completion_tokens == shown["cost_usd_e6"]
    assert "*@us" in words
    assert "not known" not in words


def test_a_key_that_was_given_nothing_passes_nothing(world: World) -> None:
    """It may use a workflow."""
    client = openai.OpenAI(base_url=world.url + PASSED, api_key=NARROW_KEY, max_retries=0)
    with client, pytest.raises(openai.PermissionDeniedError):
        client.files.list()
