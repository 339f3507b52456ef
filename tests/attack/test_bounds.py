"""F69, X13, X18: heads and bodies past their bounds, announced or not, and what is said before a body is sent."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from poise.edge.snapshot import Limits
from tests.attack.rig import OTHER_KEY, on_loop, rig
from tests.attack.wire import AUTH, HOST, chat, chunked, get, post

SMALL = Limits(body_bytes=10_000, bodies_bytes=25_000)
CHUNKED_HEAD = post(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
EXPECT = b"expect: 100-continue\r\n"


def head_of(request: bytes) -> bytes:
    """A request without its body."""
    return request[: request.index(b"\r\n\r\n") + 4]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (b"".join(b"x-%d: y\r\n" % i for i in range(10_000)), "headers_too_large"),
        (b"x: y\r\n" * 10_000, "headers_too_large"),
        (b"x-poise-label: a=b\r\n" * 200, "headers_too_large"),
        (b"x: " + b"y" * 1_000_000 + b"\r\n", "headers_too_large"),
        (b"x" * 1_000_000 + b": y\r\n", "headers_too_large"),
        (b"x: " + b"y" * 70_000 + b"\r\n", "headers_too_large"),
        (b"content-encoding: gzip\r\n", "unsupported_encoding"),
        (b"content-encoding: br\r\n", "unsupported_encoding"),
        (b"content-encoding: zstd, identity\r\n", "unsupported_encoding"),
        (b"content-encoding: identity\r\ncontent-encoding: gzip\r\n", "unsupported_encoding"),
        (b"expect: 200-maybe\r\n", "expectation_failed"),
        (b"expect: 100-continue\r\nexpect: 100-continue\r\n", "bad_header"),
    ],
    ids=lambda value: str(value[:24]),
)
@on_loop
async def test_head_past_its_bounds_is_refused(lines: bytes, code: str) -> None:
    """431, 415 or 417; the connection is closed and no upstream hears of it."""
    async with rig() as it:
        answers = await it.exchange(post(chat(), lines))

        assert [code] == [answer.code for answer in answers] == it.records.codes
        assert [] == it.upstream.seen


@on_loop
async def test_head_at_its_bounds_is_served() -> None:
    """As many lines as allowed, and nearly as many bytes."""
    async with rig() as it:
        limits = it.server.limits
        lines = b"".join(b"x-%d: y\r\n" % i for i in range(limits.header_count - 4))
        long = b"x: " + b"y" * (limits.header_bytes - 200) + b"\r\n"

        assert 200 == (await it.ask(get(head=lines + b"x: y\r\n" * 2))).status
        assert 200 == (await it.ask(get(head=long))).status


@pytest.mark.parametrize(
    "request_",
    [
        post(chat("x" * 10_000)),
        CHUNKED_HEAD + chunked(*[b"x" * 1000] * 11),
        CHUNKED_HEAD + chunked(b"x" * 10_001),
        CHUNKED_HEAD + b"ffffffffffffffff\r\n" + b"x" * 10_001,
        head_of(post(chat("x" * 20_000))),
    ],
    ids=["length", "chunks", "one chunk", "chunk of 64 bits", "length alone"],
)
@on_loop
async def test_body_past_its_bound_is_refused(request_: bytes) -> None:
    """413, announced or found while reading; what was held is let go, and nothing is counted twice."""
    async with rig(limits=SMALL) as it:
        for _ in range(5):
            answers = await it.exchange(request_)
            assert [413] == [answer.status for answer in answers]
            assert 0 == it.body_bytes

        assert ["body_too_large"] * 5 == it.records.codes
        assert [] == it.upstream.seen


@on_loop
async def test_bodies_together_are_bounded() -> None:
    """Beyond what a worker holds for all, the next is told to come back; the others go on."""
    async with rig(limits=SMALL) as it:
        request = post(chat("x" * 9000))
        first, second, third = [await it.connect() for _ in range(3)]
        for wire in (first, second):
            await wire.send(request[:-10])
        await it.bell.until(lambda: it.body_bytes > 18_000)
        await third.send(request)
        refused = await third.answer()
        for wire in (first, second):
            await wire.send(request[-10:])
        answers = [await wire.answer() for wire in (first, second)]
        for wire in (first, second, third):
            wire.close()

        assert "too_busy" == refused.code
        assert b"1" == refused.headers[b"retry-after"]
        assert [200, 200] == [answer.status for answer in answers]


@on_loop
async def test_body_in_tiny_chunks_takes_no_more_memory_than_one_in_large_ones() -> None:
    """A list of two-byte pieces would take 24 times their size."""
    async with rig() as it:
        body = chat("x" * 300_000)
        pieces = chunked(*(body[at : at + 2] for at in range(0, len(body), 2)), end=b"")
        wire = await it.connect()
        tracemalloc.start()
        await wire.send(CHUNKED_HEAD + pieces)
        await it.bell.until(lambda: it.body_bytes == len(body))
        del pieces
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        await wire.send(b"0\r\n\r\n")
        answer = await wire.answer()
        wire.close()

        assert 200 == answer.status
        assert 3 * len(body) > held


@on_loop
async def test_chunk_framing_that_outweighs_its_body_is_refused() -> None:
    """One byte a chunk with an extension of a hundred is an attack on CPU."""
    async with rig() as it:
        body = chat("x" * 5000)
        pieces = b"".join(b"1;%b\r\n%c\r\n" % (b"e" * 100, byte) for byte in body)
        answers = await it.exchange(CHUNKED_HEAD + pieces + b"0\r\n\r\n")

        assert ["bad_framing"] == [answer.code for answer in answers]
        assert [] == it.upstream.seen


@on_loop
async def test_expect_continue_is_answered_before_the_body() -> None:
    """100 first, then the answer; a client of HTTP/1.0 is not sent what it cannot read."""
    async with rig() as it:
        request = post(chat(), EXPECT)
        wire = await it.connect()
        await wire.send(head_of(request))
        interim = await wire.answer()
        await wire.send(request.removeprefix(head_of(request)))
        answer = await wire.answer()
        wire.close()
        old = await it.ask(request.replace(b"HTTP/1.1", b"HTTP/1.0", 1))

        assert (100, 200, 200) == (interim.status, answer.status, old.status)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (post(chat(), EXPECT, auth=b""), "invalid_api_key"),
        (post(chat(), EXPECT, path=b"/nothing"), "not_found"),
        (post(chat("x" * 20_000), EXPECT), "body_too_large"),
        (post(chat(), EXPECT + b"content-encoding: gzip\r\n"), "unsupported_encoding"),
    ],
)
@on_loop
async def test_expect_continue_is_refused_before_the_body(request_: bytes, code: str) -> None:
    """The body is never asked for, so it need not be sent."""
    async with rig(limits=SMALL) as it:
        answers = await it.exchange(head_of(request_))

        assert [code] == [answer.code for answer in answers] == it.records.codes


@on_loop
async def test_unknown_key_is_told_before_the_body_and_the_body_is_not_kept() -> None:
    """At the end of the head, without ``expect``; the body is read past, so the connection can go on."""
    async with rig() as it:
        refused = post(chat("x" * 200_000), auth=b"authorization: Bearer nobody\r\n")
        wire = await it.connect()
        await wire.send(head_of(refused))
        early = await wire.answer()
        await wire.send(refused.removeprefix(head_of(refused))[:100_000])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held = it.body_bytes
        await wire.send(refused.removeprefix(head_of(refused))[100_000:])
        await wire.send(post(chat("next")))
        after = await wire.answer()
        wire.close()

        assert "invalid_api_key" == early.code
        assert 0 == held
        assert "echo next" == after.text
        assert ["invalid_api_key"] == it.records.codes


@pytest.mark.parametrize("rest", [b"zz\r\n", b"5\r\nabcdeXX", b"0\r\nx: y\r\n\r\n"])
@on_loop
async def test_answer_before_the_body_is_the_only_one_when_the_body_is_broken(rest: bytes) -> None:
    """A second answer to one request would be taken for the next one's."""
    async with rig() as it:
        wire = await it.connect()
        await wire.send(CHUNKED_HEAD.replace(AUTH, b""))
        early = await wire.answer()
        await wire.send(rest + post(chat("behind")))
        more = await wire.rest()
        wire.close()

        assert "invalid_api_key" == early.code
        assert [] == more
        assert ["invalid_api_key", "bad_framing"] == it.records.codes
        assert [] == it.upstream.seen


@on_loop
async def test_known_key_without_rights_learns_only_what_it_may_use() -> None:
    """403 names nothing of others."""
    async with rig() as it:
        auth = b"authorization: Bearer " + OTHER_KEY.encode() + b"\r\n"
        answer = await it.ask(post(chat(), auth=auth))
        listed = await it.ask(b"GET /v1/models HTTP/1.1\r\n" + HOST + auth + b"\r\n")

        assert (403, "key_not_allowed") == (answer.status, answer.code)
        assert b"support" not in listed.body
        assert [] == it.upstream.seen
