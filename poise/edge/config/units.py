"""Quantities as people write them: ``800ms``, ``4MiB``, ``99.9%``, ``$0.05``; None is returned where it is none."""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s?([A-Za-z%]+)")
_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_BYTES = {
    "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
}  # fmt: skip
_MONEY = re.compile(r"\$?\s?([0-9]{1,9}(?:\.[0-9]{1,9})?)(?:\s?USD)?")


def duration_us(text: str) -> int | None:
    """``800ms`` as microseconds."""
    return _scaled(text, _US)


def size_bytes(text: str) -> int | None:
    """``4MiB`` as bytes."""
    return _scaled(text, _BYTES)


def percent_e6(text: str) -> int | None:
    """``99.9%`` as millionths of 1."""
    return _scaled(text, {"%": 10_000})


def money_usd(text: str) -> float | None:
    """``$0.05``, ``0.05 USD`` or ``0.05`` as USD."""
    match = _MONEY.fullmatch(text)
    return float(match[1]) if match else None


def show_us(value: int) -> str:
    """Microseconds in the largest unit that leaves a whole number."""
    return _shown(value, _US)


def show_bytes(value: int) -> str:
    """Bytes in the largest binary unit that leaves a whole number."""
    return _shown(value, {unit: scale for unit, scale in _BYTES.items() if unit == "B" or "i" in unit})


def show_e6(value: int) -> str:
    """Millionths of 1 as a percentage."""
    return f"{Decimal(value) / 10_000:f}%"


def _scaled(text: str, units: dict[str, int]) -> int | None:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in units:
        return None
    return int(Decimal(match[1]) * units[match[2]])  # exact: 1.1ms is 1100 us, not 1100.0000000000002


def _shown(value: int, units: dict[str, int]) -> str:
    if value == 0:
        return "0" + ("s" if "s" in units else "B")
    unit = max((unit for unit in units if value % units[unit] == 0), key=lambda unit: units[unit])
    return f"{value // units[unit]}{unit}"
