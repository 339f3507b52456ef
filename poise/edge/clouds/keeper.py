"""Keeps one grant fresh, off the way of requests: fetched in a thread, well before the old one ends, tried again if need be.

A grant that cannot be renewed is shown until its last moment; ``Standing`` says when that is, and why.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, NamedTuple

from poise.clock import Clock, Timer
from poise.edge.clouds.signer import Grant, NotGranted, Source
from poise.errors import AttemptFailed, Error, Failure

LEAD_US: Final = 300_000_000  # Google's metadata server gives out the old token until five minutes before its end
LEAD_SHARE: Final = 5  # of a short-lived grant, the last fifth
AGAIN_US: Final = 3_600_000_000  # what never expires is looked at again all the same: files are replaced
LEAST_US: Final = 5_000_000  # between two successful fetches: a source may give the same grant again
BACK_OFF_US: Final = 1_000_000  # after the first failure, then doubled
MOST_BACK_OFF_US: Final = 60_000_000
HOPELESS_US: Final = 300_000_000  # after an Error, which only a change of the installation helps
SKEW_US: Final = 10_000_000  # a grant is not shown in its last seconds: it must still hold when it arrives
PATIENCE_S: Final = 120.0  # a fetch that has not come back is left behind

LEAST_SECRET: Final = 12  # characters; shorter values are names: of a header, of a project
MAX_TROUBLE_LENGTH: Final = 500  # characters of a library's complaint

Fetch = Callable[[], Awaitable[Grant]]


class Standing(NamedTuple):
    """Where a keeper stands. expires_us is the present grant's (0: never, -1: there is none); trouble is why the last
    fetch failed ('' where it did not), failures how many have in a row; next_us is when it is tried again.
    """

    name: str
    expires_us: int
    trouble: str
    failures: int
    next_us: int


Told = Callable[[Standing], None]  # after each failure, and after the success that ends them


def _nobody(standing: Standing) -> None:
    pass


class Keeper:
    """One grant, and the task that renews it. ``values`` is all that a request touches."""

    __slots__ = ("_clock", "_fetch", "_grant", "_name", "_next_us", "_running", "_told", "_tries", "_trouble", "_wake")

    def __init__(self, name: str, fetch: Fetch, clock: Clock, told: Told = _nobody) -> None:
        self._name = name
        self._fetch = fetch
        self._clock = clock
        self._told = told
        self._grant: Grant | None = None
        self._tries = 0
        self._trouble = ""
        self._next_us = 0
        self._wake: asyncio.Event | None = None
        self._running: asyncio.Task[bool] | None = None

    def __repr__(self) -> str:
        return f"<Keeper {self.standing}>"

    @property
    def standing(self) -> Standing:
        """Where it stands now."""
        expires_us = -1 if self._grant is None else self._grant.expires_us
        return Standing(self._name, expires_us, self._trouble, self._tries, self._next_us)

    def values(self, now_us: int) -> tuple[str, ...]:
        """What was granted. Raises AttemptFailed (AUTH) where nothing is in force."""
        grant = self._grant
        if grant is not None and (not grant.expires_us or now_us < grant.expires_us - SKEW_US):
            return grant.values
        how = "there are none yet" if grant is None else "the last have expired"
        raise AttemptFailed(Failure.AUTH, f"{self._name} credentials: {how}")  # why is the operator's, not the caller's

    def redacted(self, said: bytes) -> bytes:
        """What the cloud said, without what it was shown."""
        for value in self._grant.values if self._grant is not None else ():
            if len(value) >= LEAST_SECRET:
                said = said.replace(value.encode(), b"[key]")
        return said

    async def run(self) -> None:
        """Renew for ever; cancel it to stop."""
        self._wake = asyncio.Event()
        while True:
            await self.refresh()
            wait_us = max(0, self._next_us - self._clock.now_us())
            timer = self._clock.later(wait_us / 1e6, self._wake.set)
            await self._woken(timer)

    async def refresh(self) -> bool:
        """Fetch now; whether it worked. Whoever asks while one is under way waits for that one."""
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().create_task(self._once())
        return await asyncio.shield(self._running)

    def refused(self) -> None:
        """The cloud did not take what we showed: fetch again soon, but not more often than after failures."""
        soon_us = self._clock.now_us() + LEAST_US
        if self._wake is not None and self._next_us > soon_us:
            self._next_us = soon_us
            self._clock.later(LEAST_US / 1e6, self._wake.set)

    async def _woken(self, timer: Timer) -> None:
        assert self._wake is not None
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
        self._wake.clear()

    async def _once(self) -> bool:
        try:
            grant = await self._fetch()
        except (Error, NotGranted, OSError) as trouble:
            self._failed(trouble)
            return False
        now_us = self._clock.now_us()
        if grant.expires_us and grant.expires_us - SKEW_US <= now_us:
            self._failed(NotGranted("what was granted has expired already; look at this machine's clock"))
            return False
        if not all(value.isascii() and value.isprintable() for value in grant.values):
            self._failed(NotGranted("what was granted cannot stand in a header"))
            return False
        before, self._tries, self._trouble, self._grant = self._tries, 0, "", grant
        self._next_us = now_us + self._after(grant, now_us)
        if before:
            self._told(self.standing)
        return True

    def _failed(self, trouble: Exception) -> None:
        if isinstance(trouble, Error):
            said = f"{trouble.text} (hint: {trouble.hint})" if trouble.hint else trouble.text
            wait_us = HOPELESS_US
        else:
            said = str(trouble) or type(trouble).__name__
            wait_us = min(BACK_OFF_US << min(self._tries, 16), MOST_BACK_OFF_US)
        # It is logged and shown: without the last grant, should it be in there, and before half of it is cut off.
        shown = self.redacted(said.encode(errors="replace")).decode()
        self._trouble = "".join(letter if letter.isprintable() else " " for letter in shown)[:MAX_TROUBLE_LENGTH]
        self._tries += 1
        self._next_us = self._clock.now_us() + self._jittered(wait_us)
        self._told(self.standing)

    def _after(self, grant: Grant, now_us: int) -> int:
        if not grant.expires_us:
            return self._jittered(AGAIN_US)
        left_us = grant.expires_us - now_us
        lead_us = min(LEAD_US, left_us // LEAD_SHARE)
        return max(left_us - self._jittered(lead_us), self._jittered(LEAST_US))

    def _jittered(self, span_us: int) -> int:
        """From three quarters of a span up to all of it: a hundred workers do not ask in one moment."""
        return span_us - span_us // 4 * (self._clock.bits64() >> 32) // (1 << 32)


def in_thread(source: Source, patience_s: float = PATIENCE_S) -> Fetch:
    """A source's fetch as something to wait for.

    A thread of its own, and a daemon: one that hangs must keep neither others waiting nor the process from ending.
    """

    async def fetch() -> Grant:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Grant] = loop.create_future()

        def settle(grant: Grant | None, trouble: Exception | None) -> None:
            if waiter.done():
                return
            if grant is None:
                waiter.set_exception(trouble or RuntimeError("nothing was granted"))
            else:
                waiter.set_result(grant)

        def ask() -> None:
            told: tuple[Grant | None, Exception | None] = (
                None,
                NotGranted("a library broke: stderr has its traceback"),
            )
            try:
                told = (source.fetch(), None)
            except (Error, NotGranted, OSError) as trouble:
                told = (None, trouble)
            finally:  # what nobody expected goes on to threading's hook, and the keeper is told all the same
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(settle, *told)

        threading.Thread(target=ask, name=f"{source.name} credentials", daemon=True).start()
        async with asyncio.timeout(patience_s):
            return await waiter

    return fetch
