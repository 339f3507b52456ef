"""One exchange with one upstream, and its measurements. At the bottom of the stack; nothing here decides what is next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from poise.clock import Clock
from poise.errors import AttemptFailed, Failure
from poise.path.exchange import Exchange
from poise.path.gate import Gate
from poise.path.service import Answered, Dispatch
from poise.path.upstream import Connection

DRAIN_S: Final = 10.0  # an answer that nobody waits for is read for so long, where hanging up would not make it cheaper


class Call:
    """Sends a dispatch and pushes the answer through the gate."""

    def __init__(self, clock: Clock, future: Callable[[], asyncio.Future[None]] | None = None) -> None:
        self._clock = clock
        # The worker hands in its loop's own: on Python 3.11 each get_running_loop() is a getpid() system call.
        self._future = future or (lambda: asyncio.get_running_loop().create_future())
        self.live: set[Exchange] = set()
        self.lingering: list[Exchange] = []  # their answers are over, their connections not yet

    def linger(self, now_us: int) -> None:
        """Look at the connections of answers that are over."""
        if self.lingering:
            self.lingering = [exchange for exchange in self.lingering if exchange.linger(now_us)]

    async def __call__(self, dispatch: Dispatch, gate: Gate, /) -> Answered:
        """Raises AttemptFailed. Cancelled: the upstream is closed at once."""
        lane = dispatch.lane
        lane.in_flight += 1
        lane.budget.calls += 1
        live = self.live
        try:
            connection = lane.pool.take()
            while True:
                if connection is None:
                    connection = await self._open(dispatch)
                now_us = self._clock.now_us()
                done = self._future()
                exchange = Exchange(dispatch, gate, self._clock, now_us, done, connection)
                live.add(exchange)
                gone: asyncio.CancelledError | None = None
                try:
                    connection.send(dispatch.data, exchange)
                    await done
                    if not exchange.framed:
                        self.lingering.append(exchange)
                    return exchange.answered()
                except asyncio.CancelledError as cancelled:
                    gone = cancelled
                except AttemptFailed as failure:
                    # A pooled connection may have died of age just then: once, on a fresh one, if no byte had come back.
                    if failure.failure is not Failure.CONNECT or failure.status or not connection.reused:
                        raise
                    connection = None
                finally:
                    if gone is None:
                        live.discard(exchange)
                        exchange.abandon()
                if gone is not None:
                    # Out here: compiled code that waits inside an except clause loses which exception is being handled.
                    try:
                        if dispatch.tongue.drains and exchange.status in (0, 200) and not gate.sink.cut:
                            await self._drain(exchange)
                    finally:
                        live.discard(exchange)
                        exchange.abandon()
                    raise gone
        finally:
            lane.in_flight -= 1

    async def _drain(self, exchange: Exchange) -> None:
        """Nobody waits for the answer, and hanging up would not make it cheaper: read it for what it cost, within bounds."""
        done = self._future()
        exchange.mute(done)
        timer = self._clock.later(DRAIN_S, exchange.abandon_drain)
        try:
            await done
        except AttemptFailed:
            pass  # what had come until then is known
        finally:
            timer.cancel()
            exchange.learn()

    async def _open(self, dispatch: Dispatch) -> Connection:
        attempt = dispatch.attempt
        request = attempt.plan.request
        left_us = request.deadline_us - self._clock.now_us()
        connect_us = min(request.route.policy.timers.connect_us, left_us)
        if connect_us <= 0:
            raise AttemptFailed(Failure.TIMEOUT, "no time left to connect")
        return await dispatch.lane.pool.open(connect_us / 1e6)
