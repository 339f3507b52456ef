"""What the client adds to an exchange: CPU over a bare httptools parser with empty callbacks on the same loop.

Run by hand: ``python -m tests.http_client.cost [exchanges]``. One process plays both sides over the loopback, one
connection, a chat request of 300 bytes and an answer of about 240; the bare client pays for the same bytes and system
calls, so the difference is ours. Prints microseconds of CPU per exchange.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from typing import cast

import httptools
import uvloop

from poise.edge.http.pool import UpstreamPool
from poise.errors import AttemptFailed
from tests.http_client.peers import pool_for, provider

BODY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant",'
    b'"content":"Hello there."},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":12,'
    b'"total_tokens":21}}'
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"OpenAI-Processing-Ms: 12\r\nX-Request-Id: req_123\r\nServer: x\r\nContent-Length: %d\r\n\r\n%b"
) % (len(BODY), BODY)
REQUEST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 300\r\n\r\n" + b"x" * 300
ROUNDS = 5


class Echo(asyncio.Protocol):
    """The upstream."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)


class Bare(Echo):
    """The floor: a parser with empty callbacks."""

    def __init__(self, count: int, done: asyncio.Future[None]) -> None:
        self.count = count
        self.done = done
        self.parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None: ...
    def on_header(self, name: bytes, value: bytes) -> None: ...
    def on_headers_complete(self) -> None: ...
    def on_body(self, data: bytes) -> None: ...
    def on_message_complete(self) -> None:
        self.count -= 1
        if self.count:
            self.transport.write(REQUEST)
        else:
            self.done.set_result(None)


class Asker:
    """Takes the connection that has just become free and asks again."""

    def __init__(self, pool: UpstreamPool, count: int, done: asyncio.Future[None]) -> None:
        self.pool = pool
        self.count = count
        self.done = done

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None: ...
    def body(self, data: bytes) -> None: ...
    def end(self) -> None:
        self.count -= 1
        connection = self.pool.take()
        if self.count and connection is not None:
            connection.send(REQUEST, self)
        else:
            self.done.set_result(None)

    def failed(self, failure: AttemptFailed) -> None:
        self.done.set_exception(failure)


async def bare(port: int, count: int) -> None:
    """The floor's exchanges."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    _, client = await loop.create_connection(lambda: Bare(count, done), "127.0.0.1", port)
    client.transport.write(REQUEST)
    await done
    client.transport.abort()


async def ours(port: int, count: int) -> None:
    """The pool's."""
    pool = pool_for(provider(f"http://127.0.0.1:{port}/v1"))
    asker = Asker(pool, count, asyncio.get_running_loop().create_future())
    connection = await pool.open(2)
    connection.send(REQUEST, asker)
    await asker.done
    pool.close()


async def measure(count: int) -> list[tuple[float, float]]:
    """Microseconds of CPU per exchange, bare and ours, alternating."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    rounds = []
    for _ in range(ROUNDS):
        took = []
        for client in (bare, ours):
            before = time.process_time()
            await client(port, count)
            took.append((time.process_time() - before) / count * 1e6)
        rounds.append((took[0], took[1]))
    server.close()
    return rounds


def main() -> None:
    """Medians of the rounds."""
    rounds = uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
    floor = statistics.median(a for a, _ in rounds)
    added = statistics.median(b - a for a, b in rounds)
    sys.stdout.write(f"bare, both sides: {floor:.2f} us; the client adds: {added:.2f} us an exchange\n")


if __name__ == "__main__":
    main()
