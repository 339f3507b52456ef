"""The proxy: for each connection one to the upstream and a pump each way. ``weather`` may be changed at any time."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, cast

from poise.clock import Clock
from poise.sim.dice import Dice
from poise.sim.tcpfault.link import Weather
from poise.sim.tcpfault.pump import Pump

NO_LINGER: Final = struct.pack("ii", 1, 0)  # closing sends RST
HIGH_WATER_BYTES: Final = 64 * 1024

Dial = Callable[[Callable[[], asyncio.Protocol]], Awaitable[object]]


class Side(asyncio.Protocol):
    """One of the two sockets of a connection."""

    def __init__(self, pair: Pair, outgoing: Pump, incoming: Pump) -> None:
        self._pair = pair
        self._outgoing = outgoing  # takes what this side is sent
        self._incoming = incoming  # gives what this side is to send
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._pair.made(self)

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        self._outgoing.feed(data, self.transport)

    def eof_received(self) -> bool:
        self._outgoing.finish("eof")
        return True  # half-closed: the other direction goes on

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._pair.lost(self, exc)

    def pause_writing(self) -> None:
        self._incoming.full(full=True)

    def resume_writing(self) -> None:
        self._incoming.full(full=False)

    def end(self, how: str) -> None:
        """RST, or FIN behind what was written."""
        transport = self.transport
        if transport is None:
            return
        if how == "fin":
            transport.close()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        transport.abort()


class Pair:
    """One connection through the proxy: the near side, which was accepted, and the far one, which was dialled."""

    def __init__(self, proxy: TcpFault, number: int) -> None:
        dice = Dice(proxy.seed * 1_000_003 + number)
        self._proxy = proxy
        self.number = number
        self.up = Pump(proxy.clock, dice, lambda: proxy.weather.up, lambda how: self.end(how, self.far))
        self.down = Pump(proxy.clock, dice, lambda: proxy.weather.down, lambda how: self.end(how, self.near))
        self.near = Side(self, self.up, self.down)
        self.far = Side(self, self.down, self.up)
        self._dialling: asyncio.Task[None] | None = None
        self._frozen = False
        self._ended = False

    def made(self, side: Side) -> None:
        """A side is connected."""
        mode = self._proxy.weather.mode
        if side is self.near:
            self._proxy.joined(self)
            if mode == "reset":
                self.near.end("rst")
            elif mode != "blackhole":
                self.dial()
            return
        if self.near.transport is None or side.transport is None:
            side.end("rst")
            return
        self.up.attach(self.near.transport, side.transport)
        self.down.attach(side.transport, self.near.transport)
        self.freeze(frozen=mode == "blackhole")

    def dial(self) -> None:
        """Connect to the upstream."""
        if self._dialling is None:
            self._dialling = asyncio.get_running_loop().create_task(self._dial())

    async def _dial(self) -> None:
        try:
            await self._proxy.dial(lambda: self.far)
        except OSError:
            self._proxy.counts["not_dialled"] += 1
            self.near.end("rst")

    def lost(self, side: Side, exc: Exception | None) -> None:
        """A side is gone, and was not ended from here: the other one learns it through the link."""
        outgoing = self.up if side is self.near else self.down
        other = self.far if side is self.near else self.near
        if other.transport is None:
            self.up.close()
            self.down.close()
            self._proxy.left(self)
        elif not self._ended:
            outgoing.finish("rst")

    def freeze(self, *, frozen: bool) -> None:
        """Nothing goes through, or it goes on; what was never dialled is dialled then."""
        self._frozen = frozen
        self.up.freeze(frozen=frozen)
        self.down.freeze(frozen=frozen)
        if not frozen and self.near.transport is not None and self._dialling is None:
            self.dial()

    def end(self, how: str, side: Side) -> None:
        """What a pump came to: the last byte of its direction (``eof``), the other end's reset, or the link's own end."""
        if how == "eof":
            if side.transport is not None and side.transport.can_write_eof():
                side.transport.write_eof()
            if not (self.up.finished and self.down.finished):
                return
            how = "fin"
        else:
            self._proxy.counts[how] += 1
        self.stop(how)

    def stop(self, how: str) -> None:
        """Both sides end, now."""
        self._ended = True
        if self._dialling is not None:
            self._dialling.cancel()
        self.near.end(how)
        self.far.end(how)


class TcpFault:
    """The proxy. dial opens a connection to the upstream for the protocol that it is handed."""

    def __init__(self, clock: Clock, dial: Dial, *, seed: int = 0, weather: Weather | None = None) -> None:
        self.clock = clock
        self.dial = dial
        self.seed = seed
        self.weather = weather or Weather()
        self.counts: Counter[str] = Counter()
        self.port = 0
        self._host = ""
        self._pairs: dict[int, Pair] = {}
        self._server: asyncio.Server | None = None

    @property
    def pairs(self) -> list[Pair]:
        """Connections that stand, oldest first."""
        return list(self._pairs.values())

    def accept(self) -> Side:
        """The near side of a new connection, for whoever brings the transport."""
        self.counts["connections"] += 1
        return Pair(self, self.counts["connections"]).near

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Accept on a real socket; port 0 takes a free one, which a later ``listen`` keeps. Returns it."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self.accept, host, port or self.port, reuse_address=True)
        self._host, self.port = host, self._server.sockets[0].getsockname()[1]
        return self.port

    async def change(self, weather: Weather) -> None:
        """Another weather, for what stands too: bytes that are under way arrive when they were to."""
        self.weather = weather
        if weather.mode == "refuse" and self._server is not None:
            self._server.close()
            self._server = None
        elif weather.mode != "refuse" and self._server is None and self.port:
            await self.listen(self._host)
        for pair in self.pairs:
            pair.freeze(frozen=weather.mode == "blackhole")

    def cut(self, how: str = "rst") -> None:
        """End every connection that stands, by ``rst`` or ``fin``."""
        for pair in self.pairs:
            pair.stop(how)

    async def close(self) -> None:
        """Stop for good."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for pair in self.pairs:
            pair.stop("rst")

    def joined(self, pair: Pair) -> None:
        """A connection was accepted."""
        self._pairs[pair.number] = pair

    def left(self, pair: Pair) -> None:
        """Both sides of a connection are gone."""
        self._pairs.pop(pair.number, None)


def to_address(host: str, port: int) -> Dial:
    """Dials a real address."""

    async def dial(factory: Callable[[], asyncio.Protocol]) -> object:
        return await asyncio.get_running_loop().create_connection(factory, host, port)

    return dial


@asynccontextmanager
async def before(
    host: str, port: int, clock: Clock, *, seed: int = 0, weather: Weather | None = None, listen_port: int = 0
) -> AsyncIterator[TcpFault]:
    """A proxy on the loopback before an address, while it listens."""
    proxy = TcpFault(clock, to_address(host, port), seed=seed, weather=weather)
    await proxy.listen(port=listen_port)
    if proxy.weather.mode == "refuse":
        await proxy.change(proxy.weather)
    try:
        yield proxy
    finally:
        await proxy.close()
