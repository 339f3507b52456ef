"""Requests that a vendor answered are answered by its emulator: it is no stricter than the vendor is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from poise.clock import SystemClock
from poise.sim.emulate.emulator import Emulator
from poise.sim.emulate.message import Whole, line_of, read_request
from tests.recordings import exchanges
from tests.sim.emulate.asking import KEYS, NOW_S

ENDPOINTS = {
    "openai": ("chat", "responses", "embeddings"),
    "azure": ("chat", "responses", "embeddings"),
    "anthropic": ("messages", "count_tokens"),
    "gemini": ("generateContent", "streamGenerateContent", "countTokens", "batchEmbedContents"),
    "vertex": (
        "generateContent",
        "streamGenerateContent",
        "predict",
        "anthropic_rawPredict",
        "anthropic_streamRawPredict",
    ),
    "ollama": ("openai_chat",),
    "xai": ("chat", "responses"),
    "mistral": ("chat", "embeddings"),
    "qwen": ("chat", "embeddings"),
    "together": ("chat", "embeddings"),
    "vllm": ("chat", "embeddings"),
    **dict.fromkeys(("deepseek", "groq", "openrouter", "perplexity", "llamacpp"), ("chat",)),
}
# Refusals that are right: what the error says, and why the vendor itself could not have said it then.
RIGHT = {
    "encrypted content could not be verified": "sealed by the vendor, not by the emulator",
    "Invalid `signature` in `thinking` block": "sealed by the vendor, not by the emulator",
    "Thought signature is not valid": "sealed by the vendor, not by the emulator",
    "Tool call id was call_REDACTED": "the recorder changed the ids",
    "toolu_01UiyhG7tywQKaqdgxyqa8z9": "recorded at a stand-in that checks nothing",
    "Expected a value >= 16, but got 8": "recorded at a server of one's own behind OpenAI's path",
}
PLACES = [(vendor, endpoint) for vendor, endpoints in ENDPOINTS.items() for endpoint in endpoints]


def answer_to(vendor: str, row: dict[str, Any]) -> tuple[int, str]:
    """Status and body of the emulator's answer to a recorded request."""
    request = row["request"]
    lines = "".join(f"{name}: {value}\r\n" for name, value in KEYS.items())
    head = f"POST {request['path']} HTTP/1.1\r\n{lines}\r\n".replace("<GOOGLE_CLOUD_LOCATION>", "l").encode()
    asked = read_request(head, msgspec.json.encode(request["body"]))
    answer = Emulator(vendor, SystemClock()).answer(asked, line_of(1, vendor, asked), NOW_S)
    return (answer.status, answer.body.decode()) if isinstance(answer, Whole) else (200, "")


@pytest.mark.parametrize(("vendor", "endpoint"), PLACES)
def test_recorded_requests_are_answered(vendor: str, endpoint: str) -> None:
    """All that the vendor answered, but for the reasons on the list."""
    rows = [row for row in exchanges(f"{vendor}.{endpoint}") if row["response"]["status"] == 200]
    asked = [row for row in rows if isinstance(row["request"]["body"], dict)]
    found = [(row["id"], *answer_to(vendor, row)) for row in asked]
    wrong = [(id, body) for id, status, body in found if status != 200 and not any(words in body for words in RIGHT)]

    assert asked
    assert [] == wrong


def test_every_reason_is_needed() -> None:
    """A refusal that no recording meets has no place on the list."""
    rows = [(vendor, row) for vendor, endpoint in PLACES for row in exchanges(f"{vendor}.{endpoint}")]
    answered = [
        one for one in rows if one[1]["response"]["status"] == 200 and isinstance(one[1]["request"]["body"], dict)
    ]
    said = [answer_to(vendor, row)[1] for vendor, row in answered]

    assert [] == [words for words in RIGHT if not any(words in one for one in said)]
