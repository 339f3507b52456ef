"""Errors reach the SDK as its typed exceptions, with a stable code, the decision, and no secret."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.world import NARROW_KEY, World

ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


def refused(client: openai.OpenAI, model: str, **more: Any) -> openai.APIStatusError:  # noqa: ANN401 - the SDK's own
    """The error that a call ends with."""
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=model, messages=ASK, **more)
    return caught.value


def test_an_unknown_key_is_an_authentication_error(world: World) -> None:
    """401, before anything else is looked at."""
    with world.client("not-a-key") as client:
        error = refused(client, "no-such-model")

    assert isinstance(error, openai.AuthenticationError)
    assert "invalid_api_key" == error.code
    assert "not-a-key" not in str(error)


def test_a_model_beyond_the_key_is_a_permission_error_that_names_what_works(world: World) -> None:
    """403, and the key's own names."""
    with world.client(NARROW_KEY) as client:
        error = refused(client, "flaky")

    assert isinstance(error, openai.PermissionDeniedError)
    assert "key_not_allowed" == error.code
    assert "support" in str(error)


def test_an_unknown_model_is_a_not_found_error_that_names_what_works(client: openai.OpenAI) -> None:
    """404, as OpenAI's own."""
    error = refused(client, "gpt-17")

    assert isinstance(error, openai.NotFoundError)
    assert "unknown_model" == error.code
    assert "gpt-17" in str(error)
    assert "sim-chat" in str(error)


def test_a_field_of_the_wrong_kind_is_a_bad_request(client: openai.OpenAI) -> None:
    """400 with the field, the value and a hint."""
    error = refused(client, "support", extra_body={"max_tokens": "many"})

    assert isinstance(error, openai.BadRequestError)
    assert "invalid_field" == error.code
    assert "max_tokens" in str(error)
    assert "many" in str(error)


def test_an_upstreams_bad_request_is_passed_on_with_its_own_code(client: openai.OpenAI) -> None:
    """Clients test for the vendor's code; the message is the vendor's."""
    error = refused(client, "sim-400")

    assert isinstance(error, openai.BadRequestError)
    assert "context_length_exceeded" == error.code
    assert "the prompt is too long" in str(error)


def test_a_rate_limit_is_a_rate_limit_error_with_a_time_to_wait(client: openai.OpenAI) -> None:
    """429, and when to come back."""
    error = refused(client, "sim-429")

    assert isinstance(error, openai.RateLimitError)
    assert "upstream_rate_limited" == error.code
    assert 7 <= int(error.response.headers["retry-after"]) <= 9


def test_an_upstream_without_capacity_is_told_so(client: openai.OpenAI) -> None:
    """503, on which the SDK would try again, with a code and type of its own."""
    error = refused(client, "sim-503")

    assert isinstance(error, openai.InternalServerError)
    assert (503, "upstream_overloaded", "overloaded_error") == (error.status_code, error.code, error.type)


@pytest.mark.parametrize("model", ["sim-500", "sim-401", "sim-404", "sim-malformed"])
def test_a_failing_upstream_is_a_server_error_that_names_the_target(client: openai.OpenAI, model: str) -> None:
    """5xx: neither the provider's own status nor our key is the caller's business."""
    error = refused(client, model)

    assert isinstance(error, openai.InternalServerError)
    assert 502 == error.status_code
    assert "upstream_failed" == error.code
    assert f"{model}@us" in str(error)
    assert "sim-us-secret" not in error.response.text


def test_an_error_says_which_decision_explains_it(client: openai.OpenAI, world: World) -> None:
    """The id in the body is the one in the header, and explain knows it."""
    error = refused(client, "sim-500")
    body = error.body
    assert isinstance(body, dict)
    shown = world.explain(body["decision"])

    assert error.response.headers["x-poise-decision"] == body["decision"]
    assert "failed" == shown["outcome"]
    assert "server" == shown["ended"]["attempts"][0]["failure"]


@pytest.mark.parametrize("model", ["sim-cut", "sim-error-event"])
def test_a_stream_that_breaks_raises_in_the_middle(client: openai.OpenAI, model: str, world: World) -> None:
    """What came before is there; then the SDK raises; it never looks complete."""
    got = ""
    stream = client.chat.completions.create(model=model, messages=ASK, stream=True)
    decision = stream.response.headers["x-poise-decision"]
    finishes = set()
    with pytest.raises(openai.APIError) as caught:  # noqa: PT012 - what came before the error counts too
        for chunk in stream:
            got += chunk.choices[0].delta.content or ""
            finishes.add(chunk.choices[0].finish_reason)
    error = caught.value

    assert 3 == len(got.split())
    assert {None} == finishes
    assert "stream_broken" == error.code
    assert "truncated" == world.explain(decision)["outcome"]


def test_a_broken_stream_never_says_done(client: openai.OpenAI) -> None:
    """The raw bytes: an error event, no [DONE], no finish."""
    with client.chat.completions.with_streaming_response.create(model="sim-cut", messages=ASK, stream=True) as raw:
        text = raw.read().decode()

    assert '"code":"stream_broken"' in text
    assert "[DONE]" not in text
    assert '"finish_reason":"' not in text


def test_a_deadline_the_caller_sets_is_kept(client: openai.OpenAI) -> None:
    """A caller may lower its limit; the answer is then a timeout of its own kind."""
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="sim-slow", messages=ASK, extra_headers={"x-poise-deadline": "300ms"})

    assert 504 == caught.value.status_code
    assert "deadline_exceeded" == caught.value.code
