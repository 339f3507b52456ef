"""Runs one request's coroutine without a Task.

A Task starts in the next turn of the loop; at low load that turn is a system call of its own before the upstream is
even written to. This runs the first step at once, inside the callback that completed the message, and goes on whenever
the one future it waits for is done. The path awaits plain futures only, so nothing here needs ``current_task``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Run:
    """One coroutine under way. ``start`` once; ``cancel`` any number of times."""

    __slots__ = ("_cancelled", "_coroutine", "_loop", "_waits_for", "done")

    def __init__(self, coroutine: Coroutine[Any, None, object], loop: asyncio.AbstractEventLoop) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._waits_for: asyncio.Future[Any] | None = None
        self._cancelled = False
        self.done = False

    def start(self) -> None:
        """Take the first step now."""
        self._step(None)

    def cancel(self) -> None:
        """Raise CancelledError where it waits. Harmless once it is done."""
        if self.done or self._cancelled:
            return
        self._cancelled = True
        waits_for = self._waits_for
        if waits_for is None or not waits_for.cancel():
            return  # between two steps: the next one finds the flag
        # cancelling the future calls _wake in the next turn, as for a Task

    def _wake(self, future: asyncio.Future[Any]) -> None:
        self._waits_for = None
        self._step(future)

    def _step(self, future: asyncio.Future[Any] | None) -> None:
        try:
            if self._cancelled:
                self._cancelled = False
                waits_for = self._coroutine.throw(asyncio.CancelledError())
            else:
                waits_for = self._coroutine.send(None)
        except StopIteration:
            self.done = True
            return
        except asyncio.CancelledError:
            self.done = True
            return
        except BaseException:
            self.done = True
            raise
        if waits_for is None:  # a bare yield, as of asyncio.sleep(0)
            self._loop.call_soon(self._step, None)
            return
        assert isinstance(waits_for, asyncio.Future), waits_for
        waits_for._asyncio_future_blocking = False  # the protocol between a Future and whoever drives the coroutine
        self._waits_for = waits_for
        waits_for.add_done_callback(self._wake)
        if self._cancelled:
            waits_for.cancel()
