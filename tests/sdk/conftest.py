"""One running world for all SDK tests: starting it is the slow part, and models keep the tests apart."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.sdk.dialects import doors
from tests.sdk.speaking import Clients
from tests.world import World
from tests.world import world as start_world


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with start_world() as running:
        yield running


@pytest.fixture
def client(world: World) -> Iterator[openai.OpenAI]:
    with world.client() as client:
        yield client


@pytest.fixture(scope="session")
def clients() -> Iterator[Clients]:
    """Every SDK's clients, a gateway, and an emulator of each vendor behind it."""
    with doors() as running:
        made = Clients(running)
        yield made
        made.close()
