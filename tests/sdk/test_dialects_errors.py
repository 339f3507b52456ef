"""Each vendor's errors reach each SDK as the SDK's own typed exceptions, and what broke never looks complete."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google.genai import errors as gemini

from poise.sim.emulate.reply import pieces
from tests.sdk.dialects import EVERY, KEY, OTHERS, VENDORS
from tests.sdk.speakers import SPEAKERS, speaker
from tests.sdk.speaking import WAYS, Clients, Wish

# What the caller gets for what the vendor says. A key or model that the vendor does not know is our side's mistake.
STATUS = {
    "rate": 429,
    "quota": 429,
    "context": 400,
    "overloaded": 503,
    "error-400": 400,
    "error-401": 502,
    "error-404": 502,
    "error-422": 422,
    "error-500": 502,
    "error-503": 503,
}
BY_TYPE = {("error-503", "anthropic"): 502}  # Anthropic's type for it, api_error, says more than the status
WHOLE_BREAKS = ("stream-error", "stream-error-first", "cut")
STREAM_BREAKS = ("stream-error", "cut")
# Of the other vendors, one refusal that is the caller's to wait for, one that is ours, one way to break.
REFUSED = [
    *((scenario, vendor) for scenario in STATUS for vendor in VENDORS if (scenario, vendor) != ("error-422", "gemini")),
    *((scenario, vendor) for scenario in ("rate", "error-401") for vendor in OTHERS),
]
BROKEN = [
    *((scenario, vendor) for scenario in WHOLE_BREAKS for vendor in VENDORS),
    *(("stream-error", vendor) for vendor in OTHERS),
]
ENDS = {  # what only a complete answer says
    "chat": ("[DONE]", '"finish_reason":"'),
    "responses": ("response.completed", "response.incomplete", "output_item.done"),
    "messages": ("message_stop", '"stop_reason":"'),
    "generate_content": ("finishReason",),
    "gemini_array": ("finishReason",),
}
OPENAI = {400: "BadRequestError", 422: "UnprocessableEntityError", 429: "RateLimitError"}
BUSY = {"chat": "InternalServerError", "responses": "InternalServerError", "messages": "ServiceUnavailableError"}
# How each dialect calls what a client should wait for, and Poise's own code beside it.
TYPES = {
    "rate": ("upstream_rate_limited", "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"),
    "quota": ("upstream_quota", "insufficient_quota", "rate_limit_error", "RESOURCE_EXHAUSTED"),
    "overloaded": ("upstream_overloaded", "overloaded_error", "overloaded_error", "UNAVAILABLE"),
}
SAID = "one two three four five six seven eight nine ten"


def kinds_of(sdk: str, status: int) -> type[Exception]:
    """The SDK's exception for a status; 0 inside a stream."""
    if sdk == "generate_content":
        return gemini.ClientError if 400 <= status < 500 else gemini.ServerError
    module: Any = anthropic if sdk == "messages" else openai
    named = OPENAI.get(status) or (BUSY[sdk] if status == 503 else "InternalServerError")
    name = named if status else "APIStatusError" if sdk == "messages" else "APIError"
    kind: type[Exception] = getattr(module, name)
    return kind


def status_of(error: Any) -> int:  # noqa: ANN401 - three SDKs' own
    """The status that an exception tells."""
    return int(error.code if isinstance(error, gemini.APIError) else error.status_code)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sdk", SPEAKERS)
@pytest.mark.parametrize(("scenario", "vendor"), REFUSED)
def test_a_refused_call_is_the_sdks_own_exception(
    clients: Clients, scenario: str, sdk: str, way: str, vendor: str
) -> None:
    """By status, whole and streamed alike, with the decision that explains it; of 422 Google knows nothing."""
    status = BY_TYPE.get((scenario, vendor), STATUS[scenario])
    with pytest.raises(kinds_of(sdk, status)) as caught:
        speaker(clients, sdk, way, vendor).ask(f"say:{scenario} {SAID}")

    assert status == status_of(caught.value)
    assert clients.heads.last["x-poise-decision"] in str(getattr(caught.value, "body", caught.value))
    assert "upstream-key" not in str(caught.value)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("sdk", SPEAKERS)
def test_a_prompt_that_is_too_long_is_told_in_the_words_that_clients_look_for(
    clients: Clients, sdk: str, vendor: str
) -> None:
    """Clients that shorten the conversation look for OpenAI's code, or for Anthropic's words."""
    with pytest.raises(kinds_of(sdk, 400)) as caught:
        speaker(clients, sdk, "sync", vendor).ask("say:context please")
    word = "prompt is too long" if sdk == "messages" else "context_length_exceeded"

    assert word in str(getattr(caught.value, "body", None) or caught.value)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("scenario", TYPES)
@pytest.mark.parametrize("sdk", SPEAKERS)
def test_what_a_client_should_wait_for_has_its_dialects_own_type(
    clients: Clients, sdk: str, scenario: str, vendor: str
) -> None:
    """And a code of Poise that is the same in each."""
    with pytest.raises(kinds_of(sdk, STATUS[scenario])) as caught:
        speaker(clients, sdk, "sync", vendor).ask(f"say:{scenario} please")
    code, openais, anthropics, googles = TYPES[scenario]
    error: Any = caught.value

    if sdk == "generate_content":
        assert googles == error.status
        assert code.upper() in str(error.details)
    elif sdk == "messages":
        assert (anthropics, code) == (error.body["error"]["type"], error.body["error"]["code"])
    else:
        assert (openais, code) == (error.type, error.code)


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
@pytest.mark.parametrize("sdk", SPEAKERS)
def test_a_rate_limit_says_when_to_come_back(clients: Clients, sdk: str, vendor: str) -> None:
    """In the header that SDKs wait by."""
    with pytest.raises(kinds_of(sdk, 429)):
        speaker(clients, sdk, "sync", vendor).ask("say:rate please")

    assert 0 < int(clients.heads.last["retry-after"]) <= 61


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sdk", SPEAKERS)
@pytest.mark.parametrize(("scenario", "vendor"), BROKEN)
def test_an_answer_that_breaks_raises(clients: Clients, scenario: str, sdk: str, way: str, vendor: str) -> None:
    """Whole, or before its first word: an error with a status. After it: an error inside the stream."""
    inside = way.endswith("stream") and scenario in STREAM_BREAKS
    with pytest.raises(kinds_of(sdk, 0 if inside else 502)) as caught:
        speaker(clients, sdk, way, vendor).ask(f"say:{scenario} {SAID}")
    told = str(getattr(caught.value, "body", None) or caught.value)

    # Whose first event is an error, and what error: these two vendors say that they are overloaded.
    full = scenario == "stream-error-first" and way.endswith("stream") and vendor in ("anthropic", "gemini")
    assert ("stream_broken" if inside else "upstream_overloaded" if full else "upstream_failed") in told.lower()


def raw(clients: Clients, sdk: str, vendor: str, words: str) -> str:
    """The bytes of a stream as they come."""
    model = f"at-{vendor}"
    turn = {"role": "user", "content": words}
    asks: dict[str, tuple[str, dict[str, Any]]] = {
        "chat": ("/v1/chat/completions", {"model": model, "messages": [turn], "stream": True}),
        "responses": ("/v1/responses", {"model": model, "input": words, "stream": True}),
        "messages": ("/v1/messages", {"model": model, "messages": [turn], "stream": True, "max_tokens": 500}),
        "generate_content": (f"/v1beta/models/{model}:streamGenerateContent?alt=sse", {"contents": [_said(words)]}),
        "gemini_array": (f"/v1beta/models/{model}:streamGenerateContent", {"contents": [_said(words)]}),
    }
    path, body = asks[sdk]
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx2.post(clients.doors.url + path, json=body, headers=headers, timeout=30).text


def _said(words: str) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": words}]}


@pytest.mark.parametrize("vendor", EVERY)
@pytest.mark.parametrize("scenario", STREAM_BREAKS)
@pytest.mark.parametrize("sdk", ENDS)
def test_a_broken_stream_says_no_word_of_an_end(clients: Clients, sdk: str, scenario: str, vendor: str) -> None:
    """What came stays, an error follows, and nothing of what ends an answer; an answer that is whole says it."""
    broken = raw(clients, sdk, vendor, f"say:{scenario} {SAID}")
    complete = raw(clients, sdk, vendor, SAID)

    assert pieces("You said:")[0] in broken
    assert "stream_broken" in broken.lower()
    assert [] == [word for word in ENDS[sdk] if word in broken]
    assert any(word in complete for word in ENDS[sdk])


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_array_that_broke_ends_with_the_error(clients: Clients, vendor: str) -> None:
    """Gemini's stream without SSE stays JSON that can be read, and its last element is the error."""
    rows = json.loads(raw(clients, "gemini_array", vendor, f"say:cut {SAID}"))

    assert 502 == rows[-1]["error"]["code"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sdk", SPEAKERS)
def test_silence_ends_at_the_callers_deadline(clients: Clients, sdk: str, way: str) -> None:
    """A vendor that says nothing is a timeout, in the shape of the SDK."""
    with pytest.raises(Exception, match="deadline") as caught:
        speaker(clients, sdk, way, "openai").ask("say:silent please", Wish(deadline="200ms"))

    assert 504 == status_of(caught.value)
