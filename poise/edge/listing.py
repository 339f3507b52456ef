"""The names that a key may use, as each vendor's client lists models."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from poise.policy import Policy

_EPOCH = "1970-01-01T00:00:00Z"  # no model of ours has a day of birth


def listed(dialect: str, policies: Sequence[tuple[str, Policy]]) -> bytes:
    """The list, in the shape of a dialect."""
    rows = [_row(dialect, name, policy) for name, policy in policies]
    if dialect == "gemini":
        return msgspec.json.encode({"models": rows})
    if dialect == "anthropic":
        names = [name for name, _ in policies]
        ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
        return msgspec.json.encode({"data": rows, "has_more": False, **ends})
    return msgspec.json.encode({"object": "list", "data": rows})


def one(dialect: str, name: str, policy: Policy) -> bytes:
    """One of them."""
    return msgspec.json.encode(_row(dialect, name, policy))


def _row(dialect: str, name: str, policy: Policy) -> dict[str, object]:
    if dialect == "anthropic":
        return {"type": "model", "id": name, "display_name": name, "created_at": _EPOCH}
    if dialect == "gemini":
        return {"name": f"models/{name}", "displayName": name, **_gemini(policy)}
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": policy.owner or "poise",
        "candidates": [candidate.target.id for candidate in policy.candidates],
    }


def _gemini(policy: Policy) -> dict[str, object]:
    abilities = [candidate.target.can for candidate in policy.candidates]
    methods = ["generateContent", "countTokens"] if any(can.embeddings is not True for can in abilities) else []
    if any(can.embeddings is not False for can in abilities):
        methods += ["embedContent", "batchEmbedContents"]
    limits = {
        "inputTokenLimit": min((can.context_tokens or 0 for can in abilities), default=0),
        "outputTokenLimit": min((can.output_tokens or 0 for can in abilities), default=0),
    }
    return {name: limit for name, limit in limits.items() if limit} | {"supportedGenerationMethods": methods}
