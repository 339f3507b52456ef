"""Ways to an upstream: what the kernel says is told as a fact, addresses race, urls are taken apart."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from poise.clock import SystemClock
from poise.edge.http.connect import connect_failure, first_of, set_options
from poise.edge.http.dial import address_of, dialer_for
from poise.edge.http.resolve import SystemResolver
from poise.errors import AttemptFailed, Failure
from poise.sim.clock import VirtualClock, run
from tests.http_client.peers import (
    OK,
    WAIT_S,
    Line,
    Peer,
    Runner,
    answers,
    ask,
    on_both_loops,
    peer,
    pool_for,
    provider,
)


@on_both_loops
def test_a_unix_socket(run: Runner, tmp_path: Path) -> None:
    """The same exchange without an address; a missing socket is CONNECT."""

    async def main() -> None:
        made = Peer(answers(OK, OK))
        server = await asyncio.start_unix_server(made.serve, tmp_path / "u.sock")
        pool = pool_for(provider(f"unix:{tmp_path}/u.sock:/v1"))
        assert [["end"], ["end"]] == [(await ask(pool)).ends, (await ask(pool)).ends]
        assert 1 == made.lines
        pool.close()
        await made.quiet()
        server.close()
        await server.wait_closed()
        with pytest.raises(AttemptFailed, match=r"cannot connect to .*No such file") as failed:
            await pool_for(provider(f"unix:{tmp_path}/none.sock")).open(WAIT_S)

        assert Failure.CONNECT == failed.value.failure

    run(main())


@on_both_loops
def test_a_refused_connection(run: Runner) -> None:
    """CONNECT, with the address and the kernel's reason."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        with pytest.raises(AttemptFailed) as failed:
            await pool_for(provider(f"http://127.0.0.1:{port}")).open(WAIT_S)

        assert Failure.CONNECT == failed.value.failure
        assert f"cannot connect to 127.0.0.1:{port}: Connection refused" == failed.value.text

    run(main())


@on_both_loops
def test_no_file_descriptor_left_is_our_own_fault(run: Runner) -> None:
    """EMFILE is LOCAL, and the pool goes on when there are some again."""

    async def main() -> None:
        async with peer(answers(OK)) as upstream:
            pool = pool_for(provider(f"http://127.0.0.1:{upstream.port}"))
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            lowest = os.dup(0)
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
            try:
                with pytest.raises(AttemptFailed) as failed:
                    await pool.open(WAIT_S)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

            assert Failure.LOCAL == failed.value.failure
            assert "Too many open files" in failed.value.text
            assert ["end"] == (await ask(pool)).ends
            pool.close()

    run(main())


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM])
def test_what_this_machine_lacks_blames_no_target(number: int) -> None:
    """No descriptor, no port, no memory: LOCAL."""
    assert Failure.LOCAL == connect_failure(OSError(number, "x"), "a:1").failure


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT])
def test_what_lies_beyond_this_machine_is_connect(number: int) -> None:
    """Refused, unreachable, timed out by the kernel."""
    assert Failure.CONNECT == connect_failure(OSError(number, "x"), "a:1").failure


@on_both_loops
def test_socket_options(run: Runner) -> None:
    """No delay, keep-alive after 15 s, unacknowledged bytes for at most 10 s."""

    async def main() -> None:
        async with peer(answers(OK)) as upstream:
            declared = provider(f"http://127.0.0.1:{upstream.port}")
            clock = SystemClock()
            dialed = await dialer_for(declared, SystemResolver(clock), clock).dial(asyncio.Protocol, 1)
            with socket.socket(fileno=os.dup(dialed.wire.get_extra_info("socket").fileno())) as seen:
                tcp = [
                    seen.getsockopt(socket.IPPROTO_TCP, option)
                    for option in (socket.TCP_NODELAY, socket.TCP_KEEPIDLE, socket.TCP_USER_TIMEOUT)
                ]
                assert [1, 15, 10_000] == tcp
                assert 1 == seen.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            dialed.transport.abort()

    run(main())


class Road:
    """Attempts to connect on virtual time, with how each ends."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.begun: list[tuple[str, float]] = []
        self.made: list[socket.socket] = []
        self._start_us = clock.now_us()

    def way(self, name: str, takes_s: float, error: int = 0) -> Callable[[], Coroutine[Any, Any, socket.socket]]:
        """One attempt."""
        return partial(self._go, name, takes_s, error)

    async def _go(self, name: str, takes_s: float, error: int) -> socket.socket:
        self.begun.append((name, (self.clock.now_us() - self._start_us) / 1e6))
        await self.clock.sleep(takes_s)
        if error:
            raise OSError(error, name)
        made = socket.socket()
        set_options(made)
        self.made.append(made)
        return made

    def open(self) -> int:
        """Sockets not closed."""
        return sum(made.fileno() >= 0 for made in self.made)


def test_the_next_address_is_tried_while_the_first_is_silent() -> None:
    """A quarter of a second later, the earlier ones going on; who connects first wins, and losers are closed."""

    async def main(clock: VirtualClock) -> None:
        road = Road(clock)
        ways = [road.way("a", 60), road.way("b", 0.4), road.way("c", 0.4), road.way("d", 0.1)]
        won = await first_of(ways, clock)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert {asyncio.current_task()} == asyncio.all_tasks()
        await clock.sleep(100)

        assert [("a", 0.0), ("b", 0.25), ("c", 0.5)] == road.begun
        assert won is road.made[0]
        assert 1 == road.open()
        won.close()

    run(main, 1)


def test_a_refused_address_costs_no_wait() -> None:
    """The next is tried at once; all refused is the first one's error."""

    async def main(clock: VirtualClock) -> None:
        road = Road(clock)
        won = await first_of([road.way("a", 0.01, errno.ECONNREFUSED), road.way("b", 0.01)], clock)
        assert [("a", 0.0), ("b", 0.01)] == road.begun
        won.close()
        refused = [road.way(name, 0.01, errno.ECONNREFUSED) for name in "xyz"]
        with pytest.raises(OSError, match="x"):
            await first_of(refused, clock)

    run(main, 1)


def test_a_cancelled_race_leaves_no_socket() -> None:
    """Neither of those under way nor of those that connect in that very moment."""

    async def main(clock: VirtualClock) -> None:
        for at_ms in range(0, 600, 5):
            road = Road(clock)
            race = asyncio.create_task(first_of([road.way(name, 0.5) for name in "abc"], clock))
            await clock.sleep(at_ms / 1000)
            race.cancel()
            told = await asyncio.gather(race, return_exceptions=True)
            if isinstance(told[0], socket.socket):
                told[0].close()
            await clock.sleep(1)

            assert 0 == road.open()

    run(main, 1)


@on_both_loops
def test_a_second_address_takes_over_from_a_dead_first(run: Runner) -> None:
    """Over real sockets: 127.0.0.2 refuses, 127.0.0.1 answers."""

    async def main() -> None:
        async with peer(answers(OK)) as upstream:
            clock = SystemClock()
            resolver = SystemResolver(clock, lambda _host: ["127.0.0.2", "127.0.0.1"])
            declared = provider(f"http://two.example:{upstream.port}")
            dialed = await dialer_for(declared, resolver, clock).dial(asyncio.Protocol, 1)
            assert ("127.0.0.1", upstream.port) == dialed.transport.get_extra_info("peername")
            dialed.transport.abort()

    run(main())


@pytest.mark.parametrize(
    ("url", "host", "base"),
    [
        ("http://10.0.0.7:8000/v1", b"10.0.0.7:8000", b"/v1"),
        ("https://eu.api.example.com/v1/", b"eu.api.example.com", b"/v1"),
        ("https://eu.api.example.com:443", b"eu.api.example.com", b""),
        ("http://[::1]:8080/a/b", b"[::1]:8080", b"/a/b"),
        ("https://b\u00fccher.example/", b"xn--bcher-kva.example", b""),
        ("unix:/run/model.sock:/v1", b"localhost", b"/v1"),
        ("unix:/run/model.sock", b"localhost", b""),
    ],
)
def test_host_and_base_of_a_url(url: str, host: bytes, base: bytes) -> None:
    """What is sent as ``host`` and put before each path."""
    assert (host, base) == address_of(provider(url))


@pytest.mark.parametrize(
    "declared",
    [
        {"url": "ftp://x/"},
        {"url": "http:///v1"},
        {"url": "http://x:0/"},
        {"url": "http://x:99999/"},
        {"url": "http://x/v1?a=b"},
        {"url": "http://x/a b"},
        {"url": "http://x\r\ny/"},
        {"url": "http://ho st/"},
        {"url": "unix:relative.sock"},
        {"url": "http://x/", "ca": "file:/ca.pem"},
        {"url": "unix:/x.sock", "proxy": "http://p:1"},
        {"url": "http://x/", "proxy": "https://p:1"},
        {"url": "http://x/", "proxy": "http://p:1/path"},
    ],
)
def test_declarations_that_cannot_be_carried_out(declared: dict[str, str]) -> None:
    """Refused before anything is opened."""
    clock = SystemClock()
    with pytest.raises(ValueError):
        dialer_for(msgspec.structs.replace(provider("http://x"), **declared), SystemResolver(clock), clock)


def test_a_password_in_a_url_is_refused() -> None:
    """It would stand in logs."""
    with pytest.raises(ValueError, match="say `key:` instead"):
        address_of(provider("https://me:secret@x/v1"))


@on_both_loops
def test_the_name_is_not_resolved_for_numbers(run: Runner) -> None:
    """A numeric host needs no resolver."""

    async def talk(line: Line) -> None:
        await answers(OK)(line)

    async def main() -> None:
        def never(host: str) -> list[str]:
            raise AssertionError(host)

        async with peer(talk) as upstream:
            clock = SystemClock()
            declared = provider(f"http://127.0.0.1:{upstream.port}")
            dialed = await dialer_for(declared, SystemResolver(clock, never), clock).dial(asyncio.Protocol, 1)
            dialed.transport.abort()

    run(main())
