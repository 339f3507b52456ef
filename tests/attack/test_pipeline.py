"""Several requests on one connection: answers in order, each to its own request, and bounds on how far ahead."""

from __future__ import annotations

import asyncio
from functools import partial

from poise.edge.http.connection import HIGH_WATER_BYTES, MAX_PIPELINED
from tests.attack.rig import Rig, on_loop, rig
from tests.attack.upstream import Seen, UpstreamSocket, completion, echo, hang, whole
from tests.attack.wire import chat, get, post


def called(it: Rig, before: int) -> bool:
    """The upstream has been called since."""
    return len(it.upstream.seen) > before


@on_loop
async def test_pipelined_answers_come_in_order() -> None:
    """Whole, streamed, refused and listed ones, sent in one piece."""
    async with rig() as it:
        wire = await it.connect()
        await wire.send(
            b"".join(post(chat(f"q{i}", stream=i % 2 == 1)) + get(f"/v1/models/none-{i}".encode()) for i in range(12))
        )
        answers = [await wire.answer() for _ in range(24)]
        wire.close()

        assert [200, 404] * 12 == [answer.status for answer in answers]
        for i in range(12):
            assert f"echo q{i}".encode() in answers[2 * i].body
            assert f"none-{i}".encode() in answers[2 * i + 1].body


@on_loop
async def test_request_that_arrives_as_the_answer_before_ends_does_not_overtake() -> None:
    """The third comes in the turn of the loop in which the first ends, while the second waits."""
    async with rig() as it:
        it.upstream.script = hang
        for round_ in range(20):
            wire = await it.connect()
            await wire.send(post(chat(f"{round_}-1")))
            await it.bell.until(partial(called, it, len(it.upstream.seen)))
            await wire.send(post(chat(f"{round_}-2")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            it.upstream.script = echo
            first = next(sock for sock in it.upstream.sockets if f"{round_}-1".encode() in sock.raw[-400:])
            first.write(whole(completion(f"echo {round_}-1")))
            wire.send_now(post(chat(f"{round_}-3")))
            texts = [(await wire.answer()).text for _ in range(3)]
            it.upstream.script = hang
            wire.close()

            assert [f"echo {round_}-{i}" for i in (1, 2, 3)] == texts


@on_loop
async def test_split_at_any_byte_the_answer_is_the_same() -> None:
    """A packet boundary means nothing."""
    async with rig() as it:
        request = post(chat("split"))
        texts = []
        wire = await it.connect()
        for at in range(1, len(request)):
            await wire.send(request[:at])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await wire.send(request[at:])
            texts.append((await wire.answer()).text)
        wire.close()

        assert {"echo split"} == set(texts)
        assert len(request) - 1 == len(it.upstream.seen)
        assert 1 == len({seen.body for seen in it.upstream.seen})


@on_loop
async def test_more_pipelined_than_allowed_ends_the_connection_after_the_answer_under_way() -> None:
    """The one under way is finished; those behind it are dropped with it, and nothing of them reaches an upstream."""
    async with rig() as it:
        held: list[UpstreamSocket] = []

        def hold(sock: UpstreamSocket, seen: Seen) -> None:
            held.append(sock)

        it.upstream.script = hold
        wire = await it.connect()
        await wire.send(b"".join(post(chat(f"q{i}")) for i in range(MAX_PIPELINED + 2)))
        await it.bell.until(lambda: it.records.refusals and held)
        held[0].write(whole(completion("echo q0")))
        answers = await wire.rest()
        wire.close()

        assert ["echo q0"] == [answer.text for answer in answers]
        assert ["bad_request"] == it.records.codes
        assert ["q0"] == [seen.prompt for seen in it.upstream.seen]


@on_loop
async def test_as_many_pipelined_as_allowed_are_served() -> None:
    """The bound itself is allowed."""
    async with rig() as it:
        wire = await it.connect()
        await wire.send(b"".join(post(chat(f"q{i}")) for i in range(MAX_PIPELINED + 1)))
        texts = [(await wire.answer()).text for _ in range(MAX_PIPELINED + 1)]
        wire.close()

        assert [f"echo q{i}" for i in range(MAX_PIPELINED + 1)] == texts


@on_loop
async def test_request_after_connection_close_is_ignored() -> None:
    """Behind a call and behind a list, in one piece."""
    async with rig() as it:
        for request in (post(chat("last"), b"connection: close\r\n"), get(head=b"connection: close\r\n")):
            answers = await it.exchange(request + post(chat("too late")))

            assert [200] == [answer.status for answer in answers]
            assert b"close" == answers[0].headers[b"connection"]
        assert ["last"] == [seen.prompt for seen in it.upstream.seen]


@on_loop
async def test_connection_goes_on_after_errors_that_leave_the_framing_sound() -> None:
    """Wrong path, key, body, field, model and method, with and without bodies, then a good request."""
    async with rig() as it:
        wire = await it.connect()
        bad = {
            post(chat(), path=b"/v1/nothing"): "not_found",
            post(chat(), auth=b""): "invalid_api_key",
            post(b"{"): "invalid_json",
            post(chat().replace(b"false", b'"yes"')): "invalid_field",
            post(chat(model="nobody")): "unknown_model",
            get(b"/v1/chat/completions"): "method_not_allowed",
            post(chat(), b"x-poise-deadline: soon\r\n"): "invalid_field",
            post(chat(), b"x-poise-strict: maybe\r\n"): "invalid_field",
        }
        codes = []
        for request in bad:
            await wire.send(request)
            codes.append((await wire.answer()).code)
        await wire.send(post(chat("at last")))
        last = await wire.answer()
        wire.close()

        assert list(bad.values()) == codes == it.records.codes
        assert "echo at last" == last.text
        assert ["at last"] == [seen.prompt for seen in it.upstream.seen]


@on_loop
async def test_answer_to_head_is_the_last_of_its_connection() -> None:
    """A client takes no body after HEAD, so whatever followed would be misread as one."""
    async with rig() as it:
        for path in (b"/v1/models", b"/v1/chat/completions", b"/nothing"):
            answers = await it.exchange(get(path).replace(b"GET", b"HEAD", 1) + post(chat("behind")))

            assert 1 == len(answers)
            assert b"close" == answers[0].headers[b"connection"]
        assert [] == it.upstream.seen


@on_loop
async def test_answers_nobody_reads_do_not_pile_up() -> None:
    """Once the client does not take its answers, its next requests wait, and too many of them end it."""
    async with rig(send_bytes=16_384) as it:
        wire = await it.connect(receive_bytes=4096)
        server = next(iter(it.server.connections))
        most = 0
        for _ in range(400):
            await wire.send(get(b"/v1/models/nobody", b"x-n: 1\r\n") * 8)
            await asyncio.sleep(0)
            most = max(most, server.unsent())
            if wire.reset_by_peer or "bad_request" in it.records.codes:
                break
        wire.close()

        assert HIGH_WATER_BYTES + 1000 >= most
        assert "bad_request" in it.records.codes
