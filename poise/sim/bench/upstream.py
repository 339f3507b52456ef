"""The upstream of every measurement: one fixed answer, or streams of events at a steady pace.

Streams share one timer. Each belongs to one of PHASES groups that take turns, so that the events of a period are spread
over it and not sent in one burst.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import ssl
from pathlib import Path
from typing import cast

import uvloop

from poise.sim.bench import stopwatch
from poise.sim.bench.wording import ANSWER, EVENTS, FIRST_EVENT, LAST_EVENTS, chunk, event

PHASES = 20

_WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_CHAT = _WHOLE % (len(ANSWER), ANSWER)
_MODELS = json.dumps({"object": "list", "data": [{"id": "m-a", "object": "model", "owned_by": "bench"}]}).encode()
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_STREAM_END = chunk(LAST_EVENTS) + b"0\r\n\r\n"


class Pacer:
    """Sends the next event on every stream, one group of streams per tick."""

    def __init__(self, events_per_s: float) -> None:
        self._tick_s = 1.0 / events_per_s / PHASES
        self._groups: list[dict[Exchange, None]] = [{} for _ in range(PHASES)]
        self._turn = 0
        self._next_group = 0
        self._due_s = 0.0
        self.late_s_max = 0.0

    def start(self) -> None:
        """Begin to tick on the running loop."""
        self._due_s = asyncio.get_running_loop().time()
        self._tick()

    def add(self, exchange: Exchange) -> None:
        """Give a stream a place in the group with the next turn of being filled."""
        exchange.group = self._next_group
        self._groups[self._next_group][exchange] = None
        self._next_group = (self._next_group + 1) % PHASES

    def remove(self, exchange: Exchange) -> None:
        """Forget a stream; harmless if it is not there."""
        self._groups[exchange.group].pop(exchange, None)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        late_s = loop.time() - self._due_s
        self.late_s_max = max(self.late_s_max, late_s)
        for exchange in list(self._groups[self._turn]):
            exchange.send_next()
        self._turn = (self._turn + 1) % PHASES
        self._due_s += self._tick_s
        if late_s > 1.0:  # the machine stood still: go on from now instead of sending a second's events at once
            self._due_s = loop.time()
        loop.call_at(self._due_s, self._tick)


class Exchange(asyncio.Protocol):
    """One connection: reads whole requests, answers each. It parses no more than well-behaved proxies need."""

    def __init__(self, pacer: Pacer) -> None:
        self.group = 0
        self._pacer = pacer
        self._held = b""
        self._number = 0
        self._events = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are not subclasses of it

    def connection_lost(self, exc: Exception | None) -> None:
        self._pacer.remove(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        if self._held:
            data = self._held + data
        while data:
            size = _request_bytes(data)
            if not size or len(data) < size:
                break
            self._answer(data[:size])
            data = data[size:]
        self._held = data

    def send_next(self) -> None:
        """The next event of this stream, and its end after the last one."""
        assert self._transport is not None
        data = chunk(event(stopwatch.now_ns() // 1000, self._number))
        self._number += 1
        if self._number == self._events:
            self._pacer.remove(self)
            data += _STREAM_END
        self._transport.write(data)

    def _answer(self, request: bytes) -> None:
        assert self._transport is not None
        if request.startswith(b"POST /v1/chat/completions"):
            if EVENTS in request:
                self._number, self._events = 0, _number_after(request, EVENTS)
                self._transport.write(_STREAM_HEAD + chunk(FIRST_EVENT))
                self._pacer.add(self)
            else:
                self._transport.write(_CHAT)
            return
        body = b"{}"
        if request.startswith(b"GET /v1/models"):
            body = _MODELS
        elif request.startswith(b"GET /lateness"):
            body = json.dumps({"late_ms": self._pacer.late_s_max * 1e3}).encode()
            self._pacer.late_s_max = 0.0
        self._transport.write(_WHOLE % (len(body), body))


def _request_bytes(data: bytes) -> int:
    """How long the first request in data is, 0 while that cannot be told. Chunked bodies must be complete in data."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = data[:end].lower()
    if b"transfer-encoding: chunked" in head:
        last = data.find(b"0\r\n\r\n", end)
        return last + 5 if last >= 0 else 0
    return end + 4 + _number_after(head, b"content-length:")


def _number_after(data: bytes, name: bytes) -> int:
    at = data.find(name)
    if at < 0:
        return 0
    rest = data[at + len(name) : at + len(name) + 16].lstrip()
    digits = len(rest) - len(rest.lstrip(b"0123456789"))
    return int(rest[:digits] or 0)


async def serve(ports: list[int], events_per_s: float, certificate: Path | None, plain_port: int | None) -> None:
    """Answer on these ports of 127.0.0.1 until a signal comes; with a certificate all but plain_port speak TLS."""
    loop = asyncio.get_running_loop()
    pacer = Pacer(events_per_s)
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    for port in ports:
        await loop.create_server(lambda: Exchange(pacer), "127.0.0.1", port, ssl=context, backlog=4096)
    if plain_port:
        await loop.create_server(lambda: Exchange(pacer), "127.0.0.1", plain_port)
    pacer.start()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--ports", type=int, nargs="+", required=True)
    parser.add_argument("--events-per-s", type=float, default=50.0)
    parser.add_argument("--certificate", type=Path, help="key and certificate in one PEM file")
    parser.add_argument("--plain-port", type=int)
    asked = parser.parse_args()
    uvloop.run(serve(asked.ports, asked.events_per_s, asked.certificate, asked.plain_port))
