"""The real house on virtual time before upstreams that break off after so many bytes: what its clients then receive."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal, NamedTuple, cast

import httptools

from poise.edge.snapshot import Endpoint, Grant, Limits, Listener, Snapshot, hash_secret
from poise.policy import Candidate, Choose, Objective, Policy, Recover, StreamRecovery
from poise.sim.clock import VirtualClock, run
from poise.sim.house import FRONT_DOOR, House
from poise.sim.pipe import MemoryNetwork
from poise.target import Provider, Target

How = Literal["fin", "rst", "stall", "whole"]
KEY, SALT = "sk-guest", b"0123456789abcdef"
DOORS = {
    "openai": "/v1/chat/completions",
    "responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/w:streamGenerateContent?alt=sse",
}
BODIES: dict[str, dict[str, Any]] = {
    "openai": {"model": "w", "messages": [{"role": "user", "content": "hi"}], "stream": True},
    "responses": {"model": "w", "input": "hi", "stream": True},
    "anthropic": {"model": "w", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}], "stream": True},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}
VENDORS = {"openai": "openai-compatible", "responses": "openai", "anthropic": "anthropic", "gemini": "gemini"}


class Cut(NamedTuple):
    """An answer's bytes, how many of them come, and how it then ends."""

    answer: bytes
    at: int
    how: How


class Got(NamedTuple):
    """What a client received: framed is whether HTTP's own framing was complete."""

    status: int
    headers: dict[str, str]
    body: bytes
    framed: bool


class _Breaks(asyncio.Protocol):
    """An upstream: answers each request with what is next, chunked, and breaks off."""

    def __init__(self, cuts: list[Cut]) -> None:
        self._cuts = cuts
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Answer."""
        transport, cut = self._transport, self._cuts[0]
        assert transport is not None
        transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        sent = cut.answer[: cut.at]
        if sent:
            transport.write(b"%x\r\n%b\r\n" % (len(sent), sent))
        if cut.how == "whole":
            transport.write(b"0\r\n\r\n")
        elif cut.how == "fin":
            transport.close()
        elif cut.how == "rst":
            transport.abort()


class _Client(asyncio.Protocol):
    """Sends one request and keeps what comes."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self.got: asyncio.Future[Got] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        raw = json.dumps(BODIES[self._dialect]).encode()
        head = f"POST {DOORS[self._dialect]} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\n"
        self._transport.write(head.encode() + b"content-length: %d\r\n\r\n%b" % (len(raw), raw))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line."""
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, data: bytes) -> None:
        """Part of the body."""
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        """The framing is complete."""
        self._end(framed=True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(framed=False)

    def _end(self, *, framed: bool) -> None:
        if not self.got.done():
            body = b"".join(self._pieces)
            self.got.set_result(Got(self._parser.get_status_code(), self._headers, body, framed))
            if self._transport is not None:
                self._transport.close()


def _snapshot(back: str, ways: tuple[StreamRecovery, ...]) -> Snapshot:
    names = ("one", "two") if ways else ("one",)
    vendor = VENDORS[back]
    targets = [Target(f"m@{name}", "m", name, vendor, "", "m-1", dialect=back) for name in names]
    policy = Policy(
        "w",
        tuple(Candidate(target, place) for place, target in enumerate(targets)),
        objective=Objective(deadline_us=120_000_000),
        choose=Choose(mode="order"),
        recover=Recover(3 if ways else 1, stream=ways or "error"),
    )
    endpoints = {name: Endpoint(Provider(name, vendor, "", f"http://{name}/v1"), "sk-up") for name in names}
    keys = {hash_secret(KEY.encode(), SALT): "guests"}
    grants = {"guests": Grant("guests", {"w": 3})}
    return Snapshot(1, "cuts", Listener(), "", "", {"w": policy}, endpoints, grants, keys, SALT, limits=Limits())


def received(front: str, back: str, cuts: list[Cut], ways: tuple[StreamRecovery, ...] = ()) -> list[Got]:
    """What a client of one dialect gets of each cut answer of a target of another, one after the other.

    With ways there is a second target, which answers whole.
    """

    async def story(clock: VirtualClock) -> list[Got]:
        network = MemoryNetwork(clock)
        house = House(_snapshot(back, ways), network, clock)
        current = cuts[:1]
        network.listen("one", lambda: _Breaks(current))
        network.listen("two", lambda: _Breaks([current[0]._replace(at=len(current[0].answer), how="whole")]))
        house.start()
        found: list[Got] = []
        for cut in cuts:
            current[0] = cut
            for lane in house.lanes.values():
                lane.health = type(lane.health)()  # each is a story of its own
            _, client = await network.connect(FRONT_DOOR, lambda: _Client(front))
            found.append(await cast("_Client", client).got)
        assert not house.recorder.kept or all(1 == len(kept.outcomes) for kept in house.recorder.kept.values())
        house.stop()
        return found

    return run(story, 1)
