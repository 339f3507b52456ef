"""Callers that write down exactly what they saw: whether a request was accepted, and whether its answer was whole."""

from __future__ import annotations

import asyncio

import msgspec

from poise.clock import Clock
from poise.decision import read_id
from poise.sim.dice import Dice

ANSWER_S = 60.0  # a call that takes longer is hung, which is a finding of its own


class Call(msgspec.Struct):
    """One request as its caller saw it. decision is 0 until a head came, which is when the caller knows it accepted.

    whole: the answer came to its proper end. Times are wall time, microseconds.
    """

    begun_us: int
    streamed: bool
    decision: int = 0
    status: int = 0
    whole: bool = False
    ended_us: int = 0
    error: str = ""


class Caller:
    """One keep-alive connection at a time to host:port, one call after the other; a dead connection is made anew."""

    def __init__(self, address: tuple[str, int], *, key: str, model: str, clock: Clock) -> None:
        self._address = address
        self._key = key
        self._model = model
        self._clock = clock
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def call(self, *, stream: bool) -> Call:
        """Ask once. Never raises for what the other side does: the Call says what happened."""
        call = Call(self._clock.now_us(), stream)
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._exchange(call)
        except (OSError, EOFError, TimeoutError, ValueError) as problem:
            call.error = type(problem).__name__
        if not call.whole:
            self.close()
        call.ended_us = self._clock.now_us()
        return call

    def close(self) -> None:
        """Let the connection go."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _exchange(self, call: Call) -> None:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(*self._address)
        reader, writer = self._reader, self._writer
        message = {"role": "user", "content": "please say a few words about the weather"}
        body = msgspec.json.encode({"model": self._model, "messages": [message], "stream": call.streamed})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer {self._key}\r\n"
        writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        call.status = int(lines[0].split()[1])
        call.decision = read_id(headers["x-poise-decision"])
        if "content-length" in headers:
            await reader.readexactly(int(headers["content-length"]))
            call.whole = True
        else:
            call.whole = await _chunks(reader)
        if headers.get("connection") == "close":
            self.close()


async def _chunks(reader: asyncio.StreamReader) -> bool:
    """Read a chunked answer. True where it ends as the protocol and the dialect say."""
    tail = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        tail = (tail + await reader.readexactly(size))[-64:]
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"[DONE]" in tail


async def keep_calling(caller: Caller, calls: list[Call], dice: Dice, stop: asyncio.Event) -> None:
    """Call again and again, every third time for a stream, with a short pause, until stop is set."""
    while not stop.is_set():
        calls.append(await caller.call(stream=dice.below(3) == 0))
        await asyncio.sleep(dice.between(0.0, 0.02))
    caller.close()
