"""NaN and Infinity: no numbers of JSON, but Triton, MLServer and their clients write and read them."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = (b"NaN", b"Infinity")
# A text is taken whole, also one without an end: what is said in it is no number, and no byte is looked at twice.
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|-?(?:NaN|Infinity)', re.DOTALL)


def is_beyond_json(body: bytes) -> bool:
    """Whether a body may hold one of them."""
    return any(word in body for word in _WORDS)


def finite(body: bytes) -> bytes:
    """The same with null in their place, so that a strict reader finds all else that is wrong. Time is linear."""
    return _TOKEN.sub(lambda found: found[0] if found[0].startswith(b'"') else b"null", body)
