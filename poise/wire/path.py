"""How a model's id stands in a path."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

_PLAIN: Final = "/@.:-_~"  # beside letters and digits, what is written as it is


def in_path(model: str) -> str:
    """The id, all that has a meaning of its own in a path escaped; slashes stay, they are part of many ids."""
    return quote(model, safe=_PLAIN)
