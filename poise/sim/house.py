"""The real house on virtual time: server, front, request path and pools as a worker has them; network and disk are not.

What ``edge.plane`` does with sockets, journal and snapshot messages is done here with memory; everything between a
client's bytes and an upstream's bytes is the same objects.
"""

from __future__ import annotations

import asyncio
import hashlib

import msgspec

from poise.clock import Clock
from poise.edge.front import Front
from poise.edge.http.connect import Dialed, ProtocolFactory, connect_failure
from poise.edge.http.pool import UpstreamPool
from poise.edge.http.server import Server
from poise.edge.snapshot import Snapshot
from poise.edge.tongues import tongues_of
from poise.edge.wiring import stack
from poise.errors import AttemptFailed, Failure
from poise.path.exchange import Exchange
from poise.path.fleet import Lane, Route
from poise.rules.prepare import prepare
from poise.sim.clock import VirtualClock
from poise.sim.pipe import MemoryNetwork

TICK_S = 0.1
SWEEP_EVERY = 10
FRONT_DOOR = "gateway"


class Kept(msgspec.Struct):
    """What the record holds of one request; blobs as the path wrote them."""

    decision: bytes = b""
    policy: bytes = b""
    opened: int = 0
    outcomes: list[bytes] = []
    refusals: list[str] = []


class MemoryRecorder:
    """``path.service.Recorder`` in memory. trace runs over every record in order: equal runs have equal traces."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.kept: dict[int, Kept] = {}
        self.trace = hashlib.sha256()

    def opened(
        self,
        id: int,
        policy: bytes,
        workflow: str,
        conversation: str,
        key: str,
        blob: bytes,
        required: bool,
        kind: int = 1,
    ) -> bool:
        kept = self._at(id, blob)
        kept.opened += 1
        kept.decision, kept.policy = blob, policy
        return True

    def finished(  # noqa: PLR0913 - the protocol's
        self,
        id: int,
        kind_code: int,
        status: int,
        target: str,
        took_us: int,
        cost_usd_e6: int,
        input_tokens: int,
        output_tokens: int,
        blob: bytes,
        first_byte_us: int = -1,
        attempts: int = 1,
    ) -> None:
        self._at(id, blob).outcomes.append(blob)

    def refused(self, id: int, code: str, workflow: str, key: str, status: int, blob: bytes = b"") -> None:
        self._at(id, code.encode()).refusals.append(code)

    def _at(self, id: int, what: bytes) -> Kept:
        self.trace.update(b"%d %d " % (self._clock.now_us(), id) + what)
        return self.kept.setdefault(id, Kept())


class MemoryDialer:
    """``edge.http.connect.Dialer`` over the network in memory."""

    def __init__(self, network: MemoryNetwork, address: str) -> None:
        self._network = network
        self._address = address

    async def dial(self, protocol_factory: ProtocolFactory, timeout_s: float) -> Dialed:
        """Raises AttemptFailed: CONNECT, LOCAL."""
        try:
            transport, protocol = await self._network.connect(self._address, protocol_factory)
        except ConnectionRefusedError as refused:
            raise AttemptFailed(Failure.CONNECT, str(refused)) from refused
        except OSError as error:
            raise connect_failure(error, self._address) from error
        return Dialed(transport, protocol, transport)


class House:
    """One worker's data plane, reached at FRONT_DOOR of the network; providers are addresses of it by their names."""

    def __init__(self, snapshot: Snapshot, network: MemoryNetwork, clock: VirtualClock) -> None:
        self._network = network
        self._clock = clock
        self._last_id = 0
        self._ticks = 0
        self.pools: dict[str, UpstreamPool] = {}
        self.lanes: dict[str, Lane] = {}
        self.recorder = MemoryRecorder(clock)
        self.path = stack(self.recorder, clock, asyncio.get_running_loop().create_future)
        self._front = Front(self.path.admit, self.recorder, clock, self._load, snapshot)
        self.server = Server(snapshot.limits, self._front, self._next_id, lambda: clock.now_us() / 1e6)
        self.stopped = False

    def start(self) -> None:
        """Open the door and start the ticker."""
        self._network.listen(FRONT_DOOR, self.server.accept)
        self._tick()

    async def drain(self, grace_s: float) -> None:
        """As a worker does on SIGTERM: nothing new, grace for what is under way, then an end in-band."""
        self._network.refuse(FRONT_DOOR)
        self.path.admit.draining = True
        self.server.drain()
        end_us = self._clock.now_us() + int(grace_s * 1e6)
        while self.server.live and self._clock.now_us() < end_us:
            await self._clock.sleep(TICK_S / 2)
        for reply in list(self.server.live):
            self.server.cut(reply)

    def stop(self) -> None:
        """Stop the ticker and close the pools."""
        self.stopped = True
        for pool in self.pools.values():
            pool.close()

    @property
    def busy(self) -> dict[str, int]:
        """What is in use now, by name; empty where every slot is free."""
        found = {"exchanges": len(self.path.call.live), "replies": len(self.server.live)}
        for name, pool in self.pools.items():
            found[f"connections to {name}"] = pool.in_use
            found[f"waiting for {name}"] = pool.waiting
            found[f"dials to {name}"] = pool.dialling
        for name, lane in self.lanes.items():
            found[f"calls at {name}"] = lane.in_flight
        return {name: count for name, count in found.items() if count}

    def _next_id(self) -> int:
        self._last_id = max(self._clock.now_us() << 12, self._last_id + 4096)
        return self._last_id

    def _load(self, snapshot: Snapshot) -> dict[str, Route]:
        for name, endpoint in snapshot.endpoints.items():
            self.pools[name] = UpstreamPool(endpoint, dialer=MemoryDialer(self._network, name), clock=self._clock)
        routes: dict[str, Route] = {}
        for name, policy in snapshot.policies.items():
            for candidate in policy.candidates:
                target = candidate.target
                if target.id not in self.lanes:
                    key = snapshot.endpoints[target.provider].key
                    tongues = tongues_of(target, snapshot.endpoints[target.provider])
                    self.lanes[target.id] = Lane(target, self.pools[target.provider], tongues, key, self._clock)
            lanes = tuple(self.lanes[candidate.target.id] for candidate in policy.candidates)
            routes[name] = Route(prepare(policy), lanes)
        return routes

    def _tick(self) -> None:
        if self.stopped:
            return
        now_us = self._clock.now_us()
        # A set's order follows addresses in memory; sorted, equal seeds give equal runs.
        for exchange in sorted(self.path.call.live, key=_age):
            exchange.tick(now_us)
        self.path.call.linger(now_us)
        self.server.tick()
        self._ticks += 1
        if self._ticks % SWEEP_EVERY == 0:
            self.server.sweep()
            for pool in self.pools.values():
                pool.sweep(now_us)
        self._clock.later(TICK_S, self._tick)


def _age(exchange: Exchange) -> tuple[int, int]:
    attempt = exchange.dispatch.attempt
    return attempt.plan.request.id, attempt.number
