"""A server that behaves like one vendor, on a real socket: it checks requests as the vendor does and answers its way.

The HTTP side is that of the scripted upstream (``poise.sim.upstream``), whose ``/_sim`` works here too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Final

from poise.clock import Clock
from poise.sim.connection import UpstreamConnection
from poise.sim.emulate import (
    auth,
    converse_read,
    converse_write,
    gemini_read,
    gemini_write,
    messages_read,
    messages_write,
    openai_errors,
    surfaces_oip,
)
from poise.sim.emulate.asked import Refused
from poise.sim.emulate.doors import VENDORS, Family, find
from poise.sim.emulate.field import Wrong
from poise.sim.emulate.message import (
    HIDDEN,
    SECRETS,
    Answered,
    Request,
    Seen,
    Streamed,
    Whole,
    line_of,
    moves,
    read_request,
    whole,
)
from poise.sim.emulate.surface import Here
from poise.sim.play import Move
from poise.sim.upstream import Received, Upstream

LOG: Final = "/_emulator/log"
MAX_LOG: Final = 2_000  # newest requests that are kept


class Emulator(Upstream):
    """One vendor; name is a key of ``doors.VENDORS``. gap_s passes before each frame of a stream.

    requests is the log, oldest first; ``GET /_emulator/log`` answers the same, ``DELETE`` forgets it.
    """

    def __init__(self, name: str, clock: Clock, *, gap_s: float = 0.0) -> None:
        super().__init__(name, clock)
        self._vendor = VENDORS[name]
        self._gap_s = gap_s
        self._arrived: dict[int, Request] = {}
        self.requests: deque[Seen] = deque(maxlen=MAX_LOG)

    @property
    def url(self) -> str:
        """The base address that a client of this vendor is given."""
        return f"http://{self._host}:{self.port}{self._vendor.url_path}"

    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> int:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), host, port or self.port, reuse_address=True)
        self._host = host
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    def received(self, connection: int, head: bytes, body: bytes) -> Received:
        """Keep the request for its answer, and its head without secrets for the log."""
        one = super().received(connection, _without_secrets(head), body)
        self._arrived[one.number] = read_request(head, body)
        return one

    def moves_for(self, one: Received) -> Iterator[Move]:
        """The moves that answer a request."""
        request = self._arrived.pop(one.number)
        if one.step.do == "status":
            return moves(Whole(status=400, body=b"Bad Request", type="text/plain"))
        if request.path == LOG:
            return moves(self._log(request))
        seen = line_of(one.number, self.name, request)
        self.requests.append(seen)
        answer = self.answer(request, seen, one.at_us // 1_000_000)
        seen.status = answer.status if isinstance(answer, Whole) else 200 if isinstance(answer, Streamed) else 0
        return moves(answer, self._gap_s)

    def answer(self, request: Request, seen: Seen, now_s: int) -> Answered:
        """What the vendor answers."""
        family = self._vendor.family
        try:
            door, model = find(self._vendor, request)
            family, seen.surface = door.family, door.name
            auth.check(request, self._vendor.auth, now_s)
            return door.surface(request, Here(self.name, model, now_s, seen))
        except Refused as refused:
            return self._refuse(family, refused, request)
        except Wrong as wrong:
            return self._wrong(family, wrong, request)

    def _refuse(self, family: Family, refused: Refused, request: Request) -> Whole:
        if family == "openai":
            return openai_errors.refuse("openai" if self.name == "vertex" else self.name, refused)
        if family == "anthropic":
            return messages_write.refuse(refused)
        if family == "oip":
            return surfaces_oip.refuse(self.name, refused)
        if family == "bedrock":
            return converse_write.refuse(refused)
        streams = request.query.get("alt") == "sse"
        return gemini_write.refuse(refused, vertex=self.name == "vertex", streams=streams)

    def _wrong(self, family: Family, wrong: Wrong, request: Request) -> Whole:
        if family == "openai":
            return openai_errors.wrong_field(self.name, wrong)
        if family == "anthropic":
            return messages_write.refuse(Refused("invalid", messages_read.words_of(wrong)))
        if family == "bedrock":
            return converse_write.refuse(Refused("invalid", converse_read.words_of(wrong)))
        text, place = gemini_read.words_of(wrong)
        return self._refuse(family, Refused("invalid", text, field=place), request)

    def _log(self, request: Request) -> Whole:
        if request.method == "DELETE":
            self.requests.clear()
        return whole(list(self.requests))


class _Connection(UpstreamConnection):
    """A connection whose moves are the emulator's."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self._emulator = emulator

    def _moves_for(self, one: Received) -> Iterator[Move]:
        return self._emulator.moves_for(one)


def _without_secrets(head: bytes) -> bytes:
    first, *lines = head.split(b"\r\n")
    method, target, *rest = first.split(b" ")
    path, mark, query = target.partition(b"?")
    pairs = [b"key=" + HIDDEN.encode() if pair.startswith(b"key=") else pair for pair in query.split(b"&")]
    first = b" ".join([method, path + mark + b"&".join(pairs), *rest])
    hidden = [
        line.partition(b":")[0] + b": " + HIDDEN.encode()
        if line.partition(b":")[0].lower().decode("latin-1") in SECRETS
        else line
        for line in lines
    ]
    return b"\r\n".join([first, *hidden])
