"""Emulators while they listen, for tests and for the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from poise.clock import Clock, SystemClock
from poise.sim.emulate.emulator import Emulator
from poise.sim.upstream import serving


@asynccontextmanager
async def running(*vendors: str, clock: Clock | None = None, gap_s: float = 0.0) -> AsyncIterator[dict[str, Emulator]]:
    """An emulator of each vendor on a port of its own, by the vendor's name."""
    async with AsyncExitStack() as stack:
        made = {name: Emulator(name, clock or SystemClock(), gap_s=gap_s) for name in vendors}
        for emulator in made.values():
            await stack.enter_async_context(serving(emulator))
        yield made


@asynccontextmanager
async def emulators(*vendors: str, gap_s: float = 0.0) -> AsyncIterator[dict[str, str]]:
    """As running, for those who need the addresses only: the base URL that each vendor's own client is given."""
    async with running(*vendors, gap_s=gap_s) as made:
        yield {name: emulator.url for name, emulator in made.items()}
