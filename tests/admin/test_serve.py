"""Control, whole, on real sockets: signals in, boards out, rows stored, answers given, and a clean end."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path

import msgspec
import pytest

from poise.clock import SystemClock
from poise.edge.admin.guard import make_token
from poise.edge.admin.hub import MOST_WAITING_BYTES, Hub
from poise.edge.admin.serve import serve
from poise.edge.channel import Splitter, frame
from poise.edge.folder import CONTROL_SOCKET
from poise.edge.snapshot import Snapshot
from poise.signal import Board, Reading, TargetSignals, WorkerSignals
from poise.store.tail import FOLDER
from tests.admin.calls import snapshot
from tests.store.journals import small
from tests.store.samples import policy
from tests.store.stores import FIRST, begin, end

TARGET = "gpt-5.2@openai-us"


class Running:
    """A control that runs in this loop; ``leave`` ends it as a supervisor's end would."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.address = ""
        self.update: Callable[[Snapshot], None] = lambda _: None
        self._life, self._end = os.pipe()
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def enter(self, given: Snapshot | None = None) -> Running:
        self._task = asyncio.create_task(
            serve(
                given or snapshot(self.data),
                data=self.data,
                parent_fd=self._life,
                subscribe=self._subscribe,
                ready=self._told,
            )
        )
        await until(lambda: (self.data / CONTROL_SOCKET).exists() or self._task_failed())
        return self

    async def leave(self) -> None:
        assert self._task is not None
        os.close(self._end)
        await self._task
        os.close(self._life)

    async def ready(self) -> None:
        """Wait for the admin listener."""
        async with asyncio.timeout(20):
            await self._ready.wait()

    async def get(self, path: str) -> tuple[int, bytes]:
        """One request to the admin listener."""
        host, _, port = self.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"GET {path} HTTP/1.1\r\nhost: {self.address}\r\nconnection: close\r\n"
        writer.write(f"{head}authorization: Bearer {make_token(self.data)}\r\n\r\n".encode())
        raw = await reader.read()
        writer.close()
        await writer.wait_closed()
        start, _, body = raw.partition(b"\r\n\r\n")
        return int(start.split()[1]), body

    def _subscribe(self, take: Callable[[Snapshot], None]) -> None:
        self.update = take

    def _told(self, address: str) -> None:
        self.address = address
        self._ready.set()

    def _task_failed(self) -> bool:
        return self._task is not None and self._task.done()


async def until(true: Callable[[], object]) -> None:
    """Wait until something holds, or an awaited look says so."""
    async with asyncio.timeout(20):
        # Looked for: a file, a socket or a thread, and none of them sets an event here.
        while not (await seen if isinstance(seen := true(), Coroutine) else seen):  # noqa: ASYNC110 - above
            await asyncio.sleep(0.01)


class Link:
    """A worker's end of its link."""

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self.boards: list[Board] = []
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def join(self, data: Path) -> Link:
        self._reader, self._writer = await asyncio.open_unix_connection(str(data / CONTROL_SOCKET))
        self._task = asyncio.create_task(self._read())
        return self

    async def leave(self) -> None:
        self._writer.close()
        await self._task

    def say(self, in_flight: int) -> None:
        signals = (TargetSignals(TARGET, Reading(in_flight)),)
        view = WorkerSignals(self.worker, os.getpid(), SystemClock().now_us(), 0, signals, {}, {})
        self._writer.write(frame(msgspec.msgpack.encode(view)))

    def send(self, raw: bytes) -> None:
        self._writer.write(raw)

    @property
    def others(self) -> tuple[int, ...]:
        return self.boards[-1].others.get(self.worker, ()) if self.boards else ()

    async def _read(self) -> None:
        splitter = Splitter()
        while data := await self._reader.read(1 << 16):
            self.boards += [msgspec.msgpack.decode(raw, type=Board) for raw in splitter.feed(data)]


def play(tmp_path: Path, story: Callable[[Running], Awaitable[None]]) -> None:
    """Run a control, play a story, end it."""

    async def whole() -> None:
        control = await Running(tmp_path).enter()
        try:
            await story(control)
        finally:
            await control.leave()

    asyncio.run(whole())


def test_a_request_is_stored_and_told(tmp_path: Path) -> None:
    """From a worker's journal to the admin API within the waiting time of `explain`."""

    async def story(control: Running) -> None:
        writer = small(tmp_path / FOLDER)
        begin(writer, 0)
        end(writer, 0)
        await control.ready()

        async def listed() -> bool:
            status, body = await control.get("/api/v1/decisions")
            return status == 200 and len(msgspec.json.decode(body)["decisions"]) == 1

        await until(listed)
        writer.close()

    play(tmp_path, story)


def test_boards_reach_every_worker(tmp_path: Path) -> None:
    """Each learns of the other's calls; when one leaves, its calls are forgotten."""

    async def story(control: Running) -> None:
        a, b = await Link(0).join(tmp_path), await Link(1).join(tmp_path)
        a.say(3)
        b.say(5)
        await until(lambda: a.others == (5,) and b.others == (3,))
        await b.leave()
        await until(lambda: a.others == (0,))
        await a.leave()

    play(tmp_path, story)


@pytest.mark.parametrize(
    "raw", [b"\xff" * 64, frame(b"nonsense"), frame(b"\xc1"), frame(msgspec.msgpack.encode([1, 2]))]
)
def test_nonsense_on_a_link_cuts_that_link_alone(tmp_path: Path, raw: bytes) -> None:
    """What is no signal ends its own connection; the others hear on."""

    async def story(control: Running) -> None:
        good, bad = await Link(0).join(tmp_path), await Link(1).join(tmp_path)
        good.say(1)
        bad.send(raw)
        await bad._task  # noqa: SLF001 - its end is what is waited for
        heard = len(good.boards)
        await until(lambda: len(good.boards) > heard)
        await good.leave()
        await bad.leave()

    play(tmp_path, story)


def test_a_worker_that_does_not_read_is_skipped(tmp_path: Path) -> None:
    """What waits for a stuck worker is bounded, however many boards are sent."""

    async def whole() -> None:
        hub = Hub(tmp_path / "hub.sock", SystemClock())
        await hub.open()
        with socket.socket(socket.AF_UNIX) as stuck:
            stuck.setblocking(False)
            await asyncio.get_running_loop().sock_connect(stuck, str(tmp_path / "hub.sock"))
            await until(lambda: hub.lines)
            big = Board(1, tuple(TargetSignals(f"model-{i}@somewhere", Reading()) for i in range(2_000)))
            for _ in range(200):
                hub.send(big)
                await asyncio.sleep(0)
            (line,) = hub.lines
            transport = line._transport  # noqa: SLF001 - what waits is in the transport
            assert transport is not None
            waiting = transport.get_write_buffer_size()
        hub.close()

        assert 0 < waiting < 2 * MOST_WAITING_BYTES

    asyncio.run(whole())


def test_a_link_takes_the_place_of_a_dead_controls(tmp_path: Path) -> None:
    """A socket file left behind is replaced, and removed at the end."""
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / CONTROL_SOCKET))
    left.close()

    async def story(control: Running) -> None:
        links: list[Link] = []

        async def joined() -> bool:
            try:
                links.append(await Link(0).join(tmp_path))
            except ConnectionRefusedError:
                return False
            return True

        await until(joined)
        (link,) = links
        link.say(1)
        await until(lambda: link.boards)
        await link.leave()

    play(tmp_path, story)

    assert not (tmp_path / CONTROL_SOCKET).exists()


def test_the_end_stores_what_workers_left(tmp_path: Path) -> None:
    """What was written just before the end, and what it left open, is in the store when control is gone."""

    async def story(control: Running) -> None:
        writer = small(tmp_path / FOLDER)
        for number in range(20):
            begin(writer, number)
        for number in range(15):
            end(writer, number)
        writer.close()

    play(tmp_path, story)
    from tests.store.stores import World

    with World(tmp_path) as world:
        outcomes = world.outcomes()

    assert {**dict.fromkeys(range(15), 1), **dict.fromkeys(range(15, 20), 8)} == outcomes
    assert [] == list((tmp_path / FOLDER).iterdir())


def test_a_reload_brings_its_policies_into_the_store(tmp_path: Path) -> None:
    """A decision under a policy that came with a reload finds its content in the store."""
    fresh = policy("brand-new")

    async def story(control: Running) -> None:
        control.update(msgspec.structs.replace(snapshot(tmp_path), epoch=2, policies={"brand-new": fresh}))
        writer = small(tmp_path / FOLDER)
        begin(writer, 0, of=fresh)
        end(writer, 0)
        writer.close()

    play(tmp_path, story)
    from poise.store.query import Archive

    with Archive(tmp_path) as archive:
        row = archive.get(FIRST)
        assert row is not None
        assert fresh == archive.policy(row.policy)


def test_a_taken_admin_port_stops_nothing(tmp_path: Path) -> None:
    """Control stores and hands out boards without its admin listener, and takes the port once it is free."""

    async def whole() -> None:
        with socket.socket() as thief:
            thief.bind(("127.0.0.1", 0))
            thief.listen(1)
            address = f"127.0.0.1:{thief.getsockname()[1]}"
            control = await Running(tmp_path).enter(msgspec.structs.replace(snapshot(tmp_path), admin=address))
            link = await Link(0).join(tmp_path)
            link.say(1)
            await until(lambda: link.boards)
            assert "" == control.address
        await control.ready()
        status, _ = await control.get("/healthz")
        await link.leave()
        await control.leave()

        assert 200 == status

    asyncio.run(whole())


def test_an_admin_socket_may_be_a_path(tmp_path: Path) -> None:
    """``unix:`` listens there, for its owner alone."""

    async def whole() -> None:
        path = tmp_path / "admin.sock"
        control = await Running(tmp_path).enter(msgspec.structs.replace(snapshot(tmp_path), admin=f"unix:{path}"))
        await control.ready()
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        raw = await reader.read()
        writer.close()
        mode = path.stat().st_mode & 0o777
        await control.leave()

        assert raw.startswith(b"HTTP/1.1 200")
        assert 0o600 == mode
        assert f"unix:{path}" == control.address

    asyncio.run(whole())
