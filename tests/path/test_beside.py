"""Doors beside chat: what a vendor answers in the caller's own dialect keeps the vendor's own headers."""

from __future__ import annotations

import pytest

from poise.edge.snapshot import Endpoint
from poise.edge.tongues import tongues_of
from poise.target import Provider, Target


@pytest.mark.parametrize(
    ("vendor", "door", "kind"),
    [
        ("openai", "embeddings", b""),
        ("openai", "gemini-embeds", b"application/json"),
        ("gemini", "gemini-embed", b""),
        ("gemini", "gemini-embeds", b""),
        ("gemini", "gemini-count", b""),
        ("gemini", "embeddings", b"application/json"),
        ("anthropic", "anthropic-count", b""),
    ],
)
def test_only_a_translated_answer_gets_a_content_type_of_ours(vendor: str, door: str, kind: bytes) -> None:
    """The vendor's charset and its request's id reach a client that speaks its dialect."""
    target = Target("m@p", "m", "p", vendor, "eu", "m")
    tongue = tongues_of(target, Endpoint(Provider("p", vendor, "eu", "http://127.0.0.1:1")))[door]

    assert (kind, kind) == (tongue.whole_kind, tongue.stream_kind)
