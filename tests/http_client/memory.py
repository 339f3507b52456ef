"""Dialling on virtual time, without a network: every connection counted, every delay from a seed."""

from __future__ import annotations

import asyncio
import random

from poise.edge.http.connect import Dialed, ProtocolFactory
from poise.edge.http.pool import UpstreamPool
from poise.edge.http.upstream import UpstreamConnection
from poise.edge.snapshot import Endpoint
from poise.errors import AttemptFailed, Failure
from poise.sim.clock import VirtualClock
from tests.http_client.peers import OK, provider
from tests.http_client.wires import Wire


class MemoryWire(Wire):
    """A transport whose peer answers each write after a while; ``answer`` may be replaced or taken away."""

    def __init__(self, dialer: MemoryDialer, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._dialer = dialer
        self._protocol = protocol
        dialer.wires.add(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        super().write(data)
        if self._dialer.answer:
            self._dialer.clock.later(self._dialer.delay_s(), self._say)

    def _say(self) -> None:
        if not self.closed:
            self._protocol.data_received(self._dialer.answer)

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self.closed:
            self.closed = True
            self._dialer.wires.discard(self)
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def hang_up(self) -> None:
        """The peer closes."""
        self._protocol.eof_received()


class MemoryDialer:
    """``connect.Dialer``. wires are the connections open now; fails is the share of dials that are refused."""

    def __init__(self, clock: VirtualClock, *, seed: int = 1, steps: int = 1, fails: float = 0.0) -> None:
        self.clock = clock
        self.wires: set[MemoryWire] = set()
        self.answer = OK
        self.dials = 0
        self.steps = steps
        self.fails = fails
        self.most = 0
        self.fixed_s: float | None = None  # every delay, where it is not from the dice
        self._dice = random.Random(seed)

    def delay_s(self) -> float:
        """A few whole milliseconds: few different times make many coincidences."""
        return self._dice.randrange(self.steps) / 1000 if self.fixed_s is None else self.fixed_s

    async def dial(self, protocol_factory: ProtocolFactory, timeout_s: float) -> Dialed:
        self.dials += 1
        await self.clock.sleep(self.delay_s())
        if self._dice.random() < self.fails:
            raise AttemptFailed(Failure.CONNECT, "refused")
        protocol = protocol_factory()
        wire = MemoryWire(self, protocol)
        self.most = max(self.most, len(self.wires))
        try:
            protocol.connection_made(wire)
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            wire.abort()
            raise
        return Dialed(wire, protocol, wire)


def memory_pool(clock: VirtualClock, dialer: MemoryDialer, *, connections: int, idle_s: float = 30.0) -> UpstreamPool:
    """A pool on virtual time."""
    endpoint = Endpoint(provider("http://x/v1", connections=connections))
    return UpstreamPool(endpoint, dialer=dialer, clock=clock, idle_s=idle_s)


def wire_of(dialer: MemoryDialer, connection: UpstreamConnection) -> MemoryWire:
    """The transport under a connection."""
    return next(wire for wire in dialer.wires if wire is connection.wire)
