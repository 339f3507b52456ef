"""Reloads: when a configuration is compiled again, and what follows. Everything at once or nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from poise.clock import Clock, Timer
from poise.edge.folder import State, read_state, running
from poise.edge.snapshot import Snapshot
from poise.edge.source import Source, Unusable, restart_needed

log = logging.getLogger("poise.reload")

ANSWER_S = 30.0  # what a running supervisor may take to compile a file
_ASK_S = 0.05


class Reloads:
    """The snapshot in force, and the watch over what it was made of.

    count is how many reloads were tried; problems are the newest try's, empty where it was good.
    """

    def __init__(self, source: Source, snapshot: Snapshot, clock: Clock, *, watch_s: float) -> None:
        self.snapshot = snapshot
        self.count = 0
        self.problems: tuple[str, ...] = ()
        self._source = source
        self._clock = clock
        self._watch_s = watch_s
        self._seen = self._glimpse = source.fingerprint()
        self._timer: Timer | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked_again = False
        self._accept: Callable[[Snapshot], None] = _ignore
        self._tell: Callable[[], None] = _nothing

    def start(self, accept: Callable[[Snapshot], None], tell: Callable[[], None]) -> None:
        """Begin to watch. accept gets each new snapshot, tell is called after every try."""
        self._accept, self._tell = accept, tell
        self._timer = self._clock.later(self._watch_s, self._look)

    def stop(self) -> None:
        """Watch no more; what is being compiled is forgotten."""
        self._accept, self._tell = _ignore, _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def ask(self) -> None:
        """Compile again, beside the running loop: one at a time, and once more where asked meanwhile."""
        if self._timer is None:
            return
        if self._task is not None:
            self._asked_again = True
            return
        self._task = asyncio.get_running_loop().create_task(self._reload())

    async def _reload(self) -> None:
        try:
            await self._try()
        finally:
            self.count += 1
            self._task = None
            self._tell()
        if self._asked_again:
            self._asked_again = False
            self.ask()

    async def _try(self) -> None:
        before = self._source.fingerprint()
        try:
            # In a thread: a large file takes a while, and a worker that dies meanwhile cannot wait.
            fresh = await asyncio.to_thread(self._source.compile, self.snapshot.epoch + 1)
            restart_needed(self.snapshot, fresh)
        except Unusable as bad:
            self._refused(bad.problems)
        else:
            self._compiled(fresh)
        # What was watched before counts as seen before: it may have changed while it was being read.
        self._seen = {path: before.get(path, touch) for path, touch in self._source.fingerprint().items()}

    def _compiled(self, fresh: Snapshot) -> None:
        self.problems = ()
        # Not by the digest: a secret's file may have changed, and no digest holds secrets.
        if msgspec.structs.replace(fresh, epoch=self.snapshot.epoch) == self.snapshot:
            log.info("reload: nothing changed, epoch %d stays in force", self.snapshot.epoch)
            return
        self.snapshot = fresh
        self._accept(fresh)
        log.info("reload: epoch %d is in force", fresh.epoch)

    def _refused(self, problems: tuple[str, ...]) -> None:
        if problems != self.problems:
            for problem in problems:
                log.error("%s", problem)
            log.error("reload: refused, epoch %d stays in force", self.snapshot.epoch)
        self.problems = problems

    def _look(self) -> None:
        """Has a file changed? Two looks must agree: one that is still being written is left alone."""
        now = self._source.fingerprint()
        settled, self._glimpse = now == self._glimpse, now
        if settled and now != self._seen:
            self.ask()
        self._timer = self._clock.later(self._watch_s, self._look)


def reload(data: Path) -> int:
    """``poise reload``: have a running supervisor read its files again, and tell what came of it.

    Returns the exit code: 0 where the files are in force, 1 where they are refused or nobody serves from this folder.
    """
    before = running(data)
    if before is None:
        sys.stderr.write(f"{data}: no `poise serve` runs here\n  hint: name its data folder with --data\n")
        return 1
    os.kill(before.pid, signal.SIGHUP)
    after = asyncio.run(_next_state(data, before.reloads))
    if after is None:
        sys.stderr.write(f"process {before.pid} has not answered within {ANSWER_S:g} s\n  hint: see what it logs\n")
        return 1
    for problem in after.problems:
        sys.stderr.write(f"{problem}\n")
    if after.problems:
        sys.stdout.write(f"refused; epoch {after.epoch} stays in force\n")
        return 1
    sys.stdout.write(f"epoch {after.epoch} is in force\n")
    return 0


async def _next_state(data: Path, reloads: int) -> State | None:
    for _ in range(int(ANSWER_S / _ASK_S)):
        state = read_state(data)
        if state is not None and state.reloads > reloads:
            return state
        await asyncio.sleep(_ASK_S)
    return None


def _ignore(snapshot: Snapshot) -> None:
    """Nobody is there to take it."""


def _nothing() -> None:
    """Nobody is there to be told."""
