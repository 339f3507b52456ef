"""The control process: the shell around ``admin.serve``.

It waits for its turn (one writer of the store at a time: a control that outlives a killed supervisor may still be
storing what its workers leave), hands snapshots in, and ends when the pipe ``life`` does: when the supervisor and all
its workers are gone.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import msgspec

from poise.edge.channel import Drain, Message, Ready, Update, attach
from poise.edge.folder import CONTROL_LOCK, take
from poise.edge.light import spare_cel_cli
from poise.edge.snapshot import Snapshot, decode
from poise.edge.start import ControlStart
from poise.edge.worker import run_shell

log = logging.getLogger("poise.controller")

TURN_S = 0.1  # between looks whether the control before this one is gone
PATIENCE_S = 60.0  # what an orphan waits for it: that one drains these journals too, so this only bounds its life


class Serve(Protocol):
    """Runs control until life_fd reads as ended, then stores what is left and returns.

    subscribe is called once with what takes each later snapshot; ready once, with the admin listener's host:port.
    """

    def __call__(
        self,
        snapshot: Snapshot,
        *,
        data: Path,
        parent_fd: int,
        subscribe: Callable[[Callable[[Snapshot], None]], None],
        ready: Callable[[str], None],
    ) -> Awaitable[None]: ...


class Controller:
    """Control's life: first snapshot, its turn, serve."""

    def __init__(self, data: Path, life_fd: int, serve: Serve) -> None:
        self._data = data
        self._life_fd = life_fd
        self._serve = serve
        self._snapshot: Snapshot | None = None
        self._update: Callable[[Snapshot], None] | None = None
        self._news = asyncio.Event()
        self._alone = False

    async def run(self, line: socket.socket) -> None:
        """Run control until supervisor and workers are gone, and no shorter than it takes to store what they left.

        line is this end of the channel.
        """
        channel = await attach(line, self._receive, self._orphaned)
        snapshot = await self._first()
        if snapshot is None or not await self._turn():
            return

        def ready(address: str) -> None:
            channel.send(Ready(address))

        await self._serve(snapshot, data=self._data, parent_fd=self._life_fd, subscribe=self._subscribe, ready=ready)
        channel.close()

    async def _first(self) -> Snapshot | None:
        """The first snapshot; None where the supervisor is gone before it came."""
        while self._snapshot is None and not self._alone:
            await self._news.wait()
            self._news.clear()
        return self._snapshot

    async def _turn(self) -> bool:
        """Wait until the store is free. False where that takes long after the supervisor has gone."""
        lock = os.open(self._data / CONTROL_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        left = int(PATIENCE_S / TURN_S)
        for turn in itertools.count():
            if take(lock):
                return True
            if turn == 0:
                log.info("waiting for an earlier control process to end")
            left -= self._alone
            if left < 0:
                break
            await asyncio.sleep(TURN_S)
        return False

    def _receive(self, message: Message) -> None:
        match message:
            case Update(raw):
                self._snapshot = decode(raw)
                if self._update is not None:
                    self._update(self._snapshot)
            case Drain():
                pass  # control's end is its life pipe's, so that it outlives the workers
            case _:
                log.warning("the supervisor sent %s, which is not for control", message)
        self._news.set()

    def _subscribe(self, update: Callable[[Snapshot], None]) -> None:
        self._update = update
        if self._snapshot is not None:
            update(self._snapshot)  # one may have come while control was starting

    def _orphaned(self) -> None:
        self._alone = True
        self._news.set()


def main(argv: list[str] | None = None, serve: Serve | None = None) -> int:
    """Entry point of control. serve is the real one unless a test brings its own."""
    (word,) = sys.argv[1:] if argv is None else argv
    told = msgspec.json.decode(word, type=ControlStart)
    logging.basicConfig(format="%(asctime)s control: %(message)s", level=logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of each of its plug-ins while it is imported
    if serve is None:
        spare_cel_cli()
        from poise.edge.admin.serve import serve as real

        serve = real
    controller = Controller(Path(told.data), told.life, serve)
    return run_shell(controller.run(socket.socket(fileno=told.channel)))


if __name__ == "__main__":
    sys.exit(main())
