"""Exchanges with real sockets: how answers end, and what becomes of their connections."""

from __future__ import annotations

import asyncio

import pytest

from poise.errors import Failure
from tests.http_client.peers import (
    ASK,
    OK,
    WAIT_S,
    Heard,
    Line,
    Runner,
    answers,
    ask,
    on_both_loops,
    peer,
    pool_to,
    says_and_closes,
    until,
)

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-Late: 1\r\n\r\n"


@on_both_loops
def test_a_connection_is_free_as_soon_as_its_answer_has_ended(run: Runner) -> None:
    """Whoever waits for the end finds the connection idle; the next request goes over it."""

    async def main() -> None:
        async with peer(answers(OK, CHUNKED)) as upstream:
            pool = pool_to(upstream)
            first = await ask(pool)
            second = await ask(pool)

            assert (200, b"hello", ["end"], 1) == (first.status, first.data, first.ends, first.idle_at_end)
            assert [(b"content-type", b"text/plain"), (b"content-length", b"5")] == first.headers
            assert (b"hello world", ["end"], 1) == (second.data, second.ends, second.idle_at_end)
            assert [(b"transfer-encoding", b"chunked")] == second.headers
            assert 1 == upstream.lines
            taken = pool.take()
            assert taken is not None
            assert taken.reused
            assert (1, 0) == (pool.in_use, pool.idle)
            taken.close()
            assert (0, 0) == (pool.in_use, pool.idle)

    run(main())


@pytest.mark.parametrize(
    ("said", "status", "data"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b""),
        (b"HTTP/1.1 307 Go\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n", 307, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK, 200, b"hello"),
        (HEAD + b"Content-Length: 0\r\n\r\n", 200, b""),
    ],
)
@on_both_loops
def test_answers_that_leave_the_connection_usable(run: Runner, said: bytes, status: int, data: bytes) -> None:
    """Answers without a body, redirects (never followed) and interim ones (never shown) are whole."""

    async def main() -> None:
        async with peer(answers(said)) as upstream:
            pool = pool_to(upstream)
            heard = await ask(pool)

            assert (status, data, ["end"], 1) == (heard.status, heard.data, heard.ends, heard.heads)
            assert 1 == heard.idle_at_end
            pool.close()

    run(main())


@pytest.mark.parametrize(
    ("said", "data"),
    [
        (HEAD + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"hello"),
        (OK + b"H", b"hello"),
        (OK + b"\x00", b"hello"),
    ],
)
@on_both_loops
def test_answers_after_which_the_connection_is_closed(run: Runner, said: bytes, data: bytes) -> None:
    """The answer is whole; its connection is closed, because the peer asked for it or sent more than an answer."""

    async def main() -> None:
        async with peer(answers(said)) as upstream:
            pool = pool_to(upstream)
            heard = await ask(pool)

            assert (200, data, ["end"], 1) == (heard.status, heard.data, heard.ends, heard.heads)
            assert 0 == heard.idle_at_end
            assert 0 == pool.in_use
            await upstream.quiet()

    run(main())


@pytest.mark.parametrize("said", [OK, CHUNKED])
@on_both_loops
def test_a_receiver_that_distrusts_a_whole_answer_closes_its_connection(run: Runner, said: bytes) -> None:
    """Until the end was heard the connection is the receiver's: what came on it may be no answer, well framed as it is."""

    async def main() -> None:
        async with peer(answers(said)) as upstream:
            pool = pool_to(upstream)
            connection = await pool.open(WAIT_S)
            heard = Heard(pool)
            heard.distrusts = connection
            connection.send(ASK, heard)
            await heard.over()

            assert (["end"], 0, 0) == (heard.ends, heard.idle_at_end, pool.in_use)
            assert pool.take() is None
            await upstream.quiet()

    run(main())


@on_both_loops
def test_a_body_without_length_ends_with_the_connection(run: Runner) -> None:
    """Where no end was announced, closing is the end, and the answer is whole."""

    async def main() -> None:
        async with peer(says_and_closes(HEAD + b"\r\nto the end")) as upstream:
            heard = await ask(pool_to(upstream))

            assert (b"to the end", ["end"], 0) == (heard.data, heard.ends, heard.idle_at_end)

    run(main())


@pytest.mark.parametrize(
    ("said", "failure", "text"),
    [
        (b"", Failure.CONNECT, "closed the connection (FIN) without an answer"),
        (b"HTTP/1.1 200 OK\r\nConte", Failure.CUT, "closed the connection (FIN) in the head of the answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Failure.CUT, "(FIN) in the head of the answer"),
        (OK[:-1], Failure.CUT, "closed the connection (FIN) in the body of the answer"),
        (HEAD + b"Connection: close\r\nContent-Length: 9\r\n\r\nhello", Failure.CUT, "(FIN) in the body"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Failure.CUT, "(FIN) in the body"),
    ],
)
@on_both_loops
def test_a_peer_that_closes_too_early(run: Runner, said: bytes, failure: Failure, text: str) -> None:
    """No byte: the connection was lost. Some: the answer was cut, and a cut answer never ends as if it were whole."""

    async def main() -> None:
        async with peer(says_and_closes(said)) as upstream:
            pool = pool_to(upstream)
            heard = await ask(pool)

            assert [failure] == heard.ends
            assert text in heard.text
            assert (0, 0) == (pool.in_use, pool.idle)

    run(main())


@on_both_loops
def test_a_reset_is_told_from_a_close(run: Runner) -> None:
    """RST in the body: the text says so."""
    arrived = asyncio.Event()

    async def play(line: Line) -> None:
        await line.asked()
        await line.say(OK[:-1])
        await arrived.wait()
        line.reset()

    async def main() -> None:
        async with peer(play) as upstream:
            pool = pool_to(upstream)
            connection = await pool.open(WAIT_S)
            heard = Heard()
            connection.send(ASK, heard)
            await heard.begun()
            arrived.set()
            await heard.over()

            assert [Failure.CUT] == heard.ends
            assert "the upstream reset the connection (RST) in the body" in heard.text

    run(main())


@on_both_loops
def test_closing_tells_the_peer_and_not_the_receiver(run: Runner) -> None:
    """An abandoned exchange closes its socket and frees its slot at once; the receiver hears nothing more."""

    async def main() -> None:
        async with peer(answers(OK[:-1])) as upstream:
            pool = pool_to(upstream)
            connection = await pool.open(WAIT_S)
            heard = Heard()
            connection.send(ASK, heard)
            await heard.begun()
            connection.close()
            assert (0, 0) == (pool.in_use, pool.idle)
            connection.close()
            await upstream.quiet()

            assert [] == heard.ends
            assert pool.take() is None

    run(main())


@on_both_loops
def test_an_idle_connection_that_the_peer_closes_leaves_the_pool(run: Runner) -> None:
    """A FIN on an idle connection: it is never handed out again."""

    async def main() -> None:
        async with peer(says_and_closes(OK)) as upstream:
            pool = pool_to(upstream)
            heard = await ask(pool)
            assert 1 == heard.idle_at_end
            await until(lambda: pool.idle == 0)

            assert pool.take() is None

    run(main())


@pytest.mark.parametrize("said", [OK, b"\r\n", b"HTTP/1.1 408 Timeout\r\n\r\n"])
@on_both_loops
def test_bytes_that_nobody_asked_for_close_an_idle_connection(run: Runner, said: bytes) -> None:
    """They must not be read as the answer to the next request."""

    async def main() -> None:
        async def play(line: Line) -> None:
            await line.asked()
            await line.say(OK)
            await until(lambda: pool.idle == 1)
            await line.say(said)
            await line.gone()

        async with peer(play) as upstream:
            pool = pool_to(upstream)
            await ask(pool)
            await upstream.quiet()

            assert 0 == pool.idle

    run(main())


@on_both_loops
def test_what_the_last_holder_says_is_ignored(run: Runner) -> None:
    """After the end the connection is another's: pausing or closing it late does nothing."""

    async def main() -> None:
        async with peer(answers(OK, OK)) as upstream:
            pool = pool_to(upstream)
            connection = await pool.open(WAIT_S)
            heard = Heard()
            connection.send(ASK, heard)
            await heard.over()
            connection.pause()
            connection.close()

            assert 1 == pool.idle
            assert ["end"] == (await ask(pool)).ends
            assert 1 == upstream.lines
            pool.close()

    run(main())


@on_both_loops
def test_a_paused_connection_is_read_again_for_the_next_exchange(run: Runner) -> None:
    """An exchange that ends while paused leaves no pause behind."""

    async def main() -> None:
        async with peer(answers(OK, OK)) as upstream:
            pool = pool_to(upstream)
            connection = await pool.open(WAIT_S)

            class Pausing(Heard):
                def body(self, data: bytes) -> None:
                    super().body(data)
                    connection.pause()

            heard = Pausing()
            connection.send(ASK, heard)
            await heard.over()

            assert ["end"] == (await ask(pool)).ends
            assert 1 == upstream.lines
            pool.close()

    run(main())


@on_both_loops
def test_a_paused_reader_bounds_what_the_peer_can_send(run: Runner) -> None:
    """While paused only the kernel's buffers fill; afterwards everything arrives."""
    size = 24 * 1024 * 1024

    async def main() -> None:
        async def play(line: Line) -> None:
            await line.asked()
            line.writer.write(HEAD + b"content-length: %d\r\n\r\n" % size)
            line.writer.write(b"x" * size)
            await line.writer.drain()
            await line.gone()

        async with peer(play) as upstream:
            pool = pool_to(upstream)
            connection = await pool.open(WAIT_S)

            class Slow(Heard):
                def body(self, data: bytes) -> None:
                    counted.append(len(data))
                    if len(counted) == 1:
                        connection.pause()
                    self._begun.set()

            counted: list[int] = []
            heard = Slow()
            connection.send(ASK, heard)
            await heard.begun()
            for _ in range(1000):
                await asyncio.sleep(0)
            paused_bytes = sum(counted)
            connection.resume()
            await heard.over()

            assert paused_bytes <= 1024 * 1024
            assert size == sum(counted)
            pool.close()

    run(main())


@on_both_loops
def test_an_answer_before_the_request_was_sent_ends_the_connection(run: Runner) -> None:
    """A 413 while 32 MiB are on their way: the answer is whole, the connection not reused."""

    async def play(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await line.gone()

    async def main() -> None:
        async with peer(play) as upstream:
            pool = pool_to(upstream)
            size = 32 * 1024 * 1024
            heard = await ask(pool, b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size)

            assert (413, ["end"], 0) == (heard.status, heard.ends, heard.idle_at_end)

    run(main())
