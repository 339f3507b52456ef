"""Each safeguard switched off, and the attack that it stops then succeeds: the tests beside this file can fail."""

from __future__ import annotations

import asyncio
import tracemalloc
from functools import partial

import pytest

from poise.edge.http import connection as connection_module
from poise.edge.http import message as message_module
from poise.edge.http.connection import Connection
from poise.edge.http.message import Message
from poise.edge.http.reply import Reply
from poise.edge.http.server import Server
from poise.edge.snapshot import Limits
from poise.wire import body as body_module
from tests.attack.rig import Rig, on_loop, rig
from tests.attack.test_bounds import CHUNKED_HEAD
from tests.attack.test_json import with_field
from tests.attack.test_unread import MOST_HELD_BYTES, STALL_S
from tests.attack.upstream import Seen, UpstreamSocket, completion, endless, hang, whole
from tests.attack.wire import AUTH, chat, chunked, get, post

Patch = pytest.MonkeyPatch


def called(it: Rig, before: int) -> bool:
    """The upstream has been called since."""
    return len(it.upstream.seen) > before


def repeat(sock: UpstreamSocket, seen: Seen) -> None:
    """Answer with the prompt and nothing else."""
    sock.write(whole(completion(seen.prompt)))


@on_loop
async def test_without_the_look_for_duplicates_the_last_model_wins(monkeypatch: Patch) -> None:
    """The first reader sees one model, the second another."""
    monkeypatch.setattr(body_module, "_refuse_duplicates", lambda _: None)
    async with rig() as it:
        body = with_field(b'"model":"support"').replace(b"support", b"harmless", 1)

        assert 200 == (await it.ask(post(body))).status


@on_loop
async def test_without_the_host_check_any_host_is_served(monkeypatch: Patch) -> None:
    """``a.com/health?`` and none at all."""
    monkeypatch.setattr(message_module, "_check_host", lambda *_: None)
    async with rig() as it:
        bad = get().replace(b"poise.test", b"a.com/health?")

        assert 200 == (await it.ask(bad)).status
        assert 200 == (await it.ask(b"GET /v1/models HTTP/1.1\r\n" + AUTH + b"\r\n")).status


@on_loop
async def test_without_the_name_check_a_name_with_underscore_is_served(monkeypatch: Patch) -> None:
    """``content_length``, which some proxy in front may have read as a length."""
    checked = Message.check_head

    def without(self: Message, version: str, method: bytes, limits: Limits) -> None:
        self.pairs = [(name, value) for name, value in self.pairs if b"_" not in name]
        checked(self, version, method, limits)

    monkeypatch.setattr(Message, "check_head", without)
    async with rig() as it:
        assert 200 == (await it.ask(post(chat(), b"content_length: 3\r\n"))).status


@on_loop
async def test_without_head_limits_ten_thousand_headers_are_served() -> None:
    """And a head of a megabyte."""
    async with rig(limits=Limits(header_count=1_000_000, header_bytes=1 << 30)) as it:
        lines = b"".join(b"x-%d: y\r\n" % i for i in range(10_000))

        assert 200 == (await it.ask(get(head=lines))).status
        assert 200 == (await it.ask(get(head=b"x: " + b"y" * 1_000_000 + b"\r\n"))).status


@on_loop
async def test_without_body_limits_everything_is_held() -> None:
    """What the small bound refuses is served."""
    async with rig(limits=Limits(body_bytes=1 << 40, bodies_bytes=1 << 40)) as it:
        body = chat("x" * 20_000)

        assert (
            200
            == (
                await it.ask(CHUNKED_HEAD + chunked(*(body[at : at + 1000] for at in range(0, len(body), 1000))))
            ).status
        )


@on_loop
async def test_without_the_stall_limit_an_unread_stream_stays_for_ever(monkeypatch: Patch) -> None:
    """As long as its deadline."""
    async with rig(limits=Limits(write_stall_s=1e9), send_bytes=16_384) as it:
        it.upstream.script = endless
        wire = await it.connect(receive_bytes=4096)
        await wire.send(post(chat(stream=True)))
        await it.bell.until(lambda: any(connection.paused for connection in it.server.connections))
        it.clock.skip(STALL_S * 3)
        await asyncio.sleep(0)

        assert 1 == len(it.server.live)
        wire.close()


@on_loop
async def test_without_the_pipelining_bound_requests_pile_up(monkeypatch: Patch) -> None:
    """Hundreds wait behind one call."""
    monkeypatch.setattr(connection_module, "MAX_PIPELINED", 1_000_000)
    async with rig() as it:
        it.upstream.script = hang
        wire = await it.connect()
        await wire.send(post(chat()) * 300)
        await it.bell.until(lambda: it.body_bytes >= 300 * len(chat()))

        assert [] == it.records.codes
        wire.close()


@on_loop
async def test_without_turns_an_answer_overtakes(monkeypatch: Patch) -> None:
    """What is queued counts for nothing, so the last to come is served before it."""

    def only_what_is_under_way(self: Connection) -> bool:
        return self._reply is not None and not self._reply.done

    monkeypatch.setattr(Connection, "_occupied", only_what_is_under_way)
    async with rig(hold=False) as it:
        orders = set()
        for _ in range(10):
            it.upstream.script = hang
            wire = await it.connect()
            await wire.send(post(chat("1")))
            await it.bell.until(partial(called, it, len(it.upstream.seen)))
            await wire.send(post(chat("2")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            it.upstream.script = repeat
            it.upstream.sockets[-1].write(whole(completion("1")))
            wire.send_now(post(chat("3")))
            orders.add("".join([(await wire.answer()).text for _ in range(3)]))
            wire.reset()
            await it.bell.until(lambda: not it.server.connections)

        assert "132" in orders


@on_loop
async def test_without_back_pressure_the_memory_fills(monkeypatch: Patch) -> None:
    """The upstream is read on, and everything it sends is held."""
    monkeypatch.setattr(Reply, "pause", lambda _: None)
    async with rig(send_bytes=16_384) as it:
        it.upstream.script = endless
        wire = await it.connect(receive_bytes=4096)
        await wire.send(post(chat(stream=True)))
        await it.bell.until(lambda: sum(each.unsent() for each in it.server.connections) > 8 * MOST_HELD_BYTES)
        wire.close()


@on_loop
async def test_without_the_cancel_a_client_that_went_costs_its_whole_answer(monkeypatch: Patch) -> None:
    """The upstream works on for nobody."""
    async with rig() as it:
        it.upstream.script = hang
        monkeypatch.setattr(Server, "gone", lambda *_: None)
        wire = await it.connect()
        await wire.send(post(chat()))
        await it.bell.until(lambda: it.upstream.seen)
        wire.reset()
        await it.bell.until(lambda: not it.server.connections)
        it.clock.skip(20)

        assert 1 == it.upstream.open
        assert 1 == len(it.server.live)
        it.upstream.sockets[0].close()


@on_loop
async def test_without_joining_a_body_of_tiny_chunks_takes_many_times_its_size(monkeypatch: Patch) -> None:
    """A list of two-byte pieces."""
    monkeypatch.setattr(message_module, "MAX_PIECES", 1 << 40)
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
        wire.close()

        assert 10 * len(body) < held


@on_loop
async def test_with_a_foreign_header_remembered_for_the_key_beside_it_it_is_a_key() -> None:
    """An egress proxy's own bearer, which everybody behind it sends, would open what one of them may use."""
    foreign = b"Bearer of-the-egress-proxy"
    async with rig() as it:
        front = it.plane._front  # noqa: SLF001 - the one place where keys are remembered
        front._known[foreign] = front._snapshot.grants["app"]  # noqa: SLF001 - the wrong memory that must not be

        assert 200 == (await it.ask(post(chat(), auth=b"authorization: " + foreign + b"\r\n"))).status
