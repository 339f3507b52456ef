"""F67, F69: the memory of a worker under attack, read from outside its process."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.attack.clock import Bell
from tests.attack.rig import on_loop
from tests.attack.upstream import Upstream, echo, endless
from tests.attack.wire import AUTH, Wire, chat, post

ROOT = Path(__file__).parents[2]
UNREAD = 200
UNREAD_BYTES = 60 * 1024 * 1024


class Worker:
    """A data plane in a process, and the upstream it calls."""

    def __init__(self, process: subprocess.Popen[str], port: int, upstream: Upstream) -> None:
        self._process = process
        self.port = port
        self.upstream = upstream

    @property
    def alive(self) -> bool:
        """It runs."""
        return self._process.poll() is None

    def memory(self, field: str) -> int:
        """Bytes of ``VmRSS`` (now) or ``VmHWM`` (the most so far)."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"{field}:\s+(\d+) kB", text)
        assert found is not None
        return int(found[1]) * 1024

    async def good(self) -> None:
        """One good request."""
        wire = await Wire.open(self.port)
        await wire.send(post(chat("well")))
        assert "echo well" == (await wire.answer()).text
        wire.close()


@asynccontextmanager
async def worker() -> AsyncIterator[Worker]:
    """Start both; the worker ends when its standard input does."""
    upstream = Upstream(Bell())
    port = await upstream.start()
    command = [sys.executable, "-m", "tests.attack.worker", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 - starting is no waiting
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = await asyncio.get_running_loop().run_in_executor(None, process.stdout.readline)
        it = Worker(process, int(line), upstream)
        await it.good()
        yield it
        await it.good()
        assert it.alive
    finally:
        process.stdin.close()
        await asyncio.get_running_loop().run_in_executor(None, process.wait, 10)
        process.stdout.close()
        await upstream.stop()


@on_loop
async def test_two_hundred_clients_that_never_read_take_less_than_60_mib() -> None:
    """Each of an endless stream, until every upstream is blocked."""
    async with worker() as it:
        before = it.memory("VmRSS")
        it.upstream.script = endless
        wires = [await Wire.open(it.port, receive_bytes=4096) for _ in range(UNREAD)]
        for wire in wires:
            await wire.send(post(chat(stream=True)))
        await it.upstream.bell.until(lambda: len(it.upstream.seen) > UNREAD, 15)
        it.upstream.script = echo
        streams = [sock for sock in it.upstream.sockets if b'"stream":true' in sock.raw.replace(b" ", b"")]
        sent, same = -1, 0
        while same < 10:  # until nothing moved for ten good requests: nobody reads, so nobody sends
            await it.good()
            now = sum(sock.sent for sock in streams)
            same, sent = (same + 1 if now == sent else 0), now
        blocked = sum(sock.blocked for sock in it.upstream.sockets)
        grown = it.memory("VmHWM") - before
        for wire in wires:
            wire.close()

        assert UNREAD == blocked
        assert UNREAD_BYTES > grown, f"{grown / 1048576:.1f} MiB"


@on_loop
async def test_bodies_of_strangers_take_no_memory() -> None:
    """Thirty bodies of 8 MiB at once without a good key: read past, never held."""
    async with worker() as it:
        before = it.memory("VmRSS")
        request = post(b"x" * 8 * 1024 * 1024).replace(AUTH, b"authorization: Bearer nobody\r\n")

        async def one() -> int:
            wire = await Wire.open(it.port)
            await wire.send(request)
            status = (await wire.answer()).status
            wire.close()
            return status

        statuses = await asyncio.gather(*(one() for _ in range(30)))
        grown = it.memory("VmHWM") - before

        assert [401] * 30 == statuses
        assert 8 * 1024 * 1024 > grown, f"{grown / 1048576:.1f} MiB"


@on_loop
async def test_largest_body_in_chunks_takes_less_than_three_times_its_size() -> None:
    """32 MiB without a length, with a good key, and then a byte too many."""
    async with worker() as it:
        before = it.memory("VmRSS")
        limit = 32 * 1024 * 1024
        wire = await Wire.open(it.port)
        await wire.send(post(b"").replace(b"content-length: 0", b"transfer-encoding: chunked"))
        piece = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        for _ in range(limit // 0x4000):
            await wire.send(piece)
        await wire.send(b"1\r\nx\r\n0\r\n\r\n")
        answer = await wire.answer()
        wire.close()
        grown = it.memory("VmHWM") - before

        assert "body_too_large" == answer.code
        assert 3 * limit > grown, f"{grown / 1048576:.1f} MiB"
