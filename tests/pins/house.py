"""Workers' planes, control and its store in one process, on real sockets, before providers that keep what they make."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ParamSpec

import uvloop
from anthropic import AsyncAnthropic
from google import genai
from google.genai import types
from openai import AsyncOpenAI

from poise.clock import SystemClock
from poise.control.loop import Loop
from poise.decision import read_id
from poise.edge.admin.explain import explain
from poise.edge.admin.serve import Control
from poise.edge.admin.text import page
from poise.edge.folder import CONTROL_SOCKET
from poise.edge.plane import Plane
from poise.edge.snapshot import Endpoint, Grant, Listener, Snapshot, hash_secret
from poise.edge.uplink import Uplink
from poise.errors import Error
from poise.path.fleet import Lane
from poise.policy import Candidate, Choose, Policy
from poise.store.query import Archive
from poise.target import Provider, Target
from tests.pins.maker import Maker

SALT = b"pins-salt-012345"
KEY, NARROW_KEY = "key-of-the-app-0123456789", "key-of-the-narrow-0123456789"
LONGEST_S = 40.0
P = ParamSpec("P")
DIALECTS = {"openai": "openai", "anthropic": "anthropic", "gemini": "gemini"}


class House:
    """makers by provider; workers, each with its own port; clients of the official SDKs for any of them."""

    def __init__(self, data: Path, makers: dict[str, Maker], snapshot: Snapshot) -> None:
        self.data = data
        self.makers = makers
        self.snapshot = snapshot
        self.planes: list[Plane] = []
        self.ports: list[int] = []
        self._closing = contextlib.AsyncExitStack()
        self._control: tuple[Control, Loop] | None = None
        self._links: list[Uplink] = []

    async def up(self, workers: int = 1, *, control: bool = True) -> None:
        """Start control, unless it is left out, and workers."""
        clock = SystemClock()
        if control:
            made = Control(self.snapshot, self.data, clock)
            loop = Loop(made, clock, tick_s=0.02)
            await made.hub.open()
            loop.start()
            self._control = made, loop
        for index in range(workers):
            plane = Plane(self.snapshot, index=index, data=self.data, clock=clock)
            sock = socket.socket()
            sock.bind(("127.0.0.1", 0))
            sock.listen(64)
            sock.setblocking(False)
            await plane.start()
            plane.listen(sock)
            self.ports.append(sock.getsockname()[1])
            sock.close()
            link = Uplink(self.data / CONTROL_SOCKET, plane, clock, tick_s=0.02, pins=plane.pins)
            link.start()
            self._links.append(link)
            self.planes.append(plane)

    async def down(self) -> None:
        """Stop every process's worth of it; what is in the store stays."""
        await self._closing.aclose()
        for link in self._links:
            link.close()
        for plane in self.planes:
            await plane.close()
        for _ in range(20):  # turns of the loop, until it has let go of what was closed
            await asyncio.sleep(0)
        if self._control is not None:
            control, loop = self._control
            await loop.stop()
            control.store(SystemClock().now_us())()
            control.close()
        self._links, self.planes, self.ports, self._control = [], [], [], None

    def lane(self, name: str, worker: int = 0) -> Lane:
        """A provider's lane in a worker."""
        return self.planes[worker]._lanes[f"m@{name}"]  # noqa: SLF001 - what a passthrough door will hand over

    def count(self, code: str, worker: int = 0) -> int:
        """How many errors of a code a worker told."""
        return self.planes[worker]._server.counts[code]  # noqa: SLF001 - it goes into the worker's signals

    def tell(self, snapshot: Snapshot) -> None:
        """Serve by another snapshot from now on."""
        for plane in self.planes:
            plane.update(snapshot)
        if self._control is not None:
            self._control[0].update(snapshot)

    @property
    def shared(self) -> int:
        """How many pins control has."""
        return 0 if self._control is None else len(self._control[0].hub.pins)

    async def until(self, look: Callable[[], object]) -> None:
        """Wait for what comes over a socket."""
        while not look():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.001)

    def openai(self, worker: int = 0, key: str = KEY) -> AsyncOpenAI:
        client = AsyncOpenAI(base_url=f"http://127.0.0.1:{self.ports[worker]}/v1", api_key=key, timeout=20)
        self._closing.push_async_callback(client.close)
        return client

    def anthropic(self, worker: int = 0) -> AsyncAnthropic:
        client = AsyncAnthropic(base_url=f"http://127.0.0.1:{self.ports[worker]}", api_key=KEY, timeout=20)
        self._closing.push_async_callback(client.close)
        return client

    def gemini(self, worker: int = 0) -> genai.Client:
        options = types.HttpOptions(base_url=f"http://127.0.0.1:{self.ports[worker]}")
        client = genai.Client(api_key=KEY, http_options=options)
        self._closing.push_async_callback(client.aio.aclose)
        return client

    async def explained(self, decision: str) -> tuple[dict[str, Any], str]:
        """What ``poise explain`` says of a decision, as data and as text, once its outcome is stored."""
        shown: tuple[dict[str, Any], str] | None = None

        def look() -> bool:
            nonlocal shown
            with contextlib.suppress(Error), Archive(self.data) as archive:
                row = archive.get(read_id(decision))
                if row is not None and row.outcome is not None:
                    told = explain(row, archive.policy(row.policy))
                    shown = told, page(told)
            return shown is not None

        await self.until(look)
        assert shown is not None
        return shown


def snapshot_of(makers: dict[str, Maker], dialects: dict[str, str]) -> Snapshot:
    """``work`` lists the providers' one model in order; ``alone`` has the first provider only. The narrow key sees no second."""
    targets = {name: Target(f"m@{name}", "m", name, dialects[name], "us", "m-1", dialects[name]) for name in makers}
    listed = tuple(Candidate(targets[name], place) for place, name in enumerate(makers))
    policies = {"work": Policy("work", listed, choose=Choose(mode="order")), "alone": Policy("alone", listed[:1])}
    endpoints = {
        name: Endpoint(Provider(name, dialects[name], "us", _url(maker, dialects[name])), f"sk-upstream-{name}")
        for name, maker in makers.items()
    }
    every = (1 << len(listed)) - 1
    grants = {"app": Grant("app", {"work": every, "alone": 1}), "narrow": Grant("narrow", {"work": 1})}
    keys = {hash_secret(KEY.encode(), SALT): "app", hash_secret(NARROW_KEY.encode(), SALT): "narrow"}
    return Snapshot(1, "d", Listener(), "none", "", policies, endpoints, grants, keys, SALT)


def _url(maker: Maker, dialect: str) -> str:
    return f"http://127.0.0.1:{maker.port}" + ("/v1" if dialect == "openai" else "")


@asynccontextmanager
async def house(workers: int = 1, *, control: bool = True, **dialects: str) -> AsyncIterator[House]:
    """A running house; dialects are by provider, in the order of the workflow's candidates."""
    makers = {name: Maker(name) for name in dialects}
    with tempfile.TemporaryDirectory(prefix="poise-pins-") as folder:
        for maker in makers.values():
            await maker.start()
        it = House(Path(folder), makers, snapshot_of(makers, dialects))
        await it.up(workers, control=control)
        try:
            yield it
        finally:
            await it.down()
            for maker in makers.values():
                await maker.stop()


def on_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test on uvloop, as workers run."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def timed() -> None:
            async with asyncio.timeout(LONGEST_S):
                await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(timed())

    return run
