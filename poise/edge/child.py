"""One seat of the supervisor: a worker or control, the process that sits there now, and how soon the next may."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from poise.clock import Clock, Timer
from poise.edge.channel import Channel, Message, attach
from poise.edge.start import Start, word

FIRST_WAIT_S, LAST_WAIT_S = 0.05, 5.0
STEADY_S = 10.0  # one that lived this long died of something new


def next_wait_s(last_s: float, lived_s: float) -> float:
    """Seconds to wait before a dead child is replaced; last_s is how long it had itself been waited for, 0 if not."""
    if lived_s >= STEADY_S or last_s == 0:
        return FIRST_WAIT_S
    return min(last_s * 2, LAST_WAIT_S)


class Ended(NamedTuple):
    """A process that is no more: its exit code (minus the signal where one ended it), and how long it lived."""

    name: str
    pid: int
    code: int
    lived_s: float

    def __str__(self) -> str:
        how = f"signal {-self.code}" if self.code < 0 else f"exit code {self.code}"
        return f"{self.name} (process {self.pid}) ended by {how} after {self.lived_s:.1f} s"


class Child:
    """A seat. hear gets each message of the process in it; gone is called when its channel ended, maybe before it died.

    command is what to run, start what it is told, fds are the descriptors it inherits beside its channel.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        start: Start,
        fds: Sequence[int],
        *,
        hear: Callable[[Child, Message], None],
        gone: Callable[[Child], None],
        clock: Clock,
    ) -> None:
        self.name = name
        self.accepting = False
        self.starting = False
        self.process: subprocess.Popen[bytes] | None = None
        self._command = list(command)
        self._told = start
        self._fds = tuple(fds)
        self._hear = hear
        self._gone = gone
        self._clock = clock
        self._channel: Channel | None = None
        self._started_us = 0
        self._lived_s = 0.0
        self._wait_s = 0.0
        self._resting = False
        self._timer: Timer | None = None
        self._end: Timer | None = None

    async def start(self, *first: Message) -> None:
        """Run the command, and send it the first messages. Nothing, where one runs already or none shall any more."""
        if self.starting or self.process is not None or self._resting:
            return
        self.starting = True
        try:
            await self._start(first)
        finally:
            self.starting = False

    async def _start(self, first: Sequence[Message]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            channel = await attach(ours, self._receive, self._ended)
            if self._resting:
                channel.close()
                return
            theirs.set_inheritable(True)
            number = theirs.fileno()
            self._started_us = self._clock.now_us()
            self.process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own module; starting it takes about 1 ms
                [*self._command, word(self._told, number)],
                pass_fds=(*self._fds, number),
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),  # stdout is data, and it is the supervisor's alone
            )
        self._channel = channel
        for message in first:
            channel.send(message)

    def send(self, message: Message) -> None:
        """Pass a message on; lost where nobody sits here, whose successor is told everything at its start."""
        if self._channel is not None:
            self._channel.send(message)

    def buried(self) -> Ended | None:
        """If the process has ended, free the seat and say how it ended. None while it lives or where there is none."""
        if self.process is None or self.process.poll() is None:
            return None
        self._lived_s = (self._clock.now_us() - self._started_us) / 1e6
        ended = Ended(self.name, self.process.pid, self.process.returncode, self._lived_s)
        self.accepting = False
        self.process = None
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._end is not None:
            self._end.cancel()
            self._end = None
        return ended

    def again(self, start: Callable[[Child], None]) -> float:
        """Have start called when the back-off is over. Returns how long that is, seconds."""
        self._wait_s = next_wait_s(self._wait_s, self._lived_s)
        self._timer = self._clock.later(self._wait_s, lambda: start(self))
        return self._wait_s

    def forget_back_off(self) -> None:
        """The replacement that was to come does not, unless it is started."""
        if self._timer is not None:
            self._timer.cancel()

    def rest(self) -> None:
        """No process shall sit here any more once this one has gone."""
        self._resting = True
        self.forget_back_off()

    def kill_after(self, wait_s: float) -> None:
        """Kill the process that sits here now if it is still alive then; replaces what was said before."""
        if self._end is not None:
            self._end.cancel()
        if self.process is not None:
            self._end = self._clock.later(wait_s, self.process.kill)

    def __repr__(self) -> str:
        pid = self.process.pid if self.process else None
        return f"Child({self.name}, pid={pid}, accepting={self.accepting})"

    def _receive(self, message: Message) -> None:
        self._hear(self, message)

    def _ended(self) -> None:
        self.accepting = False
        self._gone(self)
