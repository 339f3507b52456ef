"""The wall on real sockets: a RST is a RST, a FIN a FIN, large things take little memory, and it runs as a command."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop

from poise.clock import SystemClock
from poise.sim.wall.script import Door, ScriptFile
from poise.sim.wall.wall import Wall, serving
from tests.sim.wall.talking import WAIT_S, Got, ask, dial, exchange, until

T = TypeVar("T")
Loop = Callable[..., Any]
on_both_loops = pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])


def at_wall(use: Callable[[Wall], Awaitable[T]], run: Loop = asyncio.run) -> T:
    """Use a wall that listens."""

    async def main() -> T:
        async with asyncio.timeout(WAIT_S), serving(Wall("wall", SystemClock())) as wall:
            return await use(wall)

    result: T = run(main())
    return result


@on_both_loops
@pytest.mark.parametrize(
    ("plan", "ended"),
    [("reset", "rst"), ("cut:3/9,rst", "rst"), ("hang-up", "fin"), ("cut:3/9,fin", "fin"), ("cut:3/9,bare", "fin"),
     ("cut:3/9,half", "fin"), ("cut:end", "fin"), ("chunk:cut", "fin")],
)  # fmt: skip
def test_reset_is_a_reset_and_fin_a_fin(plan: str, ended: str, run: Loop) -> None:
    """And all that was written before it arrives."""

    async def use(wall: Wall) -> tuple[Got, int]:
        got = await exchange(wall.port, ask(plan))
        await wall.log.until(lambda log: log.rows)
        return got, wall.log.rows[0].sent_bytes

    got, sent = at_wall(use, run)

    assert ended == got.ended
    assert sent == len(got.data)


@on_both_loops
def test_reset_after_much_was_written_loses_none_of_it(run: Loop) -> None:
    """It waits until the kernel has all: a megabyte of tokens, then RST."""

    async def use(wall: Wall) -> Got:
        return await exchange(wall.port, ask("cut:6000/9000,rst"))

    got = at_wall(use, run)

    assert "rst" == got.ended
    assert 6000 == got.data.count(b'"content":') - 1


def test_half_closed_connection_still_takes_what_comes() -> None:
    """FIN from the wall; what the client sends after it is read, not reset."""

    async def use(wall: Wall) -> int:
        loop = asyncio.get_running_loop()
        sock = await dial(wall.port)
        await loop.sock_sendall(sock, ask("cut:1/9,half"))
        while await loop.sock_recv(sock, 65_536):
            pass
        await loop.sock_sendall(sock, b"still here")
        sock.close()
        return wall.log.counts["half"]

    assert 1 == at_wall(use)


def test_gigabyte_in_one_event_is_made_as_it_is_read() -> None:
    """F13: 40 MB of it read, and neither side holds more than a few; the rest is never made."""

    async def use(wall: Wall) -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        sock = await dial(wall.port)
        await loop.sock_sendall(sock, ask("giant:1GB"))
        tracemalloc.start()
        read = 0
        while read < 40_000_000:
            read += len(await loop.sock_recv(sock, 65_536))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        sock.close()
        await wall.log.until(lambda log: log.rows)
        return wall.log.rows[0].sent_bytes, peak

    sent, peak = at_wall(use)

    assert 40_000_000 < sent < 60_000_000
    assert peak < 2_000_000


def test_bomb_of_a_gigabyte_is_small_on_the_wire_and_in_memory() -> None:
    """F26: its first 100 MB come as a few hundred KB."""

    async def use(wall: Wall) -> tuple[Got, int]:
        tracemalloc.start()
        got = await exchange(wall.port, ask("gzip:100MB"), most=90_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return got, peak

    got, peak = at_wall(use)

    assert 90_000 < len(got.data) < 300_000
    assert peak < 4_000_000


def test_crash_takes_every_connection_and_the_port_with_it() -> None:
    """F46, F39: and the port is back after the time that was said."""

    async def use(wall: Wall) -> tuple[str, str]:
        bystander = asyncio.create_task(exchange(wall.port, ask("silent")))
        await wall.log.until(lambda log: log.live)
        got = await exchange(wall.port, ask("crash:10ms"))
        other = await bystander
        await until(lambda: wall.listening)
        again = await exchange(wall.port, ask("cut:1,rst"))
        return got.ended + other.ended, again.ended

    assert ("rstrst", "rst") == at_wall(use)


def test_door_of_a_script_refuses_and_opens_again() -> None:
    """F29: nobody listens within the window."""

    async def use(wall: Wall) -> tuple[bool, str]:
        wall.script.load(ScriptFile(doors=[Door(0, 0.02)]))
        wall.watch_door()
        await until(lambda: not wall.listening)
        refused = False
        try:
            await dial(wall.port)
        except ConnectionRefusedError:
            refused = True
        await until(lambda: wall.listening)
        return refused, (await exchange(wall.port, ask("hang-up"))).ended

    assert (True, "fin") == at_wall(use)


@pytest.mark.parametrize(("door", "ended"), [("reset", "rst"), ("deaf", "open")])
def test_door_that_accepts_and_is_odd(door: str, ended: str) -> None:
    """F18, F29: reset as soon as it was accepted; or accepted, and never read."""

    async def use(wall: Wall) -> tuple[str, int]:
        wall.script.load(ScriptFile(doors=[Door(0, 1000, door)]))
        if door == "reset":
            return (await exchange(wall.port, ask("ok"))).ended, wall.log.counts["arrived"]
        loop = asyncio.get_running_loop()
        sock = await dial(wall.port)
        await loop.sock_sendall(sock, ask("ok"))
        for _ in range(100):
            await asyncio.sleep(0)
        sock.close()
        return "open", wall.log.counts["arrived"]

    assert (ended, 0) == at_wall(use)


def test_two_requests_on_one_connection_are_answered_in_order() -> None:
    async def use(wall: Wall) -> Got:
        return await exchange(wall.port, ask("ok", id="one", stream=False) + ask("hang-up", id="two"))

    got = at_wall(use)

    assert "fin" == got.ended
    assert 1 == got.data.count(b"HTTP/1.1 200")


def call(url: str, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=WAIT_S)
    connection.request(method, path, body)
    answer = connection.getresponse()
    raw = answer.read()
    connection.close()
    return answer.status, json.loads(raw)


def test_command_serves_and_is_read_and_set_from_outside(tmp_path: Path) -> None:
    """It prints where it listens; log, bill and script are at /_wall; a file has the log too."""
    log = tmp_path / "log.jsonl"
    argv = [sys.executable, "-m", "poise.sim.wall", "--port", "0", "--follow-stdin", "--log", str(log)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        body = b'{"model": "m", "messages": [{"role": "user", "content": "a b c"}]}'
        script = b'{"requests": ["503"]}'

        status, said = call(url, "POST", "/_wall/script", b'{"standing": "nonsense"}')
        assert (400, True) == (status, "no fault" in said["error"])
        assert (200, {}) == call(url, "POST", "/_wall/script", script)
        assert 503 == call(url, "POST", "/v1/chat/completions", body)[0]
        assert 200 == call(url, "POST", "/v1/chat/completions", body)[0]
        assert ["refused", "answered"] == [line["why"] for line in call(url, "GET", "/_wall/bill")[1]["lines"]]
        assert 2 == len(call(url, "GET", "/_wall/log")[1])
        assert 404 == call(url, "GET", "/_wall/other")[0]
        process.communicate()

    assert [503, 200] == [json.loads(line)["status"] for line in log.read_text().splitlines()]
    assert 0 == process.returncode


def test_command_says_what_is_wrong_with_its_plan() -> None:
    argv = [sys.executable, "-m", "poise.sim.wall", "--plan", "nonsense"]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=WAIT_S)

    assert 2 == done.returncode
    assert "'nonsense' is no fault" in done.stderr
