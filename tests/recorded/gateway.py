"""A running data plane before an upstream that answers as it was recorded, its bytes cut at random places."""

from __future__ import annotations

import asyncio
import random
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from unittest.mock import patch

from poise.edge import plane as plane_module
from poise.edge.plane import Plane
from poise.edge.snapshot import Endpoint, Grant, Limits, Listener, Snapshot, hash_secret
from poise.edge.vendors import spoken
from poise.policy import Candidate, Objective, Policy, Recover, Timers
from poise.target import Provider, Target
from tests.attack.clock import Bell, SkippingClock
from tests.attack.rig import Records
from tests.attack.upstream import Seen, Upstream, UpstreamSocket, chunk
from tests.attack.wire import KEY, Answer, Wire, post
from tests.recorded.exchanges import Exchange

UPSTREAM_KEY: Final = "sk-upstream-of-the-recordings"
_SALT: Final = b"recorded-salt-01"
MAX_CUTS: Final = 40


def pieces(body: bytes, dice: random.Random) -> list[bytes]:
    """A body cut at random places; a multi-byte character or an empty line may be cut as well."""
    cuts = sorted(dice.sample(range(1, len(body)), min(dice.randint(0, MAX_CUTS), len(body) - 1))) if body else []
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def replay(exchange: Exchange) -> bytes:
    """The recorded answer in HTTP: chunked, so that every cut is felt by who reads it. The id is the seed."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in exchange.headers.items())
    head = f"HTTP/1.1 {exchange.status} Recorded\r\n{lines}transfer-encoding: chunked\r\n\r\n".encode("latin-1")
    cut = pieces(exchange.answer, random.Random(exchange.id))
    return head + b"".join(chunk(piece) for piece in cut if piece) + b"0\r\n\r\n"


class Gateway:
    """One worker's data plane with a workflow for each exchange; records are kept in lists."""

    def __init__(self, upstream: Upstream, records: Records, bell: Bell, port: int) -> None:
        self.upstream = upstream
        self.records = records
        self._bell = bell
        self._port = port
        self._wire: Wire | None = None

    async def play(self, exchange: Exchange, request: bytes, path: str) -> tuple[Answer, list[Seen], list[int]]:
        """What the client got, what the vendor was sent, and the decisions that were made."""
        data = replay(exchange)

        def script(sock: UpstreamSocket, seen: Seen) -> None:
            sock.write(data)

        self.upstream.script = script
        self.upstream.seen.clear()
        before = set(self.records.decisions)
        wire = self._wire = self._wire or await Wire.open(self._port)
        await wire.send(post(request, path=path.encode()))
        answer = await wire.answer()
        if answer.headers.get(b"connection") == b"close":
            wire.close()
            self._wire = None
        await self._bell.until(lambda: len(self.records.outcomes) == len(self.records.decisions))
        return answer, list(self.upstream.seen), [id for id in self.records.decisions if id not in before]

    def close(self) -> None:
        """Close the client's connection."""
        if self._wire is not None:
            self._wire.close()


def snapshot(url: str, exchanges: Sequence[Exchange]) -> Snapshot:
    """``w0``, ``w1``, ...: a workflow and a target for each exchange, so that no answer counts against another's target."""
    vendor = exchanges[0].place.vendor
    policies = {}
    for number, exchange in enumerate(exchanges):
        target = Target(f"m{number}@up", f"m{number}", "up", vendor, "eu", exchange.model, spoken(vendor))
        policies[f"w{number}"] = Policy(
            f"w{number}",
            (Candidate(target, 0),),
            objective=Objective(deadline_us=60_000_000),
            timers=Timers(),
            recover=Recover(attempts=1),
        )
    endpoint = Endpoint(Provider("up", vendor, "eu", url), UPSTREAM_KEY)
    grants = {"app": Grant("app", dict.fromkeys(policies, 1))}
    keys = {hash_secret(KEY.encode(), _SALT): "app"}
    return Snapshot(
        1, "d", Listener(), "127.0.0.1:0", "", policies, {"up": endpoint}, grants, keys, _SALT, limits=Limits()
    )  # fmt: skip


@asynccontextmanager
async def gateway(exchanges: Sequence[Exchange]) -> AsyncIterator[Gateway]:
    """A plane that serves these, on real sockets."""
    bell = Bell()
    upstream, records = Upstream(bell), Records(bell)
    port = await upstream.start()
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    base = "" if exchanges[0].place.chat in ("anthropic", "gemini") else "/v1"
    served = snapshot(f"http://127.0.0.1:{port}{base}", exchanges)
    with patch.object(plane_module, "make_recorder", lambda *_: records), tempfile.TemporaryDirectory() as folder:
        plane = Plane(served, index=0, data=Path(folder), clock=SkippingClock(bell))
    made = Gateway(upstream, records, bell, sock.getsockname()[1])
    await plane.start()
    stop = plane.listen(sock)
    sock.close()
    try:
        yield made
    finally:
        made.close()
        stop()
        await plane.close()
        await upstream.stop()
        await asyncio.sleep(0)
