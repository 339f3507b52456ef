"""Libraries that are not in the base install: imported when a provider wants them, and missed with a hint."""

from __future__ import annotations

from importlib import import_module
from typing import Any, TypeAlias

from poise.errors import Error

Foreign: TypeAlias = Any  # of a library that is not there when types are checked


def load(module: str, vendor: str) -> Foreign:
    """The module. Raises Error where it is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        text = f"{vendor} credentials need the Python package of {missing.name}, which is not installed"
        raise Error("internal", text, hint="pip install 'poise[clouds]'") from missing
