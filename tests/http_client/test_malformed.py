"""Answers that are no HTTP/1.1, or too much of it: a typed failure, at once, and the connection is closed."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from poise.edge.http.upstream import MAX_HEAD_BYTES, MAX_HEADERS, MAX_INTERIM
from poise.errors import Failure
from tests.http_client.peers import OK, Runner, answers, ask, on_both_loops, peer, pool_to
from tests.http_client.wires import exchange

HEAD = b"HTTP/1.1 200 OK\r\n"
CODED = HEAD + b"transfer-encoding: chunked\r\n"
END = b"content-length: 0\r\n\r\n"

MALFORMED = {
    "two lengths": (HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok", "Duplicate Content-Length"),
    "the same length twice": (HEAD + b"content-length: 2\r\ncontent-length: 2\r\n\r\nok", "Duplicate Content-Length"),
    "a list of lengths": (HEAD + b"content-length: 2, 2\r\n\r\nok", "Invalid character in Content-Length"),
    "a negative length": (HEAD + b"content-length: -1\r\n\r\n", "Invalid character in Content-Length"),
    "an empty length": (HEAD + b"content-length:\r\n\r\n", "Empty Content-Length"),
    "a huge length": (HEAD + b"content-length: 99999999999999999999\r\n\r\n", "Content-Length overflow"),
    "length and coding": (HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n", "can't be present"),
    "coding and length": (CODED + b"content-length: 2\r\n\r\n", "can't be present"),
    "a second coding": (HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "not a plain 'chunked'"),
    "chunked, but not last": (HEAD + b"transfer-encoding: chunked, gzip\r\n\r\nx", "not a plain 'chunked'"),
    "no coding at all": (HEAD + b"transfer-encoding: identity\r\n\r\nx", "not a plain 'chunked'"),
    "chunked twice": (CODED + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n", "not a plain 'chunked'"),
    "a bad chunk size": (CODED + b"\r\n-2\r\nok\r\n0\r\n\r\n", "Invalid character in chunk size"),
    "a huge chunk size": (CODED + b"\r\nfffffffffffffffff\r\n", "Chunk size overflow"),
    "a chunk that is too long": (CODED + b"\r\n2\r\nokX0\r\n\r\n", "this is not HTTP/1.1"),
    "a length among the trailers": (CODED + b"\r\n0\r\ncontent-length: 5\r\n\r\n", "can't be present"),
    "a coding among the trailers": (CODED + b"\r\n0\r\ntransfer-encoding: chunked\r\n\r\n", "among the trailers"),
    "NUL in a value": (HEAD + b"x: a\x00b\r\n" + END, "Invalid header value char"),
    "a space in a name": (HEAD + b"x y: a\r\n" + END, "Invalid header token"),
    "a space before the colon": (HEAD + b"x : a\r\n" + END, "Invalid header token"),
    "a folded line": (HEAD + b"x: a\r\n b\r\n" + END, "Unexpected whitespace"),
    "bare line feeds": (HEAD + b"x: a\ncontent-length: 0\n\n", "Missing expected CR"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.9\r\n", "this is not HTTP/1.1"),
    "HTTP/2": (b"HTTP/2.0 200 OK\r\n" + END, "HTTP/2.0"),
    "HTTP/0.9": (b"HTTP/0.9 200 OK\r\n" + END, "HTTP/0.9"),
    "a page": (b"<html>", "this is not HTTP/1.1"),
    "an upgrade": (b"HTTP/1.1 101 Go\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", "status 101"),
    "status 99": (b"HTTP/1.1 099 Odd\r\n" + END, "status 99 is not in 100..599"),
    "status 700": (b"HTTP/1.1 700 Odd\r\n" + END, "status 700 is not in 100..599"),
    "a status of two digits": (b"HTTP/1.1 20 OK\r\n" + END, "Invalid status code"),
    "interim answers without end": (b"HTTP/1.1 102 Busy\r\n\r\n" * (MAX_INTERIM + 1), "interim (1xx) answers"),
    "too many header lines": (HEAD + b"a: b\r\n" * (MAX_HEADERS + 1) + END, f"more than {MAX_HEADERS} header lines"),
    "100,000 header lines": (HEAD + b"a: b\r\n" * 100_000 + END, f"more than {MAX_HEADERS} header lines"),
    "a value of 64 KiB": (HEAD + b"a: " + b"v" * MAX_HEAD_BYTES + b"\r\n" + END, "passed 65536 bytes"),
    "a head without end": (HEAD + b"a: " + b"v" * 10_000_000, "the head of the answer passed 65536 bytes"),
    "200 values of 1 KiB": (HEAD + (b"a: " + b"v" * 1024 + b"\r\n") * 199 + END, "passed 65536 bytes"),
    "trailers without end": (CODED + b"\r\n0\r\na: " + b"v" * 10_000_000, "trailers of the answer passed 65536 bytes"),
    "too many trailers": (CODED + b"\r\n0\r\n" + b"a: b\r\n" * 1000, f"more than {MAX_HEADERS} header lines"),
    "a chunk extension without end": (CODED + b"\r\n2;" + b"v" * 10_000_000, "passed 65536 bytes"),
}
READ_BYTES = 262_144  # the most that uvloop reads at once


@pytest.mark.parametrize(("said", "text"), MALFORMED.values(), ids=MALFORMED)
def test_an_answer_that_cannot_be_trusted(said: bytes, text: str) -> None:
    """MALFORMED with the reason, the connection closed and never free again, in small pieces or in large ones."""
    for size in (1024, READ_BYTES):
        heard, home, wire = exchange([said[at : at + size] for at in range(0, len(said), size)])

        assert [Failure.MALFORMED] == heard.ends
        assert text in heard.text
        assert wire.closed
        assert (0, 1) == (home.released, home.dropped_count)


@pytest.mark.parametrize("name", ["100,000 header lines", "a head without end", "trailers without end"])
def test_a_bomb_costs_little(name: str) -> None:
    """At most 2 MiB and 50 ms of CPU, however much was sent."""
    said, _ = MALFORMED[name]
    pieces = [said[at : at + READ_BYTES] for at in range(0, len(said), READ_BYTES)]
    before_s = time.process_time()
    exchange(pieces)
    took_s = time.process_time() - before_s
    tracemalloc.start()
    exchange(pieces)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert took_s <= 0.05
    assert peak_bytes <= 2 * 1024 * 1024


def test_the_bounds_themselves_are_allowed() -> None:
    """200 header lines, 64 KiB of head, 8 interim answers: whole."""
    many = HEAD + b"a: b\r\n" * (MAX_HEADERS - 1) + END
    long = HEAD + b"a: " + b"v" * (MAX_HEAD_BYTES - len(HEAD) - len(END) - 10) + b"\r\n" + END
    interim = b"HTTP/1.1 102 Busy\r\n\r\n" * MAX_INTERIM + OK

    for said in (many, long, interim):
        heard, home, _ = exchange([said])

        assert ["end"] == heard.ends
        assert 1 == home.released


@pytest.mark.parametrize("name", ["two lengths", "100,000 header lines", "a head without end", "an upgrade"])
@on_both_loops
def test_over_real_sockets_too(run: Runner, name: str) -> None:
    """The peer sees its connection closed, and the pool has no use of it."""
    said, text = MALFORMED[name]

    async def main() -> None:
        async with peer(answers(said)) as upstream:
            pool = pool_to(upstream)
            heard = await ask(pool)

            assert [Failure.MALFORMED] == heard.ends
            assert text in heard.text
            assert (0, 0) == (pool.in_use, pool.idle)
            await upstream.quiet()

    run(main())
