"""A network in memory: pairs of transports with asyncio's semantics, and addresses that accept or refuse.

Bytes arrive after a latency, in order. A writer whose peer does not read is paused once more than its high-water mark
waits beyond what a kernel would hold.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from poise.clock import Clock
from poise.sim.clock import VirtualClock

KERNEL_BYTES = 64 * 1024  # taken by the kernels of both ends before a writer notices that nobody reads
HIGH_WATER_BYTES = 64 * 1024

ProtocolFactory = Callable[[], asyncio.Protocol]


class MemoryTransport(asyncio.Transport):
    """One end of a pair. ``write`` goes to the other end's protocol; ``paused_reading`` holds back what comes here."""

    def __init__(self, clock: Clock, protocol: asyncio.Protocol, latency_s: float, name: str) -> None:
        super().__init__({"peername": ("memory", 0), "sockname": (name, 0)})
        self._clock = clock
        self._protocol = protocol
        self._latency_s = latency_s
        self._name = name
        self._peer: MemoryTransport | None = None
        self._unread: deque[bytes] = deque()  # arrived here, not yet given to the protocol
        self._outbound = 0  # bytes written here that the other end's protocol has not got yet
        self._high = HIGH_WATER_BYTES
        self._low = HIGH_WATER_BYTES // 4
        self._writer_paused = False
        self._reader_paused = False
        self._closing = False
        self._lost = False
        self._eof_in = False
        self._eof_out = False

    def __repr__(self) -> str:
        state = "lost" if self._lost else "closing" if self._closing else "open"
        return f"<{self._name} {state}, {self._outbound} B on the way, {len(self._unread)} unread>"

    def pair_with(self, peer: MemoryTransport) -> None:
        """Name the other end."""
        self._peer = peer

    # -- writing ------------------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._eof_out:
            raise RuntimeError("write after write_eof")
        if self._closing or self._lost or not data:
            return
        self._outbound += len(data)
        self._to_peer(partial(_deliver, bytes(data)))
        if not self._writer_paused and self.get_write_buffer_size() > self._high:
            self._writer_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Any) -> None:  # noqa: ANN401 - asyncio's own signature
        self.write(b"".join(list_of_data))

    def get_write_buffer_size(self) -> int:
        return max(0, self._outbound - KERNEL_BYTES)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = HIGH_WATER_BYTES if high is None else high
        self._low = self._high // 4 if low is None else low

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not (self._eof_out or self._closing):
            self._eof_out = True
            self._to_peer(MemoryTransport.arrive_eof)

    # -- reading ------------------------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        self._reader_paused = True

    def resume_reading(self) -> None:
        if self._reader_paused:
            self._reader_paused = False
            self._clock.later(0, self._hand_over)

    def is_reading(self) -> bool:
        return not (self._reader_paused or self._closing)

    # -- ending -------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._to_peer(MemoryTransport.arrive_eof)
            self._clock.later(0, lambda: self.lose(None))

    def abort(self) -> None:
        if not self._lost:
            self._closing = True
            self._to_peer(lambda peer: peer.lose(ConnectionResetError("reset by peer")))
            self._clock.later(0, lambda: self.lose(None))

    def is_closing(self) -> bool:
        return self._closing or self._lost

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self._protocol = protocol

    # -- on the way ---------------------------------------------------------------------------------------------------

    def _to_peer(self, arrive: Callable[[MemoryTransport], None]) -> None:
        peer = self._peer
        assert peer is not None
        self._clock.later(self._latency_s, lambda: arrive(peer))

    def arrive(self, data: bytes) -> None:
        """Bytes from the other end."""
        if self._lost or self._closing:
            self._to_peer(lambda peer: peer.lose(ConnectionResetError("written to a closed end")))
            return
        self._unread.append(data)
        self._hand_over()

    def arrive_eof(self) -> None:
        """The other end writes no more."""
        self._eof_in = True
        self._hand_over()

    def _hand_over(self) -> None:
        """Give what has arrived to the protocol, unless it is paused."""
        while self._unread and not (self._reader_paused or self._lost or self._closing):
            data = self._unread.popleft()
            if self._peer is not None:
                self._peer.taken(len(data))
            self._protocol.data_received(data)
        if self._eof_in and not (self._unread or self._reader_paused or self._lost or self._closing):
            self._eof_in = False
            if not self._protocol.eof_received():
                self.close()

    def taken(self, size: int) -> None:
        """The other end's protocol has got so many bytes."""
        self._outbound -= size
        if self._writer_paused and not self._lost and self.get_write_buffer_size() <= self._low:
            self._writer_paused = False
            self._protocol.resume_writing()

    def lose(self, why: Exception | None) -> None:
        """The connection is gone; only the first reason is told."""
        if not self._lost:
            self._lost = self._closing = True
            self._unread.clear()
            self._protocol.connection_lost(why)


def connect_pair(
    clock: Clock, left: asyncio.Protocol, right: asyncio.Protocol, *, latency_s: float = 0.0, name: str = "pipe"
) -> tuple[MemoryTransport, MemoryTransport]:
    """Join two protocols; ``connection_made`` has been called on both."""
    one = MemoryTransport(clock, left, latency_s, f"{name}/left")
    other = MemoryTransport(clock, right, latency_s, f"{name}/right")
    one.pair_with(other)
    other.pair_with(one)
    right.connection_made(other)
    left.connection_made(one)
    return one, other


def _deliver(data: bytes, end: MemoryTransport) -> None:
    end.arrive(data)


class MemoryNetwork:
    """Addresses by name. ``latency_s`` is one way; a connection takes two of them."""

    def __init__(self, clock: VirtualClock, *, latency_s: float = 0.001) -> None:
        self._clock = clock
        self._latency_s = latency_s
        self._listening: dict[str, ProtocolFactory] = {}
        self._failing: dict[str, OSError | None] = {}
        self.dialled = 0

    def listen(self, address: str, factory: ProtocolFactory) -> None:
        """Accept connections at an address."""
        self._listening[address] = factory

    def refuse(self, address: str) -> None:
        """Accept no more there; connections that stand are left alone."""
        self._listening.pop(address, None)

    def fail(self, address: str, error: OSError | None) -> None:
        """Let attempts to connect end with this error; None: packets vanish, and nothing ever comes back."""
        self._failing[address] = error

    def mend(self, address: str) -> None:
        """Connect again as before ``fail``."""
        self._failing.pop(address, None)

    async def connect(self, address: str, factory: ProtocolFactory) -> tuple[asyncio.Transport, asyncio.Protocol]:
        """Open a connection. Raises ConnectionRefusedError where nobody listens, and what ``fail`` was given."""
        self.dialled += 1
        if address in self._failing:
            error = self._failing[address]
            if error is None:
                await asyncio.get_running_loop().create_future()
            else:
                raise error
        await self._clock.sleep(2 * self._latency_s)
        accept = self._listening.get(address)
        if accept is None:
            raise ConnectionRefusedError(f"nobody listens at {address}")
        protocol = factory()
        one, _ = connect_pair(self._clock, protocol, accept(), latency_s=self._latency_s, name=address)
        return one, protocol
