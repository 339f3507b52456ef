"""The recorded endpoints that speak chat completions, and how many exchanges of each are known to be there."""

from __future__ import annotations

from typing import Any

from tests.recordings import exchanges

# endpoint: requests, whole answers, streams that the recordings hold at least; tests count what they saw against it
AT_LEAST = {
    "openai.chat": (275, 150, 92),
    "azure.chat": (33, 21, 8),
    "deepseek.chat": (84, 59, 21),
    "xai.chat": (21, 13, 7),
    "mistral.chat": (120, 61, 50),
    "groq.chat": (55, 38, 7),
    "openrouter.chat": (103, 53, 36),
    "qwen.chat": (49, 40, 7),
    "together.chat": (16, 8, 8),
    "fireworks.chat": (4, 2, 2),
    "cerebras.chat": (11, 7, 3),
    "perplexity.chat": (10, 5, 2),
    "huggingface.chat": (18, 10, 6),
    "vllm.chat": (30, 15, 15),
    "llamacpp.chat": (23, 10, 7),
    "copilot.chat": (13, 5, 8),
    "vercel-gateway.chat": (19, 9, 10),
    "zai.chat": (14, 10, 3),
    "moonshot.chat": (0, 2, 0),
    "writer.chat": (3, 2, 1),
    "venice.chat": (8, 5, 2),
    "doubleword.chat": (21, 10, 7),
    "avian.chat": (3, 0, 3),
    "crusoe.chat": (4, 3, 1),
    "gpustack.chat": (10, 10, 0),
    "mistralrs.chat": (4, 3, 1),
    "ollama.openai_chat": (68, 46, 21),
}
ENDPOINTS = sorted(AT_LEAST)


def asks_of(endpoint: str) -> list[tuple[str, int, dict[str, Any]]]:
    """Id, the status that the vendor answered with, and the body of each recorded request."""
    return [
        (row["id"], row["response"]["status"], row["request"]["body"])
        for row in exchanges(endpoint)
        if isinstance(row["request"]["body"], dict) and "messages" in row["request"]["body"]
    ]


def answers_of(endpoint: str) -> list[tuple[str, dict[str, Any]]]:
    """Id and body of each recorded whole answer that succeeded."""
    return [
        (row["id"], row["response"]["body"])
        for row in exchanges(endpoint)
        if row["response"]["status"] == 200 and not row["stream"] and isinstance(row["response"]["body"], dict)
    ]
