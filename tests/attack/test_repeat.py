"""A head that comes again is known by its bytes, and nobody can tell from the answers."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest

from poise.edge.http.message import Message
from poise.edge.http.repeat import MAX_KNOWN_HEAD_BYTES, Repeat, learnt
from poise.edge.snapshot import Limits
from tests.attack.rig import Rig, on_loop, rig
from tests.attack.wire import AUTH, HOST, chat, chunked, get, post

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + AUTH


def known(head: bytes, size: int = 7, *, twice: bool = True) -> Repeat | None:
    """What is learnt of a head and a body of so many bytes."""
    last, message = Message(), Message()
    message.headers = last.headers if twice else {}
    message.length, message.size = b"%d" % size, size
    return learnt(head + b"x" * size, message, last)


def connections(it: Rig) -> list[Repeat | None]:
    """What the server's connections know."""
    return [connection.known for connection in it.server.connections]


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\ncontent-length: 7\r\n\r\n",
        b"POST / HTTP/1.1\r\na: b\r\nContent-Length:7\r\nc: d\r\n\r\n",
    ],
)
def test_a_head_that_came_twice_is_known_with_any_length(head: bytes) -> None:
    """Its digits alone may differ."""
    repeat = known(head)

    assert repeat is not None
    for length in (b"7", b"0", b"1234567890"):
        again = head.replace(b"7", length)
        assert len(again) == repeat.matches(again + b"body")
        assert (length, int(length)) == (repeat.length, repeat.size)


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\ncontent-length: 7\n\n",
        b"POST / HTTP/1.1\r\ncontent-length: 7\r\n\r\n\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 7 \r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length:\t7\r\n\r\n",
        b"POST / HTTP/1.1\r\nx: a\r\ncontent-length: 7\r\ncontent-length: 7\r\n\r\n",
        b"POST / HTTP/1.1\r\nx: " + b"a" * MAX_KNOWN_HEAD_BYTES + b"\r\ncontent-length: 7\r\n\r\n",
    ],
)
def test_a_head_in_which_the_length_stands_in_no_plain_place_is_not_known(head: bytes) -> None:
    """It is read each time."""
    assert known(head) is None


def test_a_head_that_came_once_is_not_known() -> None:
    """It would be kept for nothing."""
    assert known(b"POST / HTTP/1.1\r\ncontent-length: 7\r\n\r\n", twice=False) is None


@pytest.mark.parametrize("length", [b"", b"-1", b"+1", b"1 ", b" 1", b"1_0", b"0x1", b"1, 1", b"1" * 19, b"\xb2"])
def test_what_is_no_length_is_left_to_the_parser(length: bytes) -> None:
    """Digits, 18 at most, and nothing around them."""
    repeat = known(b"POST / HTTP/1.1\r\ncontent-length: 7\r\n\r\n")

    assert repeat is not None
    assert 0 == repeat.matches(b"POST / HTTP/1.1\r\ncontent-length: " + length + b"\r\n\r\n")


@on_loop
async def test_the_third_request_of_a_connection_is_known() -> None:
    """Whatever its length; also when its head comes alone, as most libraries send it."""
    async with rig() as it:
        wire = await it.connect()
        heard = []
        for said in ("one", "two", "three", "three and a half", "f" * 5000):
            request = post(chat(said))
            at = request.index(b"\r\n\r\n") + 4
            for piece in (request[:at], request[at : at + 9], request[at + 9 :]):
                await wire.send(piece)
                await asyncio.sleep(0)
            heard.append((await wire.answer()).text)

        assert [True] == [repeat is not None for repeat in connections(it)]
        assert ["echo one", "echo two", "echo three", "echo three and a half", "echo " + "f" * 5000] == heard


@on_loop
async def test_cut_anywhere_the_answers_are_those_of_fresh_connections() -> None:
    """Heads known and unknown, whole and cut, one behind the other: 40 conversations, each from a seed."""
    async with rig() as it:
        for seed in range(40):
            dice = random.Random(seed)
            wire = await it.connect()
            asked = [_request(dice, f"{seed}-{i}") for i in range(12)]
            data = b"".join(asked)
            while data:
                cut = dice.choice((1, 40, 200, 350, 700, 5000))
                await wire.send(data[:cut])
                data = data[cut:]
                for _ in range(dice.randrange(3)):
                    await asyncio.sleep(0)
            heard = [await wire.answer() for _ in asked]
            wire.close()
            alone = [await it.ask(request) for request in asked]

            assert [(one.status, one.body) for one in alone] == [(one.status, one.body) for one in heard], seed


def _request(dice: random.Random, said: str) -> bytes:
    body = chat(said + "x" * dice.choice((0, 1, 300)), stream=dice.random() < 0.2)
    kind = dice.randrange(12)
    if kind == 0:
        return get(b"/v1/models")
    if kind == 1:
        return post(body, b"x-poise-priority: standard\r\n")
    if kind == 2:
        return HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked(body[:9], body[9:])
    return post(body)


@on_loop
async def test_a_known_head_opens_no_way_to_smuggle() -> None:
    """Two lengths, a coding beside the length, a length that is none: refused behind known heads as on their own."""
    for bad, code in (
        (HEAD + b"content-length: 3\r\ncontent-length: 3\r\n\r\nabc", "bad_framing"),
        (HEAD + b"content-type: application/json\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n", "bad"),
        (post(b"{}").replace(b"length: 2", b"length: 2, 2"), "bad_framing"),
        (post(b"{}").replace(b"length: 2", b"length: +2"), "bad_framing"),
    ):
        async with rig() as it:
            wire = await it.connect()
            for _ in range(3):
                await wire.send(post(chat("fine")))
                await wire.answer()
            await wire.send(bad)
            answer = await wire.answer()

            assert 400 == answer.status
            assert answer.code.startswith(code), (bad, answer)


@on_loop
async def test_a_known_head_lifts_no_bound() -> None:
    """A body too large is refused by its length, and bodies count against the worker's bound while they come."""
    async with rig(limits=Limits(body_bytes=2000, bodies_bytes=3000)) as it:
        wire, other = await it.connect(), await it.connect()
        for each in (wire, other):
            for _ in range(3):
                await each.send(post(chat("fine")))
                await each.answer()
        await wire.send(post(b"x" * 1900)[:-1])
        await it.bell.until(lambda: it.body_bytes == 1899)
        await other.send(post(b"x" * 1900))
        refused = await other.answer()
        wire.close()
        await it.quiet()
        third = await it.connect()
        for _ in range(3):
            await third.send(post(chat("fine")))
            await third.answer()
        await third.send(post(b"x" * 2001))

        assert (503, "too_busy") == (refused.status, refused.code)
        assert 413 == (await third.answer()).status


@on_loop
async def test_a_new_configuration_forgets_what_was_found_under_the_old() -> None:
    """A key that was taken away is refused on a connection that had used it."""
    async with rig() as it:
        wire = await it.connect()
        for _ in range(3):
            await wire.send(post(chat("fine")))
            await wire.answer()
        served = it.plane._snapshot  # noqa: SLF001 - only read
        it.plane.update(msgspec.structs.replace(served, keys={}))
        await wire.send(post(chat("fine")))
        refused = await wire.answer()
        it.plane.update(served)

        assert 401 == refused.status
