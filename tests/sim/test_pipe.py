"""The network in memory behaves as asyncio's transports do."""

from __future__ import annotations

import asyncio

import pytest

from poise.sim.clock import EPOCH_US, VirtualClock, run
from poise.sim.pipe import HIGH_WATER_BYTES, KERNEL_BYTES, MemoryNetwork, MemoryTransport, connect_pair


class Ear(asyncio.Protocol):
    """Writes down everything it is told, with the time."""

    def __init__(self, clock: VirtualClock, *, half_open: bool = False) -> None:
        self.clock = clock
        self.half_open = half_open
        self.heard: list[str] = []
        self.data = b""
        self.at_us: list[int] = []

    def note(self, what: str) -> None:
        self.heard.append(what)
        self.at_us.append(self.clock.now_us() - EPOCH_US)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.note("made")

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.note(f"data {len(data)}")

    def eof_received(self) -> bool:
        self.note("eof")
        return self.half_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.note(f"lost {type(exc).__name__}" if exc else "lost")

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")


def pair(clock: VirtualClock, latency_s: float = 0.01) -> tuple[Ear, MemoryTransport, Ear, MemoryTransport]:
    left, right = Ear(clock), Ear(clock)
    one, other = connect_pair(clock, left, right, latency_s=latency_s)
    return left, one, right, other


def test_bytes_arrive_in_order_after_the_latency() -> None:
    """Ten writes are heard as ten, in order, one way later."""

    async def main(clock: VirtualClock) -> tuple[bytes, list[int]]:
        _, one, right, _ = pair(clock)
        for number in range(10):
            one.write(b"%d" % number)
        await clock.sleep(1)
        return right.data, right.at_us

    assert (b"0123456789", [0] + [10_000] * 10) == run(main, 1)


def test_close_delivers_what_was_written_then_both_ends_are_lost() -> None:
    """As with sockets: data, end of file, and connection_lost(None) once on each side."""

    async def main(clock: VirtualClock) -> tuple[list[str], list[str]]:
        left, one, right, _ = pair(clock)
        one.write(b"bye")
        one.close()
        one.close()
        await clock.sleep(1)
        return left.heard, right.heard

    assert (["made", "lost"], ["made", "data 3", "eof", "lost"]) == run(main, 1)


def test_abort_is_a_reset_for_the_other_end() -> None:
    """The peer learns of it one way later, as an error."""

    async def main(clock: VirtualClock) -> tuple[list[str], list[str], int]:
        left, one, right, _ = pair(clock)
        one.abort()
        await clock.sleep(1)
        return left.heard, right.heard, right.at_us[-1]

    assert (["made", "lost"], ["made", "lost ConnectionResetError"], 10_000) == run(main, 1)


def test_a_half_closed_end_still_hears() -> None:
    """After write_eof the other direction goes on where the peer keeps it open."""

    async def main(clock: VirtualClock) -> tuple[list[str], bytes]:
        left, right = Ear(clock), Ear(clock, half_open=True)
        one, other = connect_pair(clock, left, right)
        one.write_eof()
        await clock.sleep(1)
        other.write(b"still here")
        await clock.sleep(1)
        return right.heard, left.data

    assert (["made", "eof"], b"still here") == run(main, 1)


def test_a_reader_that_pauses_pauses_the_writer_beyond_what_kernels_hold() -> None:
    """Back-pressure: exactly above the high-water mark, and released when the reader goes on."""

    async def main(clock: VirtualClock) -> tuple[list[str], list[str], int, bytes]:
        left, one, right, other = pair(clock)
        other.pause_reading()
        one.write(b"x" * (KERNEL_BYTES + HIGH_WATER_BYTES))
        await clock.sleep(1)
        before = list(left.heard)
        one.write(b"y")
        waiting = one.get_write_buffer_size()
        await clock.sleep(1)
        other.resume_reading()
        await clock.sleep(1)
        return before, left.heard, waiting, right.data

    before, after, waiting, data = run(main, 1)

    assert ["made"] == before
    assert ["made", "pause", "resume"] == after
    assert HIGH_WATER_BYTES + 1 == waiting
    assert b"x" * (KERNEL_BYTES + HIGH_WATER_BYTES) + b"y" == data


def test_nothing_is_heard_after_connection_lost() -> None:
    """Bytes on the way to an end that closed are answered with a reset, not delivered."""

    async def main(clock: VirtualClock) -> tuple[list[str], list[str]]:
        left, one, right, other = pair(clock)
        other.close()
        one.write(b"too late")
        await clock.sleep(1)
        return left.heard, right.heard

    left, right = run(main, 1)

    assert ["made", "lost"] == right
    assert "made" == left[0]
    assert 1 == sum(what.startswith("lost") for what in left)


def test_nobody_listening_is_refused() -> None:
    """Refusal is told as the socket module tells it."""

    async def main(clock: VirtualClock) -> None:
        network = MemoryNetwork(clock)
        network.listen("a", lambda: Ear(clock))
        await network.connect("a", lambda: Ear(clock))
        network.refuse("a")
        await network.connect("a", lambda: Ear(clock))

    with pytest.raises(ConnectionRefusedError, match="nobody listens at a"):
        run(main, 1)
