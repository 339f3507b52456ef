"""One connection of the wall: reads requests, plays the moves of their faults, and writes down what became of them."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, cast

from poise.clock import Timer
from poise.sim.wall.attempt import Attempt, Ended
from poise.sim.wall.fault import End
from poise.sim.wall.move import Move
from poise.sim.wall.request import Arrived, Broken, take

if TYPE_CHECKING:
    from poise.sim.wall.wall import Wall

NO_LINGER: Final = struct.pack("ii", 1, 0)  # closing sends RST, whatever was read
LOOK_S: Final = 0.005
MAX_LOOKS: Final = 1_000
MAX_WAITING: Final = 64
_ENDED: Final[dict[End, Ended]] = {"done": "complete", "fin": "fin", "rst": "rst", "bare": "bare", "half": "half"}


class WallConnection(asyncio.Protocol):
    """Server side of one socket, or of one end of a pipe in memory."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._buffer = bytearray()
        self._waiting: deque[Arrived | Broken] = deque()
        self._attempt: Attempt | None = None
        self._moves: Iterator[Move] = iter(())
        self._next: Move | None = None
        self._began_us = 0  # when the wait of the next move began
        self._timer: Timer | None = None
        self._paused = False
        self._ending: End = ""
        self._number = 0
        self._transport: asyncio.Transport | None = None
        self.received_bytes = 0

    # -- asyncio ------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an isinstance: uvloop's transports are asyncio's by behaviour only.
        self._transport = cast("asyncio.Transport", transport)
        self._number = self._wall.joined(self)
        door = self._wall.door
        if door == "reset":
            self.reset()
        elif door == "deaf":
            self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self.received_bytes += len(data)
        self._buffer += data
        try:
            while len(self._waiting) < MAX_WAITING and (arrived := take(self._buffer)) is not None:
                self._waiting.append(arrived)
        except Broken as broken:
            self._buffer.clear()
            self._waiting.append(broken)
        if self._attempt is None:
            self._start()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        attempt = self._attempt
        if attempt is not None:
            self._count_unfinished(attempt)
            self._wall.log.end(attempt, "client_gone")
            self._attempt = None
        self._wall.left(self, self._number)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._ending:
            self._close(self._ending)
        elif self._next is not None and self._timer is None:
            self._play(self._next)

    # -- requests -----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if not self._waiting or self._transport is None:
            return
        arrived = self._waiting.popleft()
        self._attempt, self._moves = self._wall.answer(arrived, self._number)
        self._advance()

    # -- playing ------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        self._timer = None
        self._next = move = next(self._moves)
        clock = self._wall.clock
        self._began_us = clock.now_us()
        if move.wait_s > 0:
            self._timer = clock.later(move.wait_s, self._due)
        elif not self._paused:
            self._play(move)

    def _due(self) -> None:
        self._timer = None
        if self._attempt is not None and self._next is not None:
            self._attempt.made_tokens += self._next.tokens  # made is made, whether or not the caller reads
            self._next = self._next._replace(wait_s=-1.0)
        if self._next is not None and not self._paused:
            self._play(self._next)

    def _play(self, move: Move) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._next = None
        attempt = self._attempt
        if attempt is not None:
            self._count(attempt, move)
        if move.data:
            transport.write(move.data)
        if not move.end:
            # One turn of the loop per move: an answer of a thousand events must not starve the other connections.
            self._timer = self._wall.clock.later(0, self._advance)
        elif move.end == "done":
            self._over("complete")
            self._start()
        elif move.end != "never":
            self._finish(move.end)

    def _count(self, attempt: Attempt, move: Move) -> None:
        if move.wait_s >= 0:
            attempt.made_tokens += move.tokens
        attempt.sent_tokens += move.tokens
        attempt.sent_bytes += len(move.data)
        if move.told is not None:
            attempt.told = move.told
        if move.data and not attempt.first_us:
            attempt.first_us = self._wall.clock.now_us()
            attempt.status = _status_of(move.data)

    def _count_unfinished(self, attempt: Attempt) -> None:
        """Of a whole answer that was still being made: the part of its wait that has passed."""
        move = self._next
        if move is not None and move.wait_s > 0 and move.tokens > 1:
            share = (self._wall.clock.now_us() - self._began_us) / (move.wait_s * 1e6)
            attempt.made_tokens += int(move.tokens * min(1.0, share))

    # -- ending -------------------------------------------------------------------------------------------------------

    def _over(self, how: Ended) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            self._wall.log.end(attempt, how)

    def _finish(self, end: End) -> None:
        """End the connection once all that was written is with the kernel: a reset would throw the rest away."""
        self._over(_ENDED[end])
        transport = self._transport
        if transport is None:
            return
        transport.set_write_buffer_limits(high=0)
        if transport.get_write_buffer_size():
            self._ending = end
        else:
            self._close(end)

    def _close(self, end: End) -> None:
        self._ending = ""
        transport = self._transport
        if transport is None:
            return
        if end == "rst":
            self._reset_when_sent(MAX_LOOKS)
        elif end == "half" and transport.can_write_eof():
            transport.write_eof()
        elif end == "bare" and transport.get_extra_info("ssl_object") is not None:
            _shut(transport)
        else:
            transport.close()

    def _reset_when_sent(self, looks: int) -> None:
        """A reset throws away what the kernel has not sent, so its queue is looked at until it is empty, or for five seconds."""
        transport = self._transport
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if sock is None or not looks or not _queued_bytes(sock.fileno()):
            self.reset()
        else:
            self._timer = self._wall.clock.later(LOOK_S, lambda: self._reset_when_sent(looks - 1))

    def reset(self) -> None:
        """RST, whatever is under way."""
        transport = self._transport
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        transport.abort()

    def close(self) -> None:
        """Let the caller go, in an orderly way."""
        if self._transport is not None:
            self._transport.close()


def _shut(transport: asyncio.Transport) -> None:
    """FIN on the socket under TLS, which is told nothing: what a peer sees whose other end has vanished."""
    with socket.socket(fileno=socket.dup(transport.get_extra_info("socket").fileno())) as plain:
        plain.shutdown(socket.SHUT_WR)
    transport.abort()


def _queued_bytes(number: int) -> int:
    """What the kernel still has to send on a socket, or has not been told that it arrived."""
    if number < 0:
        return 0
    queued: int = struct.unpack("i", fcntl.ioctl(number, termios.TIOCOUTQ, b"\0\0\0\0"))[0]
    return queued


def _status_of(data: bytes) -> int:
    """The status in a first write, 0 where it is none."""
    word = data[9:12]
    return int(word) if data.startswith(b"HTTP/") and word.isdigit() else 0
