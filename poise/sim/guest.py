"""A client on virtual time: sends one request, reads the answer as a careful SDK would, and says how it ended."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, cast

import httptools
import msgspec

from poise.sim.clock import VirtualClock
from poise.sim.house import FRONT_DOOR
from poise.sim.pipe import MemoryNetwork
from poise.wire.sse import data_of, events_of

Ended = Literal[
    "complete",  # all of an answer, by HTTP's framing and by the dialect's own terms
    "refused",  # an error status
    "told",  # an error event inside the stream
    "cut",  # the connection ended before the answer did: broken, and visibly so
    "left",  # the guest went first
    "unreachable",  # nobody accepted the connection
    "odd",  # complete by framing, neither an answer nor an error: what must never happen
]


class Wish(msgspec.Struct, frozen=True):
    """What a guest does, times in seconds: comes after arrives_s, leaves leaves_s later (0: stays), stops reading for
    dozes_s after the first bytes.
    """

    arrives_s: float
    body: dict[str, Any]
    leaves_s: float = 0.0
    dozes_s: float = 0.0
    key: str = ""


class Told(msgspec.Struct):
    """What a guest got. text is what the model said; at_us and ended_us are wall times."""

    wish: Wish
    at_us: int
    ended_us: int = 0
    ended: Ended = "cut"
    status: int = 0
    headers: dict[str, str] = {}
    text: str = ""
    code: str = ""
    finish: str = ""


class Guest(asyncio.Protocol):
    """One connection, one request."""

    def __init__(self, wish: Wish, clock: VirtualClock) -> None:
        self._wish = wish
        self._clock = clock
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._body = b""
        self._dozed = False
        self._framed = False
        self.over = asyncio.get_running_loop().create_future()
        self.told = Told(wish, clock.now_us())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        raw = msgspec.json.encode(self._wish.body)
        head = (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer %b\r\n"
            % self._wish.key.encode()
        )
        self._transport.write(head + b"content-length: %d\r\n\r\n%b" % (len(raw), raw))
        if self._wish.leaves_s > 0:
            self._clock.later(self._wish.leaves_s, self._leave)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)
        if self._wish.dozes_s > 0 and not self._dozed and self._transport is not None:
            self._dozed = True
            self._transport.pause_reading()
            self._clock.later(self._wish.dozes_s, self._transport.resume_reading)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    # -- the parser ---------------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line."""
        self.told.headers[name.decode().lower()] = value.decode()

    def on_body(self, data: bytes) -> None:
        """Part of the body."""
        self._body += data

    def on_message_complete(self) -> None:
        """The answer is complete by HTTP's framing."""
        self._framed = True
        self._end()
        if self._transport is not None:
            self._transport.close()

    # -- how it ended -------------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        if not self.over.done():
            self._end(left=True)
            if self._transport is not None:
                self._transport.abort()

    def _end(self, *, left: bool = False) -> None:
        if self.over.done():
            return
        told = self.told
        told.ended_us = self._clock.now_us()
        if told.headers:
            told.status = self._parser.get_status_code()
        if told.headers.get("content-type", "").startswith("text/event-stream"):
            self._read_stream()
        elif self._framed:
            self._read_whole()
        if left:
            told.ended = "left"
        self.over.set_result(None)

    def _read_whole(self) -> None:
        told = self.told
        said = msgspec.json.decode(self._body)
        if told.status != 200:
            told.ended, told.code = "refused", said["error"]["code"]
        elif "choices" in said:
            told.ended, told.text = "complete", said["choices"][0]["message"]["content"]
            told.finish = said["choices"][0]["finish_reason"]
        else:
            told.ended = "odd"

    def _read_stream(self) -> None:
        """Events up to the first error or end; one that is no JSON is where an SDK raises."""
        told = self.told
        for event in events_of(self._body):
            data = data_of(event)
            if not data or data == b"[DONE]":
                continue
            try:
                chunk = msgspec.json.decode(data)
            except msgspec.DecodeError:
                continue  # told by the error that must follow it
            if "error" in chunk:
                told.ended, told.code = "told", chunk["error"]["code"]
                return
            for choice in chunk["choices"]:
                told.text += choice["delta"].get("content") or ""
                told.finish = choice["finish_reason"] or told.finish
        if self._framed:
            told.ended = "complete" if told.finish else "odd"


async def visit(wish: Wish, network: MemoryNetwork, clock: VirtualClock) -> Told:
    """Come, ask, and stay until the end."""
    await clock.sleep(wish.arrives_s)
    guest = Guest(wish, clock)
    try:
        await network.connect(FRONT_DOOR, lambda: guest)
    except ConnectionRefusedError:
        guest.told.ended, guest.told.ended_us = "unreachable", clock.now_us()
        return guest.told
    await guest.over
    return guest.told
