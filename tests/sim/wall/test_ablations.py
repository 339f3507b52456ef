"""Each safeguard of the wall and the proxy switched off, and what it prevents then happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from poise.clock import SystemClock
from poise.sim.clock import VirtualClock
from poise.sim.tcpfault import pump as pump_module
from poise.sim.tcpfault.link import Link, Weather
from poise.sim.wall.attempt import Attempt, AttemptLog
from poise.sim.wall.connection import WallConnection
from poise.sim.wall.wall import Wall, serving
from tests.sim.tcpfault.test_proxy import Room, play
from tests.sim.wall.talking import WAIT_S, Got, ask, dial, exchange, virtual

Patch = pytest.MonkeyPatch


def test_without_waiting_for_the_kernel_a_reset_throws_bytes_away(monkeypatch: Patch) -> None:
    """The client reads late: the wall still holds most of five megabytes when its RST is due."""

    async def main() -> tuple[int, int]:
        async with asyncio.timeout(WAIT_S), serving(Wall("wall", SystemClock())) as wall:
            loop = asyncio.get_running_loop()
            sock = await dial(wall.port)
            await loop.sock_sendall(sock, ask("cut:30000/40000,rst"))
            read = 0
            await wall.log.until(lambda log: log.rows)
            try:
                while data := await loop.sock_recv(sock, 65_536):
                    read += len(data)
            except ConnectionResetError:
                pass
            sock.close()
            return read, wall.log.rows[0].sent_bytes

    monkeypatch.setattr(WallConnection, "pause_writing", lambda _: None)  # so that all is written before a byte is read
    read, sent = asyncio.run(main())
    assert read == sent

    def at_once(self: WallConnection, end: Any) -> None:  # noqa: ANN401 - one of the words for an end
        self._over("rst")
        self.reset()

    monkeypatch.setattr(WallConnection, "_finish", at_once)
    read, sent = asyncio.run(main())

    assert read < sent


def test_without_back_pressure_the_proxy_holds_everything(monkeypatch: Patch) -> None:
    """Ten megabytes on a link of a hundred kilobytes a second."""

    async def scene(room: Room) -> None:
        for _ in range(200):
            room.client.send(b"x" * 50_000)
        await room.clock.sleep(5)
        pump = room.proxy.pairs[0].up
        held.append(pump.taken_bytes - pump.passed_bytes)

    held: list[int] = []
    weather = Weather(up=Link(bytes_per_s=100_000))
    play(weather, scene)
    monkeypatch.setattr(pump_module, "HOLD_BYTES", 1 << 40)
    play(weather, scene)

    assert held[0] < 400_000
    assert held[1] > 9_000_000


def test_without_the_first_report_only_an_attempt_is_logged_twice(monkeypatch: Patch) -> None:
    """A cut is reported by the player, and again by the connection's own end."""

    def every_report(self: AttemptLog, attempt: Attempt, how: Any) -> None:  # noqa: ANN401 - one of the words for an end
        attempt.ended = attempt.ended or how
        self.rows.append(attempt)

    async def scene(clock: VirtualClock) -> int:
        wall = Wall("wall", clock)
        ear = Room(clock, Weather()).client
        from poise.sim.pipe import connect_pair

        connect_pair(clock, ear, wall.accept())
        ear.send(ask("crash:1s"))
        await clock.sleep(5)
        return len(wall.log.rows)

    assert 1 == virtual(scene)
    monkeypatch.setattr(AttemptLog, "end", every_report)
    assert 1 < virtual(scene)


def test_giant_event_that_is_made_at_once_fills_the_memory(monkeypatch: Patch) -> None:
    """Its blocks are made one by one as they are taken; all at once it would be the gigabyte itself."""
    import tracemalloc

    from poise.sim.wall import bomb

    def peak() -> int:
        tracemalloc.start()
        asyncio.run(some())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    async def some() -> Got:
        async with serving(Wall("wall", SystemClock())) as wall:
            return await exchange(wall.port, ask("giant:50MB"), most=100_000)

    small = peak()
    lazy = bomb.giant_event
    monkeypatch.setattr(bomb, "giant_event", lambda size, opening: iter(list(lazy(size, opening))))

    assert small < 5_000_000
    assert 40_000_000 < peak()
