"""A lane without a provider behind it."""

from __future__ import annotations

import pytest

from poise.clock import SystemClock
from poise.path.fleet import Lane
from poise.target import Target
from tests.path.fakes import FakePool


@pytest.fixture
def lane() -> Lane:
    return Lane(Target("m@b", "m", "b", "openai", "us", "m-1"), FakePool(), {}, "", SystemClock())
