"""The recorded exchanges of this dialect's endpoints, and what is known to be odd about some of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.recordings import exchanges

ENDPOINTS = (
    "anthropic.messages",
    "anthropic.count_tokens",
    "ollama.messages",
    "vertex.anthropic_rawPredict",
    "vertex.anthropic_streamRawPredict",
)

# Requests that Anthropic itself refused as misshapen (400): a message that is a string, content that is an object.
MISSHAPEN = frozenset({
    "anthropic.messages-efae92153e8a", "anthropic.messages-f21bb1e159fd", "anthropic.messages-aaf963e4c6d5",
})  # fmt: skip
# Its recorder dropped every line end, so the framing is put back; the data is as it was recorded.
UNFRAMED = "ollama.messages-5358c603add9"
# Several answers in one file, one behind the other: a client would have seen each in a stream of its own.
CHAINED = frozenset({"anthropic.messages-19ba940e4df7", "anthropic.messages-15f72cbe4420"})


def requests(endpoint: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and body of each recorded request."""
    for row in exchanges(endpoint):
        if isinstance(row["request"]["body"], dict):
            yield row["id"], row["request"]["body"]


def answers(endpoint: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Id and body of each whole answer."""
    for row in exchanges(endpoint):
        body = row["response"]["body"]
        if row["response"]["status"] == 200 and isinstance(body, dict) and "content" in body:
            yield row["id"], body


def streams(endpoint: str) -> Iterator[tuple[str, str]]:
    """Id and text of each streamed answer, one message each."""
    for row in exchanges(endpoint):
        body = row["response"]["body"]
        if row["response"]["status"] != 200 or not isinstance(body, str):
            continue
        if row["id"] == UNFRAMED:
            body = re.sub(r"event: (\w+)data: ", r"\n\nevent: \1\ndata: ", body).lstrip() + "\n\n"
        parts = re.split(r"(?=event: message_start\n)", body) if row["id"] in CHAINED else [body]
        for part in parts:
            if part:  # some recorders trim the last empty line, without which the last event is not complete
                yield row["id"], part.rstrip("\n") + "\n\n"
