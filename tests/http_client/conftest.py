"""A certificate authority for these tests alone."""

from __future__ import annotations

import pytest
import trustme


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Signs what the tests trust."""
    return trustme.CA()
