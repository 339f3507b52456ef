"""One running world: starting it is the slow part, and models keep the tests apart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oip.world import Tensors, tensors


@pytest.fixture(scope="session")
def running() -> Iterator[Tensors]:
    with tensors() as made:
        yield made
