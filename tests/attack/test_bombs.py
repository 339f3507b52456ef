"""F25: answers of an upstream that are meant to break the one who reads them. 502 in little time and memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from itertools import chain, repeat

import pytest

from tests.attack.rig import on_loop, rig
from tests.attack.upstream import STREAM_HEAD, completion
from tests.attack.wire import chat, post

BODY = completion("hi")
LENGTH = b"content-length: %d\r\n" % len(BODY)
OK = b"HTTP/1.1 200 OK\r\n"

BOMBS = {
    "100,000 headers": OK + b"".join(b"x-%d: y\r\n" % i for i in range(100_000)) + LENGTH + b"\r\n" + BODY,
    "one header 100,000 times": OK + b"x: y\r\n" * 100_000 + LENGTH + b"\r\n" + BODY,
    "value of 100 KB": OK + b"x: " + b"y" * 100_000 + b"\r\n" + LENGTH + b"\r\n" + BODY,
    "name of 100 KB": OK + b"x" * 100_000 + b": y\r\n" + LENGTH + b"\r\n" + BODY,
    "value without end": OK + b"x: " + b"y" * 5_000_000,
    "reason of 1 MB": b"HTTP/1.1 200 " + b"O" * 1_000_000 + b"\r\n" + LENGTH + b"\r\n" + BODY,
    "two lengths": OK + LENGTH + b"content-length: 5\r\n\r\n" + BODY,
    "length and chunked": OK + LENGTH + b"transfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    "chunked, identity": OK + b"transfer-encoding: chunked, identity\r\n\r\n" + BODY,
    "gzip, chunked": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "negative length": OK + b"content-length: -1\r\n\r\n" + BODY,
    "NUL in a value": OK + b"x: a\x00b\r\n" + LENGTH + b"\r\n" + BODY,
    "bare CR in a value": OK + b"x: a\rb\r\n" + LENGTH + b"\r\n" + BODY,
    "space before the colon": OK + b"content-length : 5\r\n\r\n" + BODY,
    "obs-fold": OK + b"x: a\r\n b\r\n" + LENGTH + b"\r\n" + BODY,
    "bad chunk size": OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n" + BODY,
    "chunk past 64 bits": OK + b"transfer-encoding: chunked\r\n\r\n10000000000000005\r\nabcde\r\n",
    "trailers without end": OK + b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * 100_000,
    "extension of 1 MB": OK + b"transfer-encoding: chunked\r\n\r\n5;" + b"e" * 1_000_000 + b"\r\nabcde\r\n0\r\n\r\n",
    "1,000 interim answers": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000 + OK + LENGTH + b"\r\n" + BODY,
    "switching protocols": b"HTTP/1.1 101 X\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "status 999": b"HTTP/1.1 999 X\r\n" + LENGTH + b"\r\n" + BODY,
    "HTTP/2": b"HTTP/2.0 200 OK\r\n" + LENGTH + b"\r\n" + BODY,
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "not JSON": OK + b"content-length: 3\r\n\r\n<a>",
    "JSON depth 100,000": OK + b"content-length: 100000\r\n\r\n" + b"[" * 100_000,
    "redirect": b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
    "closed at once": b"",
    "half a head": OK + b"content-le",
}


@pytest.mark.parametrize("name", BOMBS)
@on_loop
async def test_answer_that_breaks_its_reader_is_a_502(name: str) -> None:
    """Told to the client in its dialect; the connection is not used again; the next call is served."""
    async with rig() as it:
        bomb = BOMBS[name]

        def throw(sock: object, seen: object) -> None:
            it.upstream.sockets[-1].write(bomb)
            it.upstream.sockets[-1].close()

        it.upstream.script = throw
        await it.good()
        tracemalloc.start()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        answer = await it.ask(post(chat("hi")))
        took_s = loop.time() - began_s
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert 502 == answer.status, answer
        assert answer.code in ("upstream_failed", "upstream_rejected")
        assert 2000 > len(answer.body)
        assert 0.5 > took_s
        assert 2 * 1024 * 1024 + len(bomb) > peak, "what the test itself holds is counted too"


@on_loop
async def test_event_without_end_is_bounded() -> None:
    """A stream whose one event never ends is broken off after a mebibyte, in-band or before."""
    async with rig() as it:
        piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        it.upstream.script = lambda sock, _: sock.pour(chain([STREAM_HEAD], repeat(piece, 10_000)))
        answer = await it.ask(post(chat("hi", stream=True)))

        assert 502 == answer.status
        assert 8 * 1024 * 1024 > it.upstream.sockets[0].sent


@on_loop
async def test_two_answers_to_one_request_never_reach_the_next_client() -> None:
    """What an upstream sends unasked closes its connection."""
    async with rig() as it:
        answer = OK + LENGTH + b"\r\n" + BODY
        evil = completion("not for you")
        second = OK + b"content-length: %d\r\n\r\n" % len(evil) + evil
        it.upstream.script = lambda sock, _: sock.write(answer + second)
        first = await it.ask(post(chat("one")))
        await it.bell.until(lambda: it.upstream.sockets[0].lost)

        assert "hi" == first.text
