"""A connection without a network: bytes are fed in, what is written or closed is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from poise.edge.http.upstream import UpstreamConnection
from tests.http_client.peers import ASK, Heard


class Wire(asyncio.Transport):
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False
        self.paused = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Home:
    """What a pool is told."""

    def __init__(self) -> None:
        self.released = 0
        self.dropped_count = 0

    def release(self, connection: UpstreamConnection) -> None:
        self.released += 1

    def dropped(self, connection: UpstreamConnection) -> None:
        self.dropped_count += 1


def exchange(pieces: Iterable[bytes], *, eof: bool = False) -> tuple[Heard, Home, Wire]:
    """One exchange whose answer comes in these pieces."""
    home, wire, heard = Home(), Wire(), Heard()
    connection = UpstreamConnection(home)
    connection.connection_made(wire)
    connection.joined = connection.held = True
    connection.send(ASK, heard)
    for piece in pieces:
        if wire.closed:
            break
        connection.data_received(piece)
    if eof and not wire.closed:
        connection.eof_received()
    connection.connection_lost(None)
    return heard, home, wire
