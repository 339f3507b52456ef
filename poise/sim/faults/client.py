"""A client on virtual time that is as strict as the vendors' own: what it cannot read is an error, not a word less.

Written apart from the gateway's own readers, so that the two cannot be wrong together.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final, Literal, cast

import httptools
import msgspec

from poise.clock import Clock
from poise.sim.house import FRONT_DOOR
from poise.sim.pipe import MemoryNetwork

Dialect = Literal["openai", "responses", "anthropic", "gemini"]
Ended = Literal[
    "complete",  # all of it, by HTTP's framing and by the dialect's own terms
    "refused",  # an error status
    "told",  # an error event inside the stream
    "cut",  # the connection ended first, or something came that is no JSON: an SDK raises
    "left",  # the client went
    "unreachable",  # nobody accepted the connection
    "hung",  # nothing ended it within the bound of the scene
    "odd",  # complete by framing, neither an answer nor an error: an SDK takes it for a success
]
Obj = dict[str, Any]
_PATHS: Final = {"openai": "/v1/chat/completions", "responses": "/v1/responses", "anthropic": "/v1/messages"}
_KEYS: Final = {"anthropic": "x-api-key: ", "gemini": "x-goog-api-key: "}


class Wish(msgspec.Struct, frozen=True):
    """What a client asks and how it behaves: comes at arrives_s, goes leaves_s later (0: stays)."""

    arrives_s: float
    prompt: str
    key: str
    dialect: Dialect = "openai"
    stream: bool = True
    leaves_s: float = 0.0


class Told(msgspec.Struct):
    """What it got. text is what the model said, code the error's, at_us and ended_us are wall times."""

    wish: Wish
    at_us: int
    ended_us: int = 0
    ended: Ended = "cut"
    status: int = 0
    headers: dict[str, str] = {}
    text: str = ""
    code: str = ""
    note: str = ""


class Client(asyncio.Protocol):
    """One connection, one request."""

    def __init__(self, wish: Wish, clock: Clock) -> None:
        self._clock = clock
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._body = bytearray()
        self._framed = False
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.told = Told(wish, clock.now_us())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        wish = self.told.wish
        self._transport.write(_request(wish))
        if wish.leaves_s > 0:
            self._clock.later(wish.leaves_s, self._leave)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as bad:
            self._end("cut", f"no HTTP: {bad}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("cut", "the connection ended first")

    # -- the parser ---------------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line."""
        self.told.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        """Part of the body."""
        self._body += data

    def on_message_complete(self) -> None:
        """All of it, by HTTP's framing."""
        self._framed = True
        self._end("complete")
        if self._transport is not None:
            self._transport.close()

    # -- how it ended -------------------------------------------------------------------------------------------------

    def _leave(self) -> None:
        if not self.over.done():
            self._end("left")
            if self._transport is not None:
                self._transport.abort()

    def _end(self, ended: Ended, note: str = "") -> None:
        if self.over.done():
            return
        told = self.told
        told.ended, told.note, told.ended_us = ended, note, self._clock.now_us()
        if told.headers:
            told.status = self._parser.get_status_code()
        streamed = told.headers.get("content-type", "").startswith("text/event-stream")
        try:
            if streamed:
                read_stream(told, bytes(self._body), framed=self._framed)
            elif self._framed:
                _read_whole(told, bytes(self._body))
        except ValueError as bad:  # JSON's and UTF-8's errors are both
            told.ended, told.note = "cut", f"what came cannot be read: {bad}"[:200]
        if ended == "left":
            told.ended = "left"
        self.over.set_result(None)


async def visit(wish: Wish, network: MemoryNetwork, clock: Clock) -> Told:
    """Ask at the gateway's door, and stay until the end."""
    client = Client(wish, clock)
    try:
        await network.connect(FRONT_DOOR, lambda: client)
    except ConnectionRefusedError:
        client.told.ended, client.told.ended_us = "unreachable", clock.now_us()
        return client.told
    await client.over
    return client.told


def _request(wish: Wish) -> bytes:
    said: list[Obj] = [{"role": "user", "content": wish.prompt}]
    body: Obj = {"model": "chat", "messages": said, "stream": wish.stream}
    path = _PATHS.get(wish.dialect, "")
    if wish.dialect == "openai" and wish.stream:
        body["stream_options"] = {"include_usage": True}
    elif wish.dialect == "responses":
        body = {"model": "chat", "input": wish.prompt, "stream": wish.stream}
    elif wish.dialect == "anthropic":
        body["max_tokens"] = 4096
    elif wish.dialect == "gemini":
        body = {"contents": [{"role": "user", "parts": [{"text": wish.prompt}]}]}
        path = f"/v1beta/models/chat:{'streamGenerateContent?alt=sse' if wish.stream else 'generateContent'}"
    raw = json.dumps(body).encode()
    shown = _KEYS.get(wish.dialect, "authorization: Bearer ") + wish.key
    head = f"POST {path} HTTP/1.1\r\nhost: gateway\r\n{shown}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(raw)}\r\n\r\n".encode() + raw


# -- readers --------------------------------------------------------------------------------------------------------------


def _read_whole(told: Told, body: bytes) -> None:
    """Raises ValueError where the body is no JSON."""
    said = json.loads(body)
    if told.status != 200:
        told.ended, told.code = "refused", _code(said)
        return
    wish = told.wish
    if wish.dialect == "openai":
        told.text = "".join(one["message"].get("content") or "" for one in said.get("choices", ()))
        ends = bool(said.get("choices"))
    elif wish.dialect == "responses":
        told.text = _output_text(said)
        ends = said.get("status") in ("completed", "incomplete")
    elif wish.dialect == "anthropic":
        told.text = "".join(one.get("text", "") for one in said.get("content", ()))
        ends = bool(said.get("stop_reason"))
    else:
        told.text, ends = _gemini(said)
    told.ended = "complete" if ends else "odd"


def read_stream(told: Told, body: bytes, *, framed: bool) -> None:
    """Events in order, up to an error or the end. Raises ValueError where one is no JSON in UTF-8."""
    ends = False
    for data in _events(body):
        if data == "[DONE]":
            break
        said = json.loads(data)
        if _is_error(said):
            told.ended, told.code = "told", _code(said)
            return
        text, last = _READERS[told.wish.dialect](said)
        told.text += text
        ends = ends or last
    if framed:
        told.ended = "complete" if ends else "odd"


def _events(body: bytes) -> list[str]:
    """The data of each complete event, by the rules of WHATWG's HTML, 9.2.6."""
    text = body.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found = []
    for block in text.split("\n\n")[:-1] if not text.endswith("\n\n") else text.split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:")]
        if lines:
            found.append("\n".join(lines))
    return found


def _openai(said: Obj) -> tuple[str, bool]:
    choices = said.get("choices", ())
    text = "".join((one.get("delta") or {}).get("content") or "" for one in choices)
    return text, any(one.get("finish_reason") for one in choices)


def _responses(said: Obj) -> tuple[str, bool]:
    kind = said.get("type", "")
    text = said.get("delta", "") if kind == "response.output_text.delta" else ""
    return text, kind in ("response.completed", "response.incomplete")


def _anthropic(said: Obj) -> tuple[str, bool]:
    delta = said.get("delta") or {}
    text = delta.get("text", "") if said.get("type") == "content_block_delta" else ""
    return text, said.get("type") == "message_stop"


def _gemini(said: Obj) -> tuple[str, bool]:
    candidates = said.get("candidates", ())
    parts = [part for one in candidates for part in (one.get("content") or {}).get("parts", ())]
    return "".join(part.get("text", "") for part in parts), any(one.get("finishReason") for one in candidates)


_READERS: Final = {"openai": _openai, "responses": _responses, "anthropic": _anthropic, "gemini": _gemini}


def _output_text(said: Obj) -> str:
    parts = [part for item in said.get("output", ()) for part in item.get("content", ())]
    return "".join(part.get("text", "") for part in parts)


def _is_error(said: Obj) -> bool:
    return bool(said.get("error")) or said.get("type") in ("error", "response.failed")


def _code(said: Obj) -> str:
    inner = said.get("error")
    inner = inner if isinstance(inner, dict) else said
    return str(inner.get("code") or inner.get("status") or "")
