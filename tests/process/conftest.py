"""Gateways of stand-in processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.process.gateway import Gateway

Start = Callable[..., Gateway]
Launch = Callable[..., Gateway]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start gateways that end with the test; options are Gateway's."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Gateway(tmp_path, **options))


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Launch a gateway without waiting for anything; it ends with the test."""
    with ExitStack() as stack:

        def begin(gateway: Gateway, how: str = "supervise") -> Gateway:
            gateway.launch(how)
            stack.push(gateway)
            return gateway

        yield begin
