"""One connection of a simulated upstream: reads requests, plays the moves of their steps in order.

The parser takes what the gateway sends - a head, a Content-Length, a body - and nothing else; what it cannot read is
refused and logged, so a smuggled byte is seen.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import msgspec

from poise.clock import Timer
from poise.sim import play
from poise.sim.console import answer_control
from poise.sim.play import Asked, End, Move
from poise.sim.script import Step

if TYPE_CHECKING:
    from poise.sim.upstream import Ended, Received, Upstream

MAX_HEAD_BYTES = 256 * 1024
_NO_LINGER = struct.pack("ii", 1, 0)  # closing sends RST, whatever was read
_SURFACES = {"/v1/chat/completions": "chat", "/v1/embeddings": "embeddings"}
_ENDINGS: dict[End, Ended] = {"done": "complete", "close": "closed", "reset": "reset"}


class UpstreamConnection(asyncio.Protocol):
    """Server side of one socket."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._buffer = bytearray()
        self._waiting: deque[Received] = deque()
        self._one: Received | None = None
        self._moves: Iterator[Move] = iter(())
        self._next: Move | None = None
        self._timer: Timer | None = None
        self._paused = False
        self._number = 0
        self._control: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    # -- asyncio ------------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an isinstance: uvloop's transports are asyncio's by behaviour only.
        self._transport = cast("asyncio.Transport", transport)
        self._number = self._upstream.joined(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._read_one():
            pass
        if self._one is None:
            self._start()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._upstream.left(self._number)
        if self._timer is not None:
            self._timer.cancel()
        for one in (self._one, *self._waiting):
            if one is not None:
                self._upstream.ended(one, "client_gone")
        self._waiting.clear()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._next is not None and self._timer is None:
            self._play(self._next)

    # -- requests -----------------------------------------------------------------------------------------------------

    def _read_one(self) -> bool:
        """Take one complete request out of the buffer; False where there is none yet."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                self._end("close")
            return False
        head = bytes(self._buffer[: end + 4])
        length = _length(head)
        if length < 0:
            one = self._upstream.received(self._number, head, bytes(self._buffer[end + 4 :]))
            one.step = Step("status", status=400, message="cannot read this framing")
            self._buffer.clear()
            self._waiting.append(one)
            return False
        if len(self._buffer) < end + 4 + length:
            return False
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        if head.split(b" ", 2)[1].startswith(b"/_sim"):
            self._answer_control(head, body)
            return False
        self._waiting.append(self._upstream.received(self._number, head, body))
        return True

    def _start(self) -> None:
        if not self._waiting:
            return
        one = self._one = self._waiting.popleft()
        self._moves = self._moves_for(one)
        self._advance()

    def _moves_for(self, one: Received) -> Iterator[Move]:
        upstream = self._upstream
        if one.step.do == "status":
            return iter([Move(data=play.whole(400, play.error(400, one.step.message)), end="close")])
        if one.path == "/v1/models" and one.method == "GET":
            rows = [{"id": name, "object": "model", "created": 0, "owned_by": "sim"} for name in upstream.models]
            return iter([Move(data=play.whole(200, msgspec.json.encode({"object": "list", "data": rows})), end="done")])
        surface = _SURFACES.get(one.path, "")
        if not surface or one.method != "POST":
            return iter([Move(data=play.whole(404, play.error(404, f"there is nothing at {one.path}")), end="done")])
        try:
            body = one.json
        except (msgspec.DecodeError, AssertionError):
            return iter([Move(data=play.whole(400, play.error(400, "the body is not a JSON object")), end="done")])
        one.model = str(body.get("model", ""))
        one.step = upstream.script.step_for(one.model)
        name = f"{upstream.name}-{one.number}"
        return play.moves(one.step, Asked(surface, body, one.model, name, upstream.seed, one.at_us // 1_000_000))

    def _answer_control(self, head: bytes, body: bytes) -> None:
        self._control = asyncio.get_running_loop().create_task(self._control_answer(head, body))

    async def _control_answer(self, head: bytes, body: bytes) -> None:
        method, path = head.decode("latin-1").split(" ", 2)[:2]
        status, answer = await answer_control(self._upstream, method, path, body)
        if self._transport is not None:
            self._transport.write(play.whole(status, answer))

    # -- playing ------------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        self._next = move = next(self._moves)
        if move.wait_s > 0:
            self._timer = self._upstream.clock.later(move.wait_s, self._due)
        elif not self._paused:
            self._play(move)

    def _due(self) -> None:
        self._timer = None
        if self._next is not None and not self._paused:
            self._play(self._next)

    def _play(self, move: Move) -> None:
        one = self._one
        if one is None or self._transport is None:
            return
        self._next = None
        if move.data:
            one.first_us = one.first_us or self._upstream.clock.now_us()
            one.tokens += move.token
            self._transport.write(move.data)
        if not move.end:
            # One turn of the loop per move: an answer of a thousand events must not starve the other connections.
            self._timer = self._upstream.clock.later(0, self._go_on)
        elif move.end != "never":
            self._end(move.end)

    def _go_on(self) -> None:
        self._timer = None
        self._advance()

    def _end(self, how: End) -> None:
        one, self._one = self._one, None
        if one is not None:
            self._upstream.ended(one, _ENDINGS[how])
        if self._transport is None:
            return
        if how == "done":
            self._start()
        elif how == "close":
            self._transport.close()
        else:
            self._reset()

    def _reset(self) -> None:
        assert self._transport is not None
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()


def _length(head: bytes) -> int:
    """The announced length of the body; -1 where the framing is not the plain kind that a gateway of ours sends."""
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:] if line]
    lengths = [value.strip() for name, _, value in lines if name.lower() == b"content-length"]
    if len(lengths) > 1 or any(name.lower() == b"transfer-encoding" for name, _, _ in lines):
        return -1
    if not lengths:
        return 0
    return int(lengths[0]) if lengths[0].isdigit() else -1
