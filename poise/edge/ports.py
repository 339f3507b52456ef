"""The data port's listening sockets: opened once by the supervisor, inherited by every worker."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from poise.edge.snapshot import Listener
from poise.errors import Error

_T = TypeVar("_T")
BACKLOG = 4096  # connections the kernel keeps while nobody accepts; capped by net.core.somaxconn


class Ports(msgspec.Struct):
    """Open listening sockets. shared: one Unix socket that all workers accept on; else one TCP socket a worker."""

    sockets: list[socket.socket]
    shared: bool
    url: str
    path: Path | None = None

    def of(self, worker: int) -> int:
        """Which socket a worker accepts on by itself."""
        return 0 if self.shared else worker

    def close(self) -> None:
        """Close this process's copies. The others' stay open until they close theirs."""
        for sock in self.sockets:
            sock.close()

    def remove(self) -> None:
        """Remove what is left in the file system."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def open_ports(listener: Listener, workers: int) -> Ports:
    """Open what ``listen`` names. Raises Error where the address is taken, not ours or not an address."""
    if listener.address.startswith("unix:"):
        path = Path(listener.address.removeprefix("unix:"))
        sock = _named(listener.address, lambda: _open_unix(path))
        return Ports([sock], shared=True, url=f"unix:{path}", path=path)
    host, port = _split(listener.address)
    sockets = _named(listener.address, lambda: _open_tcp(host, port, workers))
    port = sockets[0].getsockname()[1]
    scheme = "https" if listener.cert else "http"
    shown = f"[{host}]" if ":" in host else host
    return Ports(sockets, shared=False, url=f"{scheme}://{shown}:{port}")


def _named(address: str, attempt: Callable[[], _T]) -> _T:
    try:
        return attempt()
    except OSError as problem:
        raise Error(
            "internal",
            f"listen: {address} cannot be opened: {problem.strerror or problem}",
            hint="stop what listens there, or name another address",
        ) from problem


def _split(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise Error("internal", f"listen: {address!r} is not host:port", hint="write 127.0.0.1:8700, or unix:/path")
    return host.strip("[]"), int(port)


def _open_tcp(host: str, port: int, workers: int) -> list[socket.socket]:
    kind = socket.SOCK_STREAM
    found = socket.getaddrinfo(host or None, port, type=kind, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV)
    family, _, _, _, where = found[0]
    # SO_REUSEPORT would let two gateways share a port, and their callers, unseen: first see that nobody else has it.
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(where)
        probe.listen(1)
    sockets: list[socket.socket] = []
    for _ in range(workers):
        sock = socket.socket(family, kind)
        sockets.append(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(where)
        where = sock.getsockname()  # port 0 is settled by the first
    # Listening comes last: a socket that listened before the others were bound would get all early connections.
    for sock in sockets:
        sock.setblocking(False)
        sock.listen(BACKLOG)
    return sockets


def _open_unix(path: Path) -> socket.socket:
    try:
        left_over = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        left_over = False
    if left_over:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()  # left by a process that was killed: nobody listens
            else:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.setblocking(False)
    sock.listen(BACKLOG)
    return sock
