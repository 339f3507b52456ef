"""Connections to one upstream: idle ones, those in use, those being dialled, and who waits for one.

Invariants, which the tests look at from outside:
1. in use + idle + being dialled <= provider.connections, whatever is cancelled when.
2. A connection that becomes free, and a dial that succeeds, goes to the one who waited longest, else among the idle.
3. There is no idle connection while someone waits for a slot.
4. A dial belongs to nobody: when its caller is gone it still ends in rule 2, and when it fails it fails whoever waited
   longest, which is fair because all dials go to the same address.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final, cast

from poise.clock import Clock, Timer
from poise.edge.http.connect import Dialed, Dialer
from poise.edge.http.upstream import UpstreamConnection
from poise.edge.snapshot import Endpoint
from poise.errors import AttemptFailed, Failure

IDLE_S: Final = (
    30.0  # below what servers and load balancers keep: 60 s (AWS), 75 s (nginx); a loss in between costs a retry
)

_Waiter = asyncio.Future[UpstreamConnection]
_Dial = asyncio.Task[Dialed]


class UpstreamPool:
    """``path.upstream.Pool`` for one provider. One owner: the event loop it is used on."""

    def __init__(self, endpoint: Endpoint, *, dialer: Dialer, clock: Clock, idle_s: float = IDLE_S) -> None:
        self.name = endpoint.provider.name
        self.limit = endpoint.provider.connections
        self._dialer = dialer
        self._clock = clock
        self._idle_us = int(idle_s * 1e6)
        self._now_us = clock.now_us()
        self._live = 0
        # Dictionaries as ordered sets: the newest idle one is taken, the oldest expires, any may leave; all at O(1).
        self._idle: dict[UpstreamConnection, None] = {}
        self._waiters: dict[_Waiter, int] = {}  # by deadline, in microseconds
        self._dials: dict[_Dial, tuple[UpstreamConnection, Timer]] = {}
        self._closed = False

    def __repr__(self) -> str:
        return (
            f"<UpstreamPool {self.name}: {self.in_use} in use, {self.idle} idle, {self.dialling} dialling, "
            f"{self.waiting} waiting, of {self.limit}>"
        )

    @property
    def in_use(self) -> int:
        """Connections that someone holds."""
        return self._live - len(self._idle)

    @property
    def idle(self) -> int:
        """Connections that ``take`` may hand out."""
        return len(self._idle)

    @property
    def dialling(self) -> int:
        """Connections being made."""
        return len(self._dials)

    @property
    def waiting(self) -> int:
        """Callers of ``open`` without a connection yet."""
        return len(self._waiters)

    # -- for the path -------------------------------------------------------------------------------------------------

    def take(self) -> UpstreamConnection | None:
        """The idle connection used last, or None."""
        self._now_us = now_us = self._clock.now_us()
        idle = self._idle
        if not idle:
            return None
        connection, _ = idle.popitem()
        if connection.since_us + self._idle_us < now_us:
            idle[connection] = None
            self.sweep(now_us)  # the newest is too old, so all are: the loop stood still, or the machine slept
            return None
        connection.held = True
        return connection

    async def open(self, timeout_s: float) -> UpstreamConnection:
        """A fresh connection, or one whose exchange ended just now; timeout_s counts the wait for a slot too.

        Raises AttemptFailed: CONNECT, TLS, or LOCAL where every slot stayed in use.
        """
        if self._closed:
            raise AttemptFailed(Failure.LOCAL, f"connections to {self.name} are closed: its configuration was replaced")
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = self._clock.now_us() + int(timeout_s * 1e6)
        timer = self._clock.later(timeout_s, partial(self._too_late, waiter, timeout_s))
        self._start_dials()
        try:
            connection = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result())  # it came in the very moment of the cancellation
            raise
        finally:
            timer.cancel()
            self._waiters.pop(waiter, None)
        connection.held = True
        return connection

    # -- for the worker -----------------------------------------------------------------------------------------------

    def sweep(self, now_us: int) -> None:
        """Close what has been idle for too long. Called by the worker's ticker."""
        self._now_us = now_us
        before_us = now_us - self._idle_us
        expired = []
        for connection in self._idle:  # the oldest stand first
            if connection.since_us >= before_us:
                break
            expired.append(connection)
        for connection in expired:
            connection.retire()

    def close(self) -> None:
        """Make no more connections and keep none: idle ones close now, those in use when their exchange ends."""
        self._closed = True
        for waiter in self._waiters:
            if not waiter.done():
                text = f"connections to {self.name} are closed: its configuration was replaced"
                waiter.set_exception(AttemptFailed(Failure.LOCAL, text))
        self._waiters.clear()
        for dial in self._dials:
            dial.cancel()
        for connection in list(self._idle):
            connection.retire()

    # -- for connections ----------------------------------------------------------------------------------------------

    def release(self, connection: UpstreamConnection) -> None:
        """A connection is free: it goes to the one who waited longest, or among the idle."""
        connection.held = False
        if connection.closed:
            return
        if self._closed:
            connection.retire()
            return
        waiter = self._next_waiter() if self._waiters else None
        if waiter is not None:
            waiter.set_result(connection)
        else:
            connection.since_us = self._now_us  # at most one tick early, and no clock is read
            self._idle[connection] = None

    def dropped(self, connection: UpstreamConnection) -> None:
        """A connection is gone, and its slot is free."""
        self._live -= 1
        self._idle.pop(connection, None)
        if self._waiters:
            self._start_dials()

    # -- dialling -----------------------------------------------------------------------------------------------------

    def _start_dials(self) -> None:
        """As many dials as waiters, as far as there are slots."""
        while len(self._dials) < len(self._waiters) and not self._closed:
            if self._live + len(self._dials) >= self.limit:
                if not self._idle:
                    return
                next(iter(self._idle)).retire()  # a fresh one was asked for while all slots hold idle ones
                continue
            left_us = max(self._waiters.values()) - self._clock.now_us()
            if left_us <= 0:
                return  # they are about to be told; a dial without time would only be cancelled, and begun again
            self._dial(left_us / 1e6)

    def _dial(self, timeout_s: float) -> None:
        connection = UpstreamConnection(self)
        protocol = cast("asyncio.Protocol", connection)  # by its methods: a compiled class takes no base that is not
        dial = asyncio.get_running_loop().create_task(self._dialer.dial(lambda: protocol, timeout_s))
        self._dials[dial] = connection, self._clock.later(timeout_s, partial(_cancel, dial))
        dial.add_done_callback(self._dialled)

    def _dialled(self, dial: _Dial) -> None:
        connection, timer = self._dials.pop(dial)
        timer.cancel()
        error = None if dial.cancelled() else dial.exception()
        if error is not None:
            self._fail_waiter(error)
        elif dial.cancelled():
            connection.abort()  # out of time: whoever asked for it has a timer of their own
        elif connection.closed:
            self._fail_waiter(AttemptFailed(Failure.CONNECT, "the upstream closed the connection at once (FIN)"))
        else:
            connection.wire = dial.result().wire
            connection.joined = True
            self._live += 1
            self.release(connection)
        self._start_dials()

    def _fail_waiter(self, error: BaseException) -> None:
        waiter = self._next_waiter()
        if waiter is not None:
            waiter.set_exception(error)

    def _next_waiter(self) -> _Waiter | None:
        """Take the longest waiting one off the list; those already cancelled or served are no more waiting."""
        while self._waiters:
            waiter = next(iter(self._waiters))
            del self._waiters[waiter]
            if not waiter.done():
                return waiter
        return None

    def _too_late(self, waiter: _Waiter, timeout_s: float) -> None:
        if waiter.done():
            return
        self._waiters.pop(waiter, None)
        if self._dials:
            failure = AttemptFailed(Failure.CONNECT, f"no connection within {timeout_s:.1f} s")
        else:
            text = f"all {self.limit} connections to {self.name} stayed in use for {timeout_s:.1f} s"
            failure = AttemptFailed(Failure.LOCAL, text)
        waiter.set_exception(failure)


def _cancel(dial: _Dial) -> None:
    dial.cancel()
