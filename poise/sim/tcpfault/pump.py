"""One direction of one connection: holds a bounded number of bytes back for as long as its link says, then passes them on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

from poise.clock import Clock, Timer
from poise.sim.dice import Dice
from poise.sim.tcpfault.link import Link, due_us

Last = Literal["", "eof", "rst"]
HOLD_BYTES: Final = 256 * 1024  # on the way in one direction; beyond it the sender is not read


class Pump:
    """Takes bytes from source (``feed``) and gives them to target, which ``attach`` names once it is there.

    link is asked anew for each piece, so that what is changed holds from the next one on. frozen stops everything.
    """

    def __init__(self, clock: Clock, dice: Dice, link: Callable[[], Link], end: Callable[[str], None]) -> None:
        self._clock = clock
        self._dice = dice
        self._link = link
        self._end = end
        self._source: asyncio.Transport | None = None
        self._target: asyncio.Transport | None = None
        self._queue: deque[tuple[int, bytes, Last]] = deque()  # when each is due, and what it ends, if anything
        self._held = 0
        self._free_us = 0
        self._last_us = 0
        self._timer: Timer | None = None
        self._source_paused = False
        self._target_full = False
        self._frozen = False
        self._over = False
        self.finished = False
        self.taken_bytes = 0
        self.passed_bytes = 0

    def attach(self, source: asyncio.Transport, target: asyncio.Transport) -> None:
        """Both ends are there."""
        self._source, self._target = source, target
        self._arm()

    def close(self) -> None:
        """Nothing more goes through."""
        self._over = True
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()

    # -- in -----------------------------------------------------------------------------------------------------------

    def feed(self, data: bytes, source: asyncio.Transport) -> None:
        """Bytes from the sender, which is not read on while too much is under way."""
        self._source = source
        link = self._link()
        size = link.slice_bytes or len(data)
        self.taken_bytes += len(data)
        self._held += len(data)
        for at in range(0, len(data), size):
            self._put(data[at : at + size], link)
        if self._held >= HOLD_BYTES and not self._source_paused:
            self._source_paused = True
            source.pause_reading()
        self._arm()

    def finish(self, last: Last) -> None:
        """The sender sends no more (``eof``), or is gone (``rst``): the target learns it as late as of any byte."""
        self._put(b"", self._link(), last)
        self._arm()

    def _put(self, data: bytes, link: Link, last: Last = "") -> None:
        share = self._dice.share() if link.jitter_s else 0.0
        now_us = self._clock.now_us()
        self._last_us, self._free_us = due_us(
            link, now_us=now_us, size=len(data), share_0_1=share, free_us=self._free_us, last_us=self._last_us
        )
        self._queue.append((self._last_us, data, last))

    # -- out ----------------------------------------------------------------------------------------------------------

    def freeze(self, *, frozen: bool) -> None:
        """Hold everything back, or let it go on."""
        self._frozen = frozen
        self._arm()

    def full(self, *, full: bool) -> None:
        """The target takes no more, or takes again."""
        self._target_full = full
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None or not self._queue or self._target is None or self._stopped:
            return
        wait_us = self._queue[0][0] - self._clock.now_us()
        if wait_us > 0:
            self._timer = self._clock.later(wait_us / 1e6, self._due)
        else:
            # A turn of the loop for each piece: a slice is to leave as a write of its own.
            self._timer = self._clock.later(0, self._due)

    @property
    def _stopped(self) -> bool:
        return self._frozen or self._target_full or self._over

    def _due(self) -> None:
        self._timer = None
        if not self._queue or self._target is None or self._stopped:
            return
        link = self._link()
        if 0 <= link.stop_after_bytes <= self.passed_bytes:
            return  # for ever: bytes are taken, and kept
        _, data, last = self._queue.popleft()
        self._held -= len(data)
        if last:
            self.finished = True
            self._end(last)
        elif not self._target.is_closing():
            self._pass(data, link)
        if self._source_paused and self._held < HOLD_BYTES // 2 and self._source is not None:
            self._source_paused = False
            self._source.resume_reading()
        self._arm()

    def _pass(self, data: bytes, link: Link) -> None:
        target = self._target
        assert target is not None
        bounds = [bound - self.passed_bytes for bound in (link.end_after_bytes, link.stop_after_bytes) if bound >= 0]
        room = max(0, min(bounds, default=len(data)))
        target.write(data[:room])
        self.passed_bytes += min(room, len(data))
        if 0 <= link.end_after_bytes <= self.passed_bytes:
            self._end(link.end)
        elif room < len(data):
            self._queue.appendleft((0, data[room:], ""))
            self._held += len(data) - room
