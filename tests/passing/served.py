"""A gateway with passthrough on real sockets: three keys that may do different things, one scripted provider."""

from __future__ import annotations

from functools import partial

from poise.decision import Outcome
from poise.edge.snapshot import Snapshot
from tests.attack.rig import UPSTREAM_KEY, Rig, rig
from tests.attack.upstream import Script, Seen, UpstreamSocket
from tests.attack.wire import HOST, KEY, Answer, Wire
from tests.images.served import compiled

ALL, NARROW, NONE = KEY, "sk-narrow-canary-3311", "sk-none-canary-9911"
ENV = {"APP_KEY": ALL, "NARROW_KEY": NARROW, "NONE_KEY": NONE, "UP_KEY": UPSTREAM_KEY}


def passes(url: str, limits: dict[str, object] | None = None) -> Snapshot:
    """``up`` and ``claude`` are the same upstream; ``narrow`` may name whisper-* at up, and nothing at claude."""
    models = [{"name": "m", "id": "m-1", "price": {"input": 2, "output": 8}}, {"name": "whisper-1"}]
    return compiled(
        {
            "limits": limits or {},
            "providers": {
                "up": {"vendor": "openai", "url": url, "key": "env:UP_KEY", "models": models},
                "claude": {
                    "vendor": "anthropic",
                    "url": url.removesuffix("/v1"),
                    "key": "env:UP_KEY",
                    "models": ["claude-haiku-4-5"],
                },
            },
            "workflows": {"support": {"candidates": ["m"]}},
            "keys": {
                "app": {"secret": "env:APP_KEY"},
                "narrow": {
                    "secret": "env:NARROW_KEY",
                    "workflows": ["support"],
                    "models": ["whisper-*"],
                    "passthrough": ["u*"],
                },
                "none": {"secret": "env:NONE_KEY", "workflows": ["support"]},
            },
        },
        ENV,
    )


served = partial(rig, serve=passes)


def call(
    method: bytes, path: bytes, body: bytes | None = None, head: bytes = b"", *, key: str = ALL, kind: bytes = b""
) -> bytes:
    """One request."""
    lines = HOST + b"authorization: Bearer %b\r\n%b" % (key.encode(), head)
    if kind:
        lines += b"content-type: %b\r\n" % kind
    if body is not None:
        lines += b"content-length: %d\r\n" % len(body)
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, path, lines, body or b"")


def raw(data: bytes) -> Script:
    """Answer with these bytes."""

    def script(sock: UpstreamSocket, seen: Seen) -> None:
        sock.write(data)

    return script


def answer(body: bytes, head: bytes = b"content-type: application/json\r\n", status: int = 200) -> bytes:
    """A whole answer."""
    return b"HTTP/1.1 %d X\r\n%bcontent-length: %d\r\n\r\n%b" % (status, head, len(body), body)


async def one(it: Rig, request: bytes, reply: bytes = b"") -> tuple[Answer, Seen | None]:
    """The answer, and what the provider was sent."""
    it.upstream.script = raw(reply or answer(b"{}"))
    before = len(it.upstream.seen)
    told = await it.ask(request)
    seen = it.upstream.seen[before:]
    return told, seen[0] if seen else None


async def bodiless(wire: Wire) -> bytes:
    """The head of an answer that has no body, and whatever wrongly follows until the server closes."""
    data = b""
    while piece := await wire.read():
        data += piece
    return data


def last(it: Rig) -> Outcome:
    """How the newest call ended."""
    return list(it.records.outcomes.values())[-1]
