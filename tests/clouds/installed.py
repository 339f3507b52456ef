"""The clouds' libraries, where they are installed: they are an extra, and tests that need them say that they were skipped."""

from __future__ import annotations

from importlib import import_module

import pytest

from poise.edge.clouds.extra import Foreign

__all__ = ["Foreign", "need"]


def need(module: str) -> Foreign:
    """The module, or the test is skipped."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed: pip install 'poise[clouds]'")
