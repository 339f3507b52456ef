"""Which Poise this is: its version, and whether its hot path runs compiled (docs/decisions/0010)."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

from poise import __version__

_ONE_OF_THEM = "poise.rules.choose"  # compiled together or not at all


def is_compiled() -> bool:
    """Whether the modules of the hot path are extension modules here. Imports none of them."""
    found = find_spec(_ONE_OF_THEM)
    return found is not None and (found.origin or "").endswith(tuple(EXTENSION_SUFFIXES))


def shown() -> str:
    """``0.1.0 (compiled)`` or ``0.1.0 (pure Python)``."""
    return f"{__version__} ({'compiled' if is_compiled() else 'pure Python'})"
