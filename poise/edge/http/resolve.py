"""Names to addresses, off the event loop, with a memory: a resolver that is down must not take providers down."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from poise.clock import Clock
from poise.errors import AttemptFailed, Failure

FRESH_S = 30.0  # answers older than this are looked up again in the background, whatever their own TTL says
KEEP_S = 3600.0  # a failing resolver changes nothing for this long after the last good answer
RETRY_S = 5.0  # after a failed refresh
REFUSE_S = 1.0  # after a failed first lookup: further callers hear the same answer instead of queueing threads
LOOKUPS = 4  # threads at work at once; one name is only looked up once at a time
MAX_NAMES = 1024


class SocketAddress(NamedTuple):
    """An address as ``socket.connect`` takes it."""

    family: socket.AddressFamily
    name: tuple[str, int] | tuple[str, int, int, int]


Lookup = Callable[[str], Sequence[str]]
"""A blocking look-up: a host name to IP addresses, best first; raises OSError."""


class Resolver(Protocol):
    """Names to addresses."""

    async def resolve(self, host: str, port: int) -> Sequence[SocketAddress]:
        """At least one address, best first. Raises AttemptFailed with CONNECT."""


def look_up(host: str) -> Sequence[str]:
    """The system's own answer, families interleaved (RFC 8305), the first family first."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    first = [str(row[4][0]) for row in found if row[0] == found[0][0]]
    other = [str(row[4][0]) for row in found if row[0] != found[0][0]]
    mixed = [name for pair in zip(first, other, strict=False) for name in pair]
    return list(dict.fromkeys(mixed + first + other))


class _Entry:
    """What is known of one name. Times in microseconds."""

    __slots__ = ("addresses", "error", "learnt_us", "next_us", "pending")

    def __init__(self) -> None:
        self.addresses: Sequence[str] = ()
        self.error = ""
        self.learnt_us = 0  # when the addresses were last confirmed
        self.next_us = 0  # not to be asked again before
        self.pending: asyncio.Future[None] | None = None


class SystemResolver:
    """``getaddrinfo`` on daemon threads (a hanging one must not hold up the process's end), remembered.

    One owner: the event loop it is used on.
    """

    def __init__(self, clock: Clock, lookup: Lookup = look_up) -> None:
        self._clock = clock
        self._lookup = lookup
        self._entries: dict[str, _Entry] = {}
        self._queue: deque[str] = deque()
        self._busy = 0

    @property
    def busy(self) -> int:
        """Look-ups under way."""
        return self._busy

    async def resolve(self, host: str, port: int) -> Sequence[SocketAddress]:
        """Numbers at once; known names at once, refreshed behind the caller's back; else what the system says."""
        if (numeric := _numeric(host, port)) is not None:
            return (numeric,)
        now_us = self._clock.now_us()
        entry = self._entries.get(host)
        if entry is None:
            entry = self._remember(host)
        if entry.pending is None and now_us >= entry.next_us:
            self._ask(host, entry)
        if not self._usable(entry, now_us) and entry.pending is not None:
            await asyncio.shield(entry.pending)  # several may wait, and none of them may cancel it for the others
        if not self._usable(entry, self._clock.now_us()):
            raise AttemptFailed(Failure.CONNECT, f"no address for {host!r}: {entry.error}")
        return [socket_address(name, port) for name in entry.addresses]

    def _usable(self, entry: _Entry, now_us: int) -> bool:
        return bool(entry.addresses) and now_us - entry.learnt_us < KEEP_S * 1e6

    def _remember(self, host: str) -> _Entry:
        while len(self._entries) >= MAX_NAMES:
            oldest = next((name for name, entry in self._entries.items() if entry.pending is None), None)
            if oldest is None:
                break
            del self._entries[oldest]
        entry = self._entries[host] = _Entry()
        return entry

    # -- looking up ---------------------------------------------------------------------------------------------------

    def _ask(self, host: str, entry: _Entry) -> None:
        entry.pending = asyncio.get_running_loop().create_future()
        self._queue.append(host)
        self._start()

    def _start(self) -> None:
        while self._queue and self._busy < LOOKUPS:
            self._busy += 1
            host = self._queue.popleft()
            ask = partial(self._ask_system, host, asyncio.get_running_loop())
            threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()

    def _ask_system(self, host: str, loop: asyncio.AbstractEventLoop) -> None:
        """On a thread of its own."""
        addresses: Sequence[str] = ()
        error = "the name has no address"
        try:
            addresses = self._lookup(host)
        except (OSError, UnicodeError) as failure:
            error = getattr(failure, "strerror", None) or str(failure)
        try:
            loop.call_soon_threadsafe(self._learn, host, addresses, error)
        except RuntimeError:
            return  # the loop is closed: nobody wants to know any more

    def _learn(self, host: str, addresses: Sequence[str], error: str) -> None:
        self._busy -= 1
        entry = self._entries[host]
        now_us = self._clock.now_us()
        if addresses:
            entry.addresses = addresses
            entry.learnt_us = now_us
            entry.next_us = now_us + int(FRESH_S * 1e6)
        else:
            entry.error = error
            entry.next_us = now_us + int((RETRY_S if entry.addresses else REFUSE_S) * 1e6)
        pending, entry.pending = entry.pending, None
        if pending is not None and not pending.done():
            pending.set_result(None)
        self._start()


def socket_address(name: str, port: int) -> SocketAddress:
    """An IP address and a port as the socket wants them."""
    if ":" in name:
        return SocketAddress(socket.AF_INET6, (name, port, 0, 0))
    return SocketAddress(socket.AF_INET, (name, port))


def _numeric(host: str, port: int) -> SocketAddress | None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return socket_address(host, port)
