"""Framed messages between the supervisor and its children, over one socketpair each.

A frame is a 4-byte big-endian length and that many bytes of msgpack. The same frames go up and down control's socket,
so the splitter is here alone and knows nothing of sockets.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

import msgspec

# A snapshot of 10,000 names is about 4 MiB; a frame beyond this is a fault of ours, not a large file.
MOST_FRAME_BYTES = 64 * 1024 * 1024
_HEAD_BYTES = 4


class Update(msgspec.Struct, frozen=True, array_like=True, tag="update"):
    """To a child: serve by this snapshot (``snapshot.encode``) from now on. The first one starts the child's work."""

    snapshot: bytes


class Adopt(msgspec.Struct, frozen=True, array_like=True, tag="adopt"):
    """To a worker: accept on another worker's listening socket too."""

    listener: int


class Release(msgspec.Struct, frozen=True, array_like=True, tag="release"):
    """To a worker: stop accepting on a socket that was adopted; its connections stay."""

    listener: int


class Drain(msgspec.Struct, frozen=True, array_like=True, tag="drain"):
    """To a child: finish what is under way within grace_s seconds, then exit. A second one replaces the first."""

    grace_s: float


class Ready(msgspec.Struct, frozen=True, array_like=True, tag="ready"):
    """From a child: it accepts. address is where, for a child that opened its own listening socket, else ''."""

    address: str = ""


class Applied(msgspec.Struct, frozen=True, array_like=True, tag="applied"):
    """From a child: the snapshot of this epoch is in force; no request that starts now sees an older one."""

    epoch: int


Message = Update | Adopt | Release | Drain | Ready | Applied
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


class TooLong(ValueError):
    """A frame says it is longer than its bound; the stream cannot be followed any further."""


def frame(payload: bytes) -> bytes:
    """A payload with its length in front."""
    return len(payload).to_bytes(_HEAD_BYTES, "big") + payload


class Splitter:
    """Bytes in, whole frames out; holds at most one unfinished frame of most_bytes."""

    def __init__(self, most_bytes: int = MOST_FRAME_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that data completes, in order. Raises TooLong, after which the splitter is of no more use."""
        self._kept += data
        frames: list[bytes] = []
        at = 0
        while len(self._kept) - at >= _HEAD_BYTES:
            size = int.from_bytes(self._kept[at : at + _HEAD_BYTES], "big")
            if size > self._most_bytes:
                raise TooLong(f"a frame of {size} bytes, at most {self._most_bytes}")
            end = at + _HEAD_BYTES + size
            if len(self._kept) < end:
                break
            frames.append(bytes(self._kept[at + _HEAD_BYTES : end]))
            at = end
        del self._kept[:at]
        return frames


class Channel(asyncio.Protocol):
    """One end of a socketpair. receive gets each message in order; gone is called once, when the other end is no more.

    What cannot be read (a frame too long, a message unknown) ends the channel: both ends are of one version, so it is
    a fault of ours and the child is better restarted.
    """

    def __init__(self, receive: Callable[[Message], None], gone: Callable[[], None]) -> None:
        self._receive = receive
        self._gone = gone
        self._splitter = Splitter()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclass of it

    def data_received(self, data: bytes) -> None:
        try:
            for payload in self._splitter.feed(data):
                self._receive(_decode(payload))
        except (TooLong, msgspec.DecodeError):
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._gone()

    def send(self, message: Message) -> None:
        """Pass a message on; lost where the other end is gone. Never waits."""
        if self._transport is None or self._transport.is_closing():
            return
        # A child that reads nothing while snapshots pile up is stuck; ending the channel makes it drain or be killed.
        if self._transport.get_write_buffer_size() > MOST_FRAME_BYTES:
            self._transport.abort()
            return
        self._transport.write(frame(_encode(message)))

    def close(self) -> None:
        """End the channel after what was sent has gone out."""
        if self._transport is not None:
            self._transport.close()


async def attach(sock: socket.socket, receive: Callable[[Message], None], gone: Callable[[], None]) -> Channel:
    """A channel on one end of a connected Unix socketpair, which it then owns."""
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    _, channel = await loop.create_unix_connection(lambda: Channel(receive, gone), sock=sock)
    return channel
