"""The data plane of one worker: connections, the request path, the lanes to its targets, and the ticker that looks after them."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from poise.clock import Clock, Timer
from poise.edge.clouds.identities import Identities
from poise.edge.front import Front
from poise.edge.http.dial import dialer_for
from poise.edge.http.pool import UpstreamPool
from poise.edge.http.resolve import SystemResolver
from poise.edge.http.server import Server
from poise.edge.number import Numbers
from poise.edge.passing import Passing
from poise.edge.pin_link import pins_key
from poise.edge.recorder import make_recorder
from poise.edge.snapshot import Endpoint, Snapshot
from poise.edge.tongues import tongues_of
from poise.edge.wiring import stack
from poise.path.fleet import Lane, Route, Tongue
from poise.path.pins import PinBook, Pinning
from poise.rules.prepare import PASSTHROUGH, prepare
from poise.signal import Board, TargetSignals, WorkerSignals
from poise.target import Price, Target

TICK_S: Final = 0.1  # how fine the request timers are; the shortest useful one is a second
LOOK_EVERY: Final = 2  # ticks between looks at what is under way
SWEEP_EVERY: Final = 10  # ticks between looks at idle connections
LATE_US: Final = 200_000  # lateness of our own beyond this is taken out of every silence that was measured meanwhile


class Plane:
    """One worker's data plane. Everything in it belongs to the running event loop."""

    def __init__(self, snapshot: Snapshot, *, index: int, data: Path, clock: Clock) -> None:
        self._index = index
        self._clock = clock
        self._resolver = SystemResolver(clock)
        self._identities = Identities(clock)
        self._endpoints: dict[str, Endpoint] = {}
        self._pools: dict[str, UpstreamPool] = {}
        self._retired: list[UpstreamPool] = []
        self._lanes: dict[str, Lane] = {}
        self._due_us = 0
        self._ticks = 0
        self._lag_us = 0
        self._timer: Timer | None = None
        self._recorder = make_recorder(data, index, clock.now_us())
        self.pins = PinBook(pins_key(data))
        self._path = stack(self._recorder, clock, asyncio.get_running_loop().create_future)
        self._path.passing.passage.learn = self.pins.learn
        self._passing = Passing(self._path.passing.admit)
        self._front = Front(self._path.admit, self._recorder, clock, self._load, snapshot, self._passing)
        self._server = Server(snapshot.limits, self._front, Numbers(clock, index).next, lambda: clock.now_us() / 1e6)
        self._snapshot = snapshot

    # -- life --------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Ask for credentials, and wait a little for them; start the ticker."""
        self._identities.start()
        await self._identities.first()
        self._due_us = self._clock.now_us()
        self._tick()

    def listen(self, sock: socket.socket) -> Callable[[], None]:
        """Accept on a duplicate of a listening socket. Returns a function that stops it."""
        listener = self._snapshot.listener
        context = _server_context(listener.cert, listener.key) if listener.cert else None
        task = asyncio.get_running_loop().create_task(self._server.listen(sock.dup(), context))

        def stop() -> None:
            if task.done() and not task.cancelled():
                task.result().close()
            else:
                task.cancel()

        return stop

    def update(self, snapshot: Snapshot) -> None:
        """Serve new requests by this snapshot; those under way keep the one they began with."""
        self._front.update(snapshot)
        self._server.limits = snapshot.limits
        self._snapshot = snapshot

    async def drain(self, grace_s: float) -> None:
        """Accept nothing more, let what is under way end within grace_s, then end it in-band."""
        self._path.admit.draining = self._path.passing.admit.draining = self._front.draining = True
        self._server.drain()
        end_us = self._clock.now_us() + int(grace_s * 1e6)
        while self._server.live and self._clock.now_us() < end_us:
            await self._pause()
        for reply in list(self._server.live):
            self._server.cut(reply)
        while self._server.live:
            await self._pause()

    async def close(self) -> None:
        """Let go of sockets, ticker, credentials and journal."""
        if self._timer is not None:
            self._timer.cancel()
        self._server.stop_listening()
        for connection in list(self._server.connections):
            connection.close()
        for pool in (*self._pools.values(), *self._retired):
            pool.close()
        await self._identities.close()
        self._recorder.close()

    # -- signals ---------------------------------------------------------------------------------------------------

    def adopt_board(self, board: Board) -> None:
        """Take over control's view of all targets."""
        others = board.others.get(self._index, ())
        for i, signals in enumerate(board.signals):
            lane = self._lanes.get(signals.target)
            if lane is not None:
                lane.learn(signals.reading, others[i] if i < len(others) else 0)
        self._path.decide.board = self._path.passing.decide.board = board

    def signals(self) -> WorkerSignals:
        """This worker's own view and condition."""
        counts = dict(self._server.counts)
        counts["connections"] = len(self._server.connections)
        counts["in_flight"] = len(self._server.live)
        now_us = self._clock.now_us()
        return WorkerSignals(
            self._index,
            os.getpid(),
            now_us,
            self._lag_us,
            tuple(TargetSignals(name, lane.own(now_us)) for name, lane in self._lanes.items()),
            counts,
            dict(self._path.decide.stages_us),
            self._identities.signals(),
        )

    # -- inside ------------------------------------------------------------------------------------------------------

    def _load(self, snapshot: Snapshot) -> dict[str, Route]:
        """Routes of a snapshot. Lanes and pools of what did not change are kept, with all they have learnt."""
        self._identities.keep(snapshot.endpoints)
        pools = dict(self._pools)
        for name, endpoint in snapshot.endpoints.items():
            if self._endpoints.get(name) != endpoint:
                if name in pools:
                    self._retired.append(pools[name])
                dialer = dialer_for(endpoint.provider, self._resolver, self._clock)
                pools[name] = UpstreamPool(endpoint, dialer=dialer, clock=self._clock)
        for name in set(pools) - set(snapshot.endpoints):
            self._retired.append(pools.pop(name))
        lanes: dict[str, Lane] = {}
        routes: dict[str, Route] = {}
        made: dict[bytes, Route] = {}
        passages: dict[str, Route] = {}
        for into, policies in ((routes, snapshot.policies), (passages, snapshot.passthrough)):
            for name, policy in policies.items():
                prepared = prepare(policy)
                route = made.get(prepared.digest)
                if route is None:
                    route_lanes = []
                    for candidate in policy.candidates:
                        target = candidate.target
                        if target.id not in lanes:
                            lanes[target.id] = self._lane(target, snapshot.endpoints[target.provider], pools)
                        route_lanes.append(lanes[target.id])
                    own = tuple(route_lanes)
                    pins = Pinning(self.pins, own) if Pinning.matters(own) else None
                    route = made[prepared.digest] = Route(prepared, own, pins)
                into[name] = route
        self._pools, self._endpoints, self._lanes = pools, dict(snapshot.endpoints), lanes
        self._passing.update(snapshot, passages)
        self._path.passing.passage.prices = _prices(snapshot)
        return routes

    def _lane(self, target: Target, endpoint: Endpoint, pools: dict[str, UpstreamPool]) -> Lane:
        old = self._lanes.get(target.id)
        pool = pools[target.provider]
        if old is not None and old.target == target and old.pool is pool:
            return old
        tongues: dict[str, Tongue] = {}
        if target.dialect != PASSTHROUGH:
            tongues = tongues_of(target, endpoint, self._identities.signer(target.provider))
        return Lane(target, pool, tongues, endpoint.key, self._clock)

    def _tick(self) -> None:
        now_us = self._clock.now_us()
        self._lag_us = self._path.recover.lag_us = late_us = max(0, now_us - self._due_us)
        self._ticks += 1
        if late_us > LATE_US:
            for exchange in self._path.call.live:
                exchange.forgive(late_us)
            for crossing in self._path.passing.passage.live:
                crossing.forgive(late_us)
        if (
            self._ticks % LOOK_EVERY == 0
        ):  # looked at by turns of the ticker: 800 streams ten times a second cost 2 % of a core
            for exchange in list(self._path.call.live):
                exchange.tick(now_us)
            self._path.call.linger(now_us)
            for crossing in list(self._path.passing.passage.live):
                crossing.tick(now_us)
        self._server.tick()
        if self._ticks % SWEEP_EVERY == 0:
            self._server.sweep()
            for pool in self._pools.values():
                pool.sweep(now_us)
            self._sweep_retired(now_us)
        self._due_us = self._clock.now_us() + int(TICK_S * 1e6)
        self._timer = self._clock.later(TICK_S, self._tick)

    def _sweep_retired(self, now_us: int) -> None:
        for pool in list(self._retired):
            pool.sweep(now_us)
            if pool.in_use == 0:
                pool.close()
                self._retired.remove(pool)

    async def _pause(self) -> None:
        """Wait for one tick."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        self._clock.later(TICK_S / 2, wake)
        await waiter


def _prices(snapshot: Snapshot) -> dict[tuple[str, str], Price]:
    """What models cost, by provider and either of their names."""
    found: dict[tuple[str, str], Price] = {}
    for policy in snapshot.policies.values():
        for candidate in policy.candidates:
            target = candidate.target
            found[(target.provider, target.upstream_model)] = found[(target.provider, target.model)] = target.price
    return found


def _server_context(cert: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key or None)
    context.set_alpn_protocols(["http/1.1"])
    return context
