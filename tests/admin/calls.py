"""Calling the admin application without a network: one ASGI exchange at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from poise.clock import Timer
from poise.edge.admin.app import make_app
from poise.edge.admin.condition import Condition
from poise.edge.admin.guard import App, Guard, Message
from poise.edge.snapshot import Listener, Snapshot
from tests.store.samples import NOW_US, POLICY

TOKEN = "the-admin-token"
BEARER = f"Bearer {TOKEN}"


class FixedClock:
    """A clock that stands."""

    def __init__(self, us: int = NOW_US) -> None:
        self.us = us

    def now_us(self) -> int:
        return self.us

    def later(self, wait_s: float, call: object) -> Timer:
        raise NotImplementedError

    def bits64(self) -> int:
        return 4


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - a test knows what it asked for
        return msgspec.json.decode(self.body)


def snapshot(data: Path) -> Snapshot:
    """One workflow over four targets; the samples' decisions are years old and are kept all the same."""
    return Snapshot(
        epoch=1,
        digest="d1",
        listener=Listener(),
        admin="127.0.0.1:0",
        data=str(data),
        policies={"support-chat": POLICY},
        endpoints={},
        grants={},
        keys={},
        salt=b"salt",
        retention_s=10**9,
    )


class Desk:
    """The guarded application over one condition and one data folder."""

    def __init__(self, data: Path, names: tuple[str, ...] = ()) -> None:
        self.clock = FixedClock()
        self.condition = Condition(snapshot(data), NOW_US)
        self.app: App = Guard(make_app(self.condition, data, self.clock), TOKEN, names)

    def get(
        self, path: str, *, token: str | None = BEARER, host: str = "127.0.0.1:8701", method: str = "GET"
    ) -> Answer:
        """One request."""
        headers = [(b"host", host.encode("latin-1"))]
        if token is not None:
            headers.append((b"authorization", token.encode("latin-1")))
        return self.ask(path, headers, method)

    def ask(self, path: str, headers: list[tuple[bytes, bytes]], method: str = "GET") -> Answer:
        """One request with these headers and no others."""
        where, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": where,
            "raw_path": where.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8701),
        }
        sent: list[Message] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        async def once() -> None:
            await self.app(scope, receive, send)

        asyncio.run(once())
        start, *bodies = sent
        names = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], names, b"".join(message.get("body", b"") for message in bodies))
