"""Durations and sizes as people write them in a plan: ``2s``, ``800ms``, ``64KiB``, ``1GB``."""

from __future__ import annotations

import re
from typing import Final

_UNIT_S: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_UNIT_BYTES: Final = {
    "": 1,
    "B": 1,
    "KB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
_AMOUNT: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)([A-Za-z]*)")


class BadPlan(ValueError):
    """What is written is no plan; the text says which word, and what would be one."""


def seconds(text: str) -> float:
    """``2``, ``2s``, ``800ms``, ``5m``, ``1h``, ``1d`` in seconds. Raises BadPlan."""
    number, unit = _split(text)
    if unit not in _UNIT_S:
        raise BadPlan(f"{text!r} is no duration\n  hint: write it as 800ms, 2s, 5m or 1h")
    return number * _UNIT_S[unit]


def size_bytes(text: str) -> int:
    """``10``, ``64KiB``, ``1GB`` in bytes. Raises BadPlan."""
    number, unit = _split(text)
    if unit not in _UNIT_BYTES:
        raise BadPlan(f"{text!r} is no size\n  hint: write it as 100, 64KiB or 1GB")
    return int(number * _UNIT_BYTES[unit])


def count(text: str) -> int:
    """A whole number, 0 or more, of at most nine digits. Raises BadPlan."""
    if not re.fullmatch(r"\d{1,9}", text):
        raise BadPlan(f"{text!r} is no count\n  hint: a whole number from 0 to 999999999")
    return int(text)


def number(text: str) -> float:
    """A plain number, 0 or more. Raises BadPlan."""
    value, unit = _split(text)
    if unit:
        raise BadPlan(f"{text!r} is no number\n  hint: digits, and a point where it has one")
    return value


def _split(text: str) -> tuple[float, str]:
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise BadPlan(f"{text!r} is no amount\n  hint: a number and its unit, as in 2s or 64KiB")
    return float(found[1]), found[2]
