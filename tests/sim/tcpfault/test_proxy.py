"""What the link does is measured on virtual time; what a kernel does (RST, refusal) on real sockets."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import pytest
import uvloop

from poise.clock import SystemClock
from poise.sim.clock import VirtualClock
from poise.sim.pipe import MemoryNetwork
from poise.sim.tcpfault.link import Link, Weather, due_us
from poise.sim.tcpfault.proxy import TcpFault, before
from poise.sim.tcpfault.pump import HOLD_BYTES
from tests.sim.wall.talking import WAIT_S, Ear, dial, exchange, virtual


class Upstream(Ear):
    """The far end, on virtual time. It keeps what comes, with the seconds."""

    def eof_received(self) -> bool:
        self._end("fin")
        return True  # what it has to say, it may still say


class Room:
    """A client, a proxy and an upstream in memory, without latency of their own."""

    def __init__(self, clock: VirtualClock, weather: Weather, seed: int = 0) -> None:
        self.clock = clock
        self.network = MemoryNetwork(clock, latency_s=0.0)
        self.upstream = Upstream(clock)
        self.client = Ear(clock)
        self.network.listen("upstream", lambda: self.upstream)
        self.proxy = TcpFault(
            clock, lambda factory: self.network.connect("upstream", factory), seed=seed, weather=weather
        )
        self.network.listen("proxy", self.proxy.accept)

    async def connect(self) -> None:
        await self.network.connect("proxy", lambda: self.client)
        await self.clock.sleep(0.001)


def play(weather: Weather, scene: Callable[[Room], Any], seed: int = 0) -> Room:
    """Connect, play, and let a thousand seconds pass."""

    async def main(clock: VirtualClock) -> Room:
        room = Room(clock, weather, seed)
        await room.connect()
        result = scene(room)
        if asyncio.iscoroutine(result):
            await result
        await clock.sleep(1000)
        return room

    return virtual(main)


def test_open_link_changes_nothing() -> None:
    """Bytes both ways, and FIN each way on its own."""

    async def scene(room: Room) -> None:
        room.client.send(b"ask")
        await room.clock.sleep(1)
        cast("asyncio.Transport", room.client.transport).write_eof()
        await room.clock.sleep(1)
        room.upstream.send(b"answer")
        cast("asyncio.Transport", room.upstream.transport).close()

    room = play(Weather(), scene)

    assert (b"ask", "fin") == (room.upstream.data, room.upstream.ended)
    assert (b"answer", "fin") == (room.client.data, room.client.ended)
    assert [] == room.proxy.pairs


def test_latency_is_added_each_way() -> None:
    """Two seconds up, half a second down, measured to the millisecond."""
    weather = Weather(up=Link(latency_s=2), down=Link(latency_s=0.5))

    def scene(room: Room) -> None:
        room.client.send(b"up")
        room.upstream.send(b"down")

    room = play(weather, scene)

    assert ([2.001], [0.501]) == (
        [round(at, 6) for at, _ in room.upstream.pieces],
        [at for at, _ in room.client.pieces],
    )


def test_jitter_is_within_its_bound_never_reorders_and_follows_the_seed() -> None:
    def spaced(seed: int) -> tuple[list[float], bytes]:
        async def scene(room: Room) -> None:
            for number in range(100):
                room.client.send(b"%02d" % number)
                await room.clock.sleep(0.01)

        room = play(Weather(up=Link(latency_s=0.1, jitter_s=0.05)), scene, seed)
        return [at for at, _ in room.upstream.pieces], room.upstream.data

    times, data = spaced(1)
    delays = [at - 0.001 - 0.01 * number for number, at in enumerate(times)]

    assert b"".join(b"%02d" % number for number in range(100)) == data
    assert 0.1 <= min(delays)
    assert 0.15 >= max(delays) - 1e-9
    assert max(delays) - min(delays) > 0.02
    assert times == spaced(1)[0]
    assert times != spaced(2)[0]


def test_rate_is_kept_to() -> None:
    """64 kbit/s: 80 KB take ten seconds (F33)."""
    room = play(Weather(up=Link(bytes_per_s=8000, slice_bytes=1000)), lambda room: room.client.send(b"x" * 80_000))

    assert 80_000 == len(room.upstream.data)
    assert 10.001 == pytest.approx(room.upstream.pieces[-1][0], abs=1e-4)
    assert 5.001 == pytest.approx(room.upstream.pieces[39][0], abs=1e-4)


def test_slices_leave_one_by_one() -> None:
    room = play(Weather(down=Link(slice_bytes=3)), lambda room: room.upstream.send(b"abcdefgh"))

    assert [b"abc", b"def", b"gh"] == [data for _, data in room.client.pieces]


@pytest.mark.parametrize("end", ["rst", "fin"])
@pytest.mark.parametrize("after", [0, 1, 5, 8])
def test_connection_ends_after_exactly_so_many_bytes(end: str, after: int) -> None:
    link = Link(end_after_bytes=after, end=end)  # type: ignore[arg-type]  # one of its two words, from the table above
    room = play(Weather(down=link), lambda room: room.upstream.send(b"abcdefgh"))

    assert (b"abcdefgh"[:after], end) == (room.client.data, room.client.ended)
    assert end == room.upstream.ended
    assert [] == room.proxy.pairs


def test_forwarding_stops_midway_and_the_connection_stays() -> None:
    """F20, F31: bytes are taken, nothing comes, nobody is told."""
    room = play(Weather(down=Link(stop_after_bytes=5)), lambda room: room.upstream.send(b"abcdefgh"))

    assert (b"abcde", "", "") == (room.client.data, room.client.ended, room.upstream.ended)
    assert 1 == len(room.proxy.pairs)


def test_blackhole_accepts_and_freezes_and_lets_go_again() -> None:
    """What stands is frozen, what comes is accepted and not dialled; when it lifts, all of it goes on."""

    async def scene(room: Room) -> None:
        room.client.send(b"one")
        await room.clock.sleep(1)
        await room.proxy.change(Weather("blackhole"))
        room.client.send(b"two")
        late = Ear(room.clock)
        await room.network.connect("proxy", lambda: late)
        await room.clock.sleep(60)

        assert b"one" == room.upstream.data
        assert (2, "") == (room.network.dialled - 1, late.ended)
        await room.proxy.change(Weather())

    room = play(Weather(), scene)

    assert b"onetwo" == room.upstream.data
    assert 61.001 == pytest.approx(room.upstream.pieces[-1][0])


def test_peer_that_resets_is_heard_of_as_late_as_its_bytes() -> None:
    """What was on the way arrives first."""

    async def scene(room: Room) -> None:
        room.upstream.send(b"last words")
        await room.clock.sleep(0.1)
        room.upstream.leave()

    room = play(Weather(down=Link(latency_s=3)), scene)

    assert (b"last words", "rst") == (room.client.data, room.client.ended)
    assert 3.101 == pytest.approx(room.client.ended_s)


def test_reset_at_the_door_and_nobody_behind_it() -> None:
    assert "rst" == play(Weather("reset"), lambda _: None).client.ended

    async def main(clock: VirtualClock) -> Room:
        room = Room(clock, Weather())
        room.network.refuse("upstream")
        await room.connect()
        await clock.sleep(1)
        return room

    room = virtual(main)
    assert ("rst", 1) == (room.client.ended, room.proxy.counts["not_dialled"])


def test_what_is_held_is_bounded_and_the_sender_feels_it() -> None:
    """A slow link holds 256 KiB and what was read at once; the rest waits with the sender."""

    async def scene(room: Room) -> None:
        for _ in range(200):
            room.client.send(b"x" * 50_000)
        await room.clock.sleep(5)
        pump = room.proxy.pairs[0].up

        assert HOLD_BYTES // 2 < pump.taken_bytes - pump.passed_bytes < HOLD_BYTES + 100_000

    room = play(Weather(up=Link(bytes_per_s=100_000)), scene)

    assert 10_000_000 == len(room.upstream.data)
    assert 100.0 == pytest.approx(room.upstream.pieces[-1][0], rel=0.01)


def test_bytes_never_overtake() -> None:
    """The arithmetic alone: a piece with less jitter waits for the one before it, and the line is busy while it sends."""
    link = Link(latency_s=1, jitter_s=1, bytes_per_s=1000)

    assert (3_000_000, 1_000_000) == due_us(link, now_us=0, size=1000, share_0_1=1.0, free_us=0, last_us=0)
    assert (3_000_000, 1_500_000) == due_us(
        link, now_us=0, size=500, share_0_1=0.0, free_us=1_000_000, last_us=3_000_000
    )


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("end", ["rst", "fin"])
def test_real_sockets_end_as_they_are_told(end: str, run: Callable[..., Any]) -> None:
    """A reset is a RST; refusing is the kernel's own refusal, and the port comes back."""

    async def main() -> tuple[bytes, str, bool, bytes]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(3)
            writer.write(b"abcdefgh")
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        weather = Weather(down=Link(end_after_bytes=5, end=end))  # type: ignore[arg-type]  # as above
        async with asyncio.timeout(WAIT_S), before("127.0.0.1", port, SystemClock(), weather=weather) as proxy:
            got = await exchange(proxy.port, b"ask")
            await proxy.change(Weather("refuse"))
            refused = False
            try:
                await dial(proxy.port)
            except ConnectionRefusedError:
                refused = True
            await proxy.change(Weather())
            again = await exchange(proxy.port, b"ask", most=7)
        server.close()
        await server.wait_closed()
        return got.data, got.ended, refused, again.data

    assert (b"abcde", end, True, b"abcdefgh") == run(main())


def test_command_is_told_the_weather_while_it_runs() -> None:
    """It prints where it listens; a line of JSON changes the weather, a bad one is answered with what is wrong."""
    argv = [sys.executable, "-m", "poise.sim.tcpfault", "127.0.0.1:1", "--latency", "5ms", "--follow-stdin"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        port = int(json.loads(process.stdout.readline())["address"].rpartition(":")[2])
        told = []
        for line in (b'{"mode": "reset"}\n', b'{"mode": "sunny"}\n'):
            process.stdin.write(line)
            process.stdin.flush()
            told.append(json.loads(process.stdout.readline()))
        ended = asyncio.run(exchange(port, b"ask")).ended
        process.communicate()

    assert {"open": 0} == told[0]
    assert "sunny" in told[1]["error"]
    assert "rst" == ended
    assert 0 == process.returncode
