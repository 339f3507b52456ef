"""The supervisor: compiles poise.yaml, opens the listening sockets, starts control and the workers, and keeps them.

It moves no request. What it guarantees:
1. a worker that dies is replaced; meanwhile another accepts on its socket (``adoption``), and where there is no other,
   connections wait in the socket, which stays open here;
2. a reload is compiled here, whole, before any child hears of it: a bad file changes nothing;
3. at the end the workers drain first and control last, so that what they did is stored;
4. killed, it leaves nothing behind: its children see their channels end and drain by themselves. Control's sign is the
   end of a pipe that the workers hold open too, so that it outlives them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from poise.clock import Clock, SystemClock, Timer
from poise.edge.adoption import adopters
from poise.edge.channel import Adopt, Applied, Drain, Message, Ready, Release, Update
from poise.edge.child import Child, Ended
from poise.edge.folder import Folder, State
from poise.edge.light import spare_cel_cli
from poise.edge.ports import Ports, open_ports
from poise.edge.reloading import Reloads, reload
from poise.edge.snapshot import Snapshot, encode
from poise.edge.source import Source, Unusable
from poise.edge.start import ControlStart, Start, WorkerStart
from poise.errors import Error

__all__ = ["Setup", "Supervisor", "reload", "run", "supervise"]

log = logging.getLogger("poise.supervisor")

LATE_S = 5.0  # what a child may take beyond its grace before it is killed
STORE_S = 15.0  # what control may take to store what the workers left: a full 64 MiB journal takes a few seconds
LAST_TRIES = 3  # how often control is started at the end, where it does not live to store what is left
HURRY_S = 2.0  # the same, once a person has asked twice
# Workers that die before any was ever ready will not do better the next time: say so and give up.
MOST_FALSE_STARTS = 3
FIRST_WORKER_S = 1.0  # what the other children wait at most for the first worker to be ready
_DATA, _ADMIN = "data", "admin"


class Setup(NamedTuple):
    """What is run: how many workers, as which commands, and how often files are looked at.

    -P: what lies in the folder that Poise was started in is never imported, be it somebody's file called like a module
    or a checkout beside an installed build.
    """

    workers: int = 1
    watch_s: float = 1.0
    worker: tuple[str, ...] = (sys.executable, "-P", "-m", "poise.edge.worker")
    control: tuple[str, ...] = (sys.executable, "-P", "-m", "poise.edge.controller")


class Supervisor:
    """One running gateway. ``run`` returns the exit code."""

    def __init__(
        self,
        reloads: Reloads,
        *,
        folder: Folder,
        ports: Ports,
        setup: Setup,
        clock: Clock,
    ) -> None:
        self._reloads = reloads
        self._raw = encode(reloads.snapshot)
        self._folder = folder
        self._ports = ports
        self._clock = clock
        self._life_read, self._life_write = os.pipe()
        fds = [sock.fileno() for sock in ports.sockets]
        data = str(folder.path)
        self._workers = [
            self._child(
                f"worker {i}", setup.worker, WorkerStart(i, ports.of(i), tuple(fds), data), self._life_write, *fds
            )
            for i in range(setup.workers)
        ]
        self._control = self._child("control", setup.control, ControlStart(self._life_read, data), self._life_read)
        self._adopters: dict[int, int] = {}
        self._shown: set[str] = set()
        self._patience: Timer | None = None
        self._false_starts = 0
        self._admin = ""
        self._draining = False
        self._stored = False
        self._last_tries = LAST_TRIES
        self._code = 0
        self._over: asyncio.Event = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Serve until told to stop. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._reloads.ask)
        loop.add_signal_handler(signal.SIGCHLD, self._bury)
        # The first answer comes first: the other workers would halve its worker's share of a small machine, and control
        # takes half a second of a core to load its libraries.
        self._start(self._workers[0])
        self._patience = self._clock.later(FIRST_WORKER_S, self._start_rest)
        self._tell()
        self._reloads.start(self._adopt_snapshot, self._tell)
        await self._over.wait()
        self._folder.let_go()
        return self._code

    # -- children ----------------------------------------------------------------------------------------------------

    def _child(self, name: str, command: tuple[str, ...], start: Start, *fds: int) -> Child:
        return Child(name, command, start, fds, hear=self._hear, gone=self._gone, clock=self._clock)

    def _start(self, child: Child) -> None:
        if not self._draining:
            self._go(self._run(child))

    def _start_rest(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
            for child in (*self._workers[1:], self._control):
                self._start(child)

    async def _run(self, child: Child) -> None:
        try:
            await child.start(Update(self._raw))
        except OSError as problem:  # no process or descriptor to be had now
            log.error("%s cannot be started: %s", child.name, problem.strerror)  # noqa: TRY400 - told in full
            if not self._draining:
                child.again(self._start)
        if self._draining:
            self._wind_up()

    def _hear(self, child: Child, message: Message) -> None:
        match message:
            case Ready(address):
                child.accepting = True
                if child is self._control:
                    self._admin = address or self._now.admin
                    self._show(_ADMIN, f"http://{self._admin}")
                    self._tell()
                else:
                    self._show(_DATA, self._ports.url)
                    self._start_rest()
                    self._assign()
            case Applied(epoch):
                log.debug("%s serves by epoch %d", child.name, epoch)
            case _:
                log.warning("%s sent %s, which is not for children to send", child.name, message)

    def _gone(self, child: Child) -> None:
        """A channel ended: the process is dead, dying, or lost; in each case it is not to be relied on."""
        self._assign()
        self._bury()
        if child.process is not None:
            child.kill_after(LATE_S if child is self._control else self._now.limits.grace_s + LATE_S)

    def _bury(self) -> None:
        """Take note of every child that has ended."""
        for child in (*self._workers, self._control):
            ended = child.buried()
            if ended is None:
                continue
            if not self._draining:
                self._replace(child, ended)
            elif child is self._control and ended.code == 0 and self._life_write < 0:
                self._stored = True
        if self._false_starts >= MOST_FALSE_STARTS and not self._draining:
            log.error("no worker came up in %d tries; giving up", self._false_starts)
            self._last_tries = 0
            self._code = 1
            self._drain(0.0)
        if self._draining:
            self._wind_up()

    def _replace(self, child: Child, ended: Ended) -> None:
        self._assign()
        log.error("%s; the next in %g s", ended, child.again(self._start))
        if child is not self._control and _DATA not in self._shown:
            self._false_starts += 1

    def _assign(self) -> None:
        """Have every socket accepted on by somebody who lives."""
        if self._ports.shared or self._draining:
            return
        accepting = frozenset(i for i, child in enumerate(self._workers) if child.accepting)
        wanted = adopters(len(self._workers), accepting, self._adopters)
        for listener, worker in self._adopters.items():
            if wanted.get(listener) != worker:
                self._workers[worker].send(Release(listener))
        for listener, worker in wanted.items():
            if self._adopters.get(listener) != worker:
                self._workers[worker].send(Adopt(listener))
        self._adopters = wanted

    def _adopt_snapshot(self, fresh: Snapshot) -> None:
        self._raw = encode(fresh)
        for child in (*self._workers, self._control):
            child.send(Update(self._raw))

    # -- the end -----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """First call: drain within the grace time. Second call: at once."""
        if self._draining:
            log.warning("asked twice: ending at once")
            self._hurry()
        else:
            log.info("draining within %g s", self._now.limits.grace_s)
            self._drain(self._now.limits.grace_s)

    def _drain(self, grace_s: float) -> None:
        self._draining = True
        self._ports.close()
        self._ports.remove()
        self._reloads.stop()
        self._control.forget_back_off()
        for child in self._workers:
            child.rest()
            child.send(Drain(grace_s))
            child.kill_after(grace_s + LATE_S)
        self._wind_up()

    def _hurry(self) -> None:
        for child in self._workers:
            child.send(Drain(0.0))
            child.kill_after(HURRY_S)
        self._clock.later(2 * HURRY_S, self._give_up)

    def _wind_up(self) -> None:
        """Once the last worker is gone let control go, and once control has stored what they left be done.

        A control that died, or was not back yet, is started for that: with its pipe ended it stores and goes.
        """
        if any(child.process is not None or child.starting for child in self._workers):
            return
        if self._life_write >= 0:
            os.close(self._life_write)
            self._life_write = -1
            self._clock.later(STORE_S, self._give_up)
        if self._control.process is not None or self._control.starting:
            return
        if not self._stored and self._last_tries > 0:
            self._last_tries -= 1
            self._go(self._run(self._control))
            return
        if not self._stored and self._code == 0:
            log.error("what is left could not be stored; the journals are kept for the next start")
        self._over.set()

    def _give_up(self) -> None:
        self._last_tries = 0
        self._control.kill_after(0.0)

    # -- telling -----------------------------------------------------------------------------------------------------

    def _show(self, what: str, url: str) -> None:
        if what in self._shown:
            return
        self._shown.add(what)
        sys.stdout.write(f"{what:<5}  {url}\n")
        sys.stdout.flush()

    @property
    def _now(self) -> Snapshot:
        return self._reloads.snapshot

    def _tell(self) -> None:
        now, reloads = self._now, self._reloads
        state = State(os.getpid(), now.epoch, now.digest, self._ports.url, self._admin, reloads.count, reloads.problems)
        self._folder.tell(state)

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def run(path: Path | None, *, workers: int) -> int:
    """``poise serve``: serve by a configuration file (./poise.yaml where None) until told to stop.

    Returns the exit code: 0 after a drain, 1 where it could not start.
    """
    spare_cel_cli()
    from poise.edge.file_source import FileSource

    return supervise(FileSource(path or Path("poise.yaml")), Setup(workers))


def supervise(source: Source, setup: Setup) -> int:
    """Compile, open, serve. Whatever prevents the start is told on stderr, and the exit code is 1."""
    logging.basicConfig(format="%(asctime)s supervisor: %(message)s", level=logging.INFO)
    clock = SystemClock()
    try:
        snapshot = source.compile(1)
        folder = Folder.hold(Path(snapshot.data or ".poise").resolve())
        ports = open_ports(snapshot.listener, setup.workers)
    except (Unusable, Error) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    _raise_descriptor_limit()

    async def whole() -> int:
        reloads = Reloads(source, snapshot, clock, watch_s=setup.watch_s)
        return await Supervisor(reloads, folder=folder, ports=ports, setup=setup, clock=clock).run()

    return asyncio.run(whole())


def _raise_descriptor_limit() -> None:
    """Every connection is a descriptor, and the usual soft limit of 1,024 is a limit for ``select``, not for us."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError) as problem:
        log.warning("the limit of open files stays as it is: %s", problem)
