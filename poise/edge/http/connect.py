"""Making connections: the seam (``Dialer``), and its two ways on the ground: TCP and Unix sockets.

Every way gives a transport that speaks plain HTTP/1.1 with the protocol it was asked for, or raises AttemptFailed.
A dial that is cancelled leaves no socket behind.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

from poise.clock import Clock
from poise.edge.http.address import Address
from poise.edge.http.resolve import Resolver, SocketAddress
from poise.errors import AttemptFailed, Failure

STAGGER_S = 0.25  # RFC 8305: the next address is tried this much later, without giving the earlier ones up
KEEPALIVE_S = 15
KEEPALIVE_PROBES = 3
UNACKED_MS = 10_000  # TCP_USER_TIMEOUT: bytes without an acknowledgement for this long mean that the peer is gone

# Ours, not the target's: no file descriptors, no ports, no memory.
_LOCAL_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})

ProtocolFactory = Callable[[], asyncio.Protocol]


class Dialed(NamedTuple):
    """A connection: where to write, who listens, and the transport on the socket itself (under TLS another one)."""

    transport: asyncio.Transport
    protocol: asyncio.Protocol
    wire: asyncio.Transport


class Dialer(Protocol):
    """One way to one upstream."""

    async def dial(self, protocol_factory: ProtocolFactory, timeout_s: float) -> Dialed:
        """A new connection. The caller cancels it after timeout_s; it is said here to bound what has timers of its own.

        Raises AttemptFailed: CONNECT, TLS, LOCAL.
        """


class TcpDialer:
    """Plain TCP: addresses in the resolver's order, each with a head start on the next."""

    def __init__(self, address: Address, resolver: Resolver, clock: Clock) -> None:
        self._address = address
        self._resolver = resolver
        self._clock = clock

    async def dial(self, protocol_factory: ProtocolFactory, timeout_s: float) -> Dialed:
        """Raises AttemptFailed: CONNECT, LOCAL."""
        address = self._address
        found = await self._resolver.resolve(address.host, address.port)
        try:
            connected = await self._connect(found)
            return await _adopt(connected, protocol_factory)
        except OSError as error:
            raise connect_failure(error, f"{address.host}:{address.port}") from error

    async def _connect(self, found: Sequence[SocketAddress]) -> socket.socket:
        if len(found) == 1:
            return await _connect_one(found[0])
        return await first_of([partial(_connect_one, one) for one in found], self._clock)


class UnixDialer:
    """A Unix stream socket."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def dial(self, protocol_factory: ProtocolFactory, timeout_s: float) -> Dialed:
        """Raises AttemptFailed: CONNECT, LOCAL."""
        loop = asyncio.get_running_loop()
        try:
            transport, protocol = await loop.create_unix_connection(protocol_factory, self._path)
        except OSError as error:
            raise connect_failure(error, self._path) from error
        return Dialed(transport, protocol, transport)


def connect_failure(error: OSError, where: str) -> AttemptFailed:
    """An operating system's error as a fact: LOCAL where it is ours, CONNECT where it is the way or the target."""
    why = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _LOCAL_ERRNOS:
        return AttemptFailed(Failure.LOCAL, f"no socket to reach {where}: {why}")
    return AttemptFailed(Failure.CONNECT, f"cannot connect to {where}: {why}")


async def first_of(attempts: Sequence[Callable[[], Coroutine[Any, Any, socket.socket]]], clock: Clock) -> socket.socket:
    """The first socket that connects; each attempt starts STAGGER_S after the one before, or when one fails.

    Raises the first attempt's OSError where all fail. Sockets that lose are closed, also when this is cancelled.
    """
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[socket.socket]] = []
    winner: asyncio.Task[socket.socket] | None = None
    try:
        while winner is None:
            failed = sum(task.done() for task in tasks)
            if failed == len(attempts):
                return tasks[0].result()  # raises
            wake = loop.create_future()
            if len(tasks) < len(attempts):
                tasks.append(loop.create_task(attempts[len(tasks)]()))
            woken = [_on_done(task, wake) for task in tasks if not task.done()]
            timer = clock.later(STAGGER_S, partial(_set, wake)) if len(tasks) < len(attempts) else None
            try:
                await wake
            finally:
                if timer is not None:
                    timer.cancel()
                for task, call in woken:
                    task.remove_done_callback(call)
            winner = next((task for task in tasks if task.done() and task.exception() is None), None)
        return winner.result()
    finally:
        for task in tasks:
            if task is not winner:
                task.cancel()
                task.add_done_callback(_discard)


def _on_done(
    task: asyncio.Task[socket.socket], wake: asyncio.Future[None]
) -> tuple[asyncio.Task[socket.socket], Callable[[asyncio.Task[socket.socket]], None]]:
    def call(_: asyncio.Task[socket.socket]) -> None:
        _set(wake)

    task.add_done_callback(call)
    return task, call


def _set(wake: asyncio.Future[None]) -> None:
    if not wake.done():
        wake.set_result(None)


def _discard(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect_one(address: SocketAddress) -> socket.socket:
    connected = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        connected.setblocking(False)
        set_options(connected)
        await asyncio.get_running_loop().sock_connect(connected, address.name)
    except BaseException:
        connected.close()
        raise
    return connected


async def _adopt(connected: socket.socket, protocol_factory: ProtocolFactory) -> Dialed:
    try:
        transport, protocol = await asyncio.get_running_loop().create_connection(protocol_factory, sock=connected)
    except BaseException:
        connected.close()
        raise
    return Dialed(transport, protocol, transport)


def set_options(connected: socket.socket) -> None:
    """No delay for small writes, and a vanished peer is noticed within UNACKED_MS, or KEEPALIVE_S and three probes."""
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_S // KEEPALIVE_PROBES),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
        ("TCP_USER_TIMEOUT", UNACKED_MS),
    ):
        number = getattr(socket, option, None)  # not every system has all of them
        if number is not None:
            connected.setsockopt(socket.IPPROTO_TCP, cast("int", number), value)
