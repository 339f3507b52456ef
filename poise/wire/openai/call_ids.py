"""The shapes that some vendors' servers want ids of tool calls in (``Manner.tool_ids``)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final


def alnum9(id: str) -> str:
    """Nine letters and digits, all that Mistral takes; the same of the same id each time."""
    if len(id) == 9 and id.isascii() and id.isalnum():
        return id
    return hashlib.blake2b(id.encode(errors="replace"), digest_size=5).hexdigest()[:9]


SHAPES: Final[dict[str, Callable[[str], str]]] = {"alnum9": alnum9}
