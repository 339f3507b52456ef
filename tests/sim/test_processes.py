"""A region as a real process on real sockets: it obeys orders, tells what it saw, and ends when told."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import openai
import pytest

from poise.sim.console import Order
from poise.sim.processes import Child, NotReady, Region
from poise.sim.script import Step
from poise.sim.upstream import Upstream


def ask(region: Region) -> str:
    with openai.OpenAI(base_url=region.url, api_key="k", max_retries=0, timeout=10) as client:
        said = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
    return said.choices[0].message.content or ""


def test_orders_change_what_the_next_caller_meets_and_the_log_tells_all(tmp_path: Path) -> None:
    """A queued step meets one request; the log holds the key that was sent."""
    with Region("us", log=tmp_path / "log", seed=1) as region:
        region.order(Order(steps=[Step("status", status=429)]))
        with pytest.raises(openai.RateLimitError):
            ask(region)
        said = ask(region)
        seen = region.requests()

    assert said
    assert [429, 503] == [one.step.status for one in seen]
    assert ["complete", "complete"] == [one.ended for one in seen]
    assert {"Bearer k"} == {one.headers["authorization"] for one in seen}
    assert not region.running


def test_a_reset_is_a_real_one(tmp_path: Path) -> None:
    """RST, not FIN: the caller's socket raises instead of ending."""
    with Region("us", log=tmp_path / "log") as region:
        region.order(Order(standing=Step("reset")))
        address = urlsplit(region.url)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as caller:
            caller.sendall(b'POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 14\r\n\r\n{"model": "m"}')
            with pytest.raises(ConnectionResetError):
                caller.recv(1)


class Held:
    """A clock that makes a call only when the test says so."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def now_us(self) -> int:
        return 1

    def later(self, wait_s: float, call: Callable[[], None]) -> Held:
        self.calls.append((wait_s, call))
        return self

    def bits64(self) -> int:
        return 4

    def cancel(self) -> None:
        """Never asked for here."""


def test_a_closed_port_refuses_and_opens_again_on_the_same_number() -> None:
    """Callers in between are refused, those that were connected are dropped; nobody needs to restart anything."""

    async def main() -> tuple[bytes, list[float], int]:
        clock = Held()
        upstream = Upstream("us", clock)
        port = await upstream.listen()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while not upstream.open_connections:  # noqa: ASYNC110 - some turns of the loop, no time
            await asyncio.sleep(0)
        upstream.refuse(2.5)
        rest = await reader.read()
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        clock.calls[0][1]()
        await asyncio.sleep(0)
        while not upstream.listening:  # noqa: ASYNC110 - some turns of the loop, no time
            await asyncio.sleep(0)
        _, again = await asyncio.open_connection("127.0.0.1", port)
        again.close()
        await upstream.close()
        return rest, [wait_s for wait_s, _ in clock.calls], upstream.port - port

    assert (b"", [2.5], 0) == asyncio.run(asyncio.wait_for(main(), 10))


def test_it_ends_when_its_standard_input_does(tmp_path: Path) -> None:
    """So that nothing outlives a starter that was killed."""
    region = Region("us", log=tmp_path / "log")
    region.start()
    process = region._process  # noqa: SLF001 - the pipe is the thing under test
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    code = process.wait(10)
    region.stop()

    assert 0 == code


def test_a_process_that_ends_before_it_is_ready_says_why(tmp_path: Path) -> None:
    """The error holds the exit code and what was written to stderr."""
    code = "import sys; print('odd', file=sys.stderr); sys.exit(3)"
    with Child([sys.executable, "-c", code], log=tmp_path / "log") as child, pytest.raises(NotReady) as caught:
        child.line()

    assert "ended with 3" in str(caught.value)
    assert "odd" in str(caught.value)
