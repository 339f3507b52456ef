"""One wall: its door, its script, its log and its bill."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from poise.clock import Clock, Timer
from poise.sim.wall import control, frame
from poise.sim.wall.amounts import BadPlan
from poise.sim.wall.attempt import Attempt, AttemptLog, digest, headers_of
from poise.sim.wall.bill import Bill, Economics, bill
from poise.sim.wall.connection import WallConnection
from poise.sim.wall.move import Move
from poise.sim.wall.play import SPEECHES, moves, tokens_of
from poise.sim.wall.request import Arrived, Broken, read
from poise.sim.wall.script import Plan, Script
from poise.sim.wall.speech import Asked, prompt_tokens

RELISTEN_S: Final = 0.05
MAX_PROMPTS: Final = 100_000  # whose restarts are counted


class Wall:
    """An upstream that misbehaves. The same object serves real sockets (``listen``) and pipes in memory (``accept``)."""

    def __init__(
        self, name: str, clock: Clock, *, seed: int = 0, plan: Plan = "ok", economics: Economics | None = None
    ) -> None:
        self.name = name
        self.clock = clock
        self.seed = seed
        self.script = Script(plan, seed=seed)
        self.economics = economics or Economics()
        self.log = AttemptLog(clock)
        self.connections = 0
        self.received: Counter[int] = Counter()  # bytes by connection, of those that are gone
        self.port = 0
        self._host = ""
        self._tls: ssl.SSLContext | None = None
        self._began_us = clock.now_us()
        self._open: dict[int, WallConnection] = {}
        self._asked: OrderedDict[str, int] = OrderedDict()
        self._requests = 0
        self._server: asyncio.Server | None = None
        self._timers: list[Timer] = []
        self._reopening: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The base address that a client of OpenAI's dialects is given; other dialects' have no /v1."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self.port}/v1"

    @property
    def now_s(self) -> float:
        """Seconds since the start, by which windows are meant."""
        return (self.clock.now_us() - self._began_us) / 1e6

    @property
    def bill(self) -> Bill:
        """What all attempts cost by now."""
        return bill(self.log.all, self.economics)

    @property
    def open_connections(self) -> int:
        """Connections that are open now."""
        return len(self._open)

    @property
    def listening(self) -> bool:
        """Whether its port accepts."""
        return self._server is not None

    @property
    def door(self) -> str:
        """How the door is now; '' for open."""
        return self.script.door(self.now_s)

    def restart(self) -> None:
        """Windows count from now on."""
        self._began_us = self.clock.now_us()
        self._asked.clear()
        self.watch_door()

    # -- the door -----------------------------------------------------------------------------------------------------

    def accept(self) -> WallConnection:
        """The server side of a new connection, for whoever brings the transport."""
        return WallConnection(self)

    async def listen(self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None) -> int:
        """Accept on a real socket; port 0 takes a free one, which a later ``listen`` keeps. Returns it."""
        loop = asyncio.get_running_loop()
        self._tls = tls or self._tls
        self._server = await loop.create_server(self.accept, host, port or self.port, ssl=self._tls, reuse_address=True)
        self._host, self.port = host, self._server.sockets[0].getsockname()[1]
        return self.port

    def refuse(self, for_s: float = 0.0, *, drop: bool = True) -> None:
        """Close the port, and with drop every connection by RST; for_s > 0 opens it again after that."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._open.values()) if drop else ():
            connection.reset()
        if for_s > 0 and self.port:
            self._timers.append(self.clock.later(for_s, self._reopen))

    def watch_door(self) -> None:
        """Close and open a real port as the script's doors say. Call it after the script has changed."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for door in self.script.doors:
            if door.do == "refuse" and door.to_s > self.now_s:
                wait_s = max(0.0, door.from_s - self.now_s)
                self._timers.append(self.clock.later(wait_s, self._shut_for(door.to_s - max(door.from_s, self.now_s))))

    async def close(self) -> None:
        """Stop for good."""
        for timer in self._timers:
            timer.cancel()
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
        self.refuse()
        self.log.close()

    def _shut_for(self, for_s: float) -> _Shut:
        return _Shut(self, for_s)

    def _reopen(self) -> None:
        self._reopening = asyncio.get_running_loop().create_task(self._listen_again())

    async def _listen_again(self) -> None:
        try:
            await self.listen(self._host)
        except OSError:
            # A caller's own socket may sit on the port: connecting to a free port of the loopback can meet itself.
            self._timers.append(self.clock.later(RELISTEN_S, self._reopen))

    # -- called by connections ------------------------------------------------------------------------------------------

    def joined(self, connection: WallConnection) -> int:
        """A connection was accepted; returns its number."""
        self.connections += 1
        self._open[self.connections] = connection
        return self.connections

    def left(self, connection: WallConnection, number: int) -> None:
        """A connection is gone."""
        self._open.pop(number, None)
        self.received[number] = connection.received_bytes

    def answer(self, arrived: Arrived | Broken, connection: int) -> tuple[Attempt | None, Iterator[Move]]:
        """What follows a request: its row in the log (None for the control's own), and its moves."""
        if isinstance(arrived, Broken):
            attempt = self._attempt(Arrived("", "", [], b""), connection)
            attempt.note = str(arrived)
            return attempt, iter((_refusal(400, str(arrived), "fin"),))
        if arrived.target.startswith(control.PREFIX):
            return None, iter((control.answer(self, arrived),))
        attempt = self._attempt(arrived, connection)
        try:
            asked = read(arrived)
        except Broken as broken:
            attempt.note = str(broken)
            return attempt, iter((_refusal(400, str(broken)),))
        if asked is None:
            return attempt, iter((_refusal(404, f"there is nothing at {arrived.target.partition('?')[0]}"),))
        try:
            return attempt, self._play(attempt, asked)
        except BadPlan as bad:
            attempt.note = str(bad)
            return attempt, iter((_refusal(400, str(bad)),))

    def _attempt(self, arrived: Arrived, connection: int) -> Attempt:
        headers, key = headers_of(arrived.lines)
        self._requests += 1
        attempt = Attempt(
            self._requests, connection, headers.get("x-client-request-id", ""), self.clock.now_us(), arrived.method,
            arrived.target.partition("?")[0], headers=headers, key=key, body_bytes=len(arrived.body),
        )  # fmt: skip
        self.log.begin(attempt)
        return attempt

    def _play(self, attempt: Attempt, asked: Asked) -> Iterator[Move]:
        """Raises BadPlan."""
        attempt.dialect, attempt.model, attempt.stream = asked.dialect, asked.model, asked.stream
        attempt.prompt, attempt.prompt_tokens = digest(*asked.texts), prompt_tokens(asked.texts)
        attempt.fault = fault = self.script.fault_for(asked.model, asked.texts, self.now_s)
        asked.id, asked.seed = f"{self.name}-{attempt.number}", self.seed
        asked.now_s = self.clock.now_us() // 1_000_000
        asked.restart = self._restart(attempt.prompt)
        attempt.total_tokens = tokens_of(fault, asked)
        if fault.do == "crash":
            self.log.end(attempt, "rst")
            self.clock.later(0, _Shut(self, fault.stall_s))
            return iter((Move(end="never"),))
        return moves(fault, asked)

    def _restart(self, prompt: str) -> int:
        before = self._asked.get(prompt, 0)
        self._asked[prompt] = before + 1
        self._asked.move_to_end(prompt)
        if len(self._asked) > MAX_PROMPTS:
            self._asked.popitem(last=False)
        return before


class _Shut:
    """Closing the door for a while, as a call for a timer."""

    def __init__(self, wall: Wall, for_s: float) -> None:
        self._wall = wall
        self._for_s = for_s

    def __call__(self) -> None:
        self._wall.refuse(self._for_s)


def _refusal(status: int, text: str, end: str = "done") -> Move:
    """The wall's own refusal: not a fault, but something that is not there or cannot be read."""
    body = msgspec.json.encode(SPEECHES["openai"].error(status, "bad", text))
    data = frame.head(status, frame.JSON, frame.length(len(body))) + body
    return Move(0.0, data, end="fin" if end == "fin" else "done")


@asynccontextmanager
async def serving(
    wall: Wall, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Wall]:
    """The wall while it listens."""
    await wall.listen(host, port, tls=tls)
    wall.watch_door()
    try:
        yield wall
    finally:
        await wall.close()
