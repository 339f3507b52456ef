"""One conversation as each official SDK holds it: the same few verbs, whatever the SDK and however it is called.

A speaker keeps the history in its SDK's own objects and sends those of the last answer back as they came.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx2
import msgspec
from pydantic import BaseModel

from tests.sdk.dialects import Doors

Own: TypeAlias = Any  # what an SDK calls an answer
WAYS = ("sync", "sync-stream", "async", "async-stream")


@dataclass(frozen=True)
class Tool:
    """A function; schema is strict enough for every vendor."""

    name: str
    schema: dict[str, Any]


def tool(name: str, field: str) -> Tool:
    """A function of one text."""
    schema = {
        "type": "object",
        "properties": {field: {"type": "string"}},
        "required": [field],
        "additionalProperties": False,
    }
    return Tool(name, schema)


@dataclass(frozen=True)
class Wish:
    """What a turn asks for beside its words. limit is in tokens, 0 for none."""

    system: str = ""
    tools: tuple[Tool, ...] = ()
    shape: type[BaseModel] | None = None
    thinks: bool = False
    limit: int = 0
    deadline: str = ""


@dataclass(frozen=True)
class Called:
    """A call as the SDK shows it; id is '' where the SDK has none."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass
class Said:
    """An answer in plain words. ending is one of stop, length, tools, refused."""

    text: str = ""
    thought: str = ""
    refusal: str = ""
    calls: list[Called] = field(default_factory=list)
    ending: str = ""
    prompt: int = 0
    completion: int = 0
    reasoning: int = 0
    parsed: object = None


@dataclass
class Heads:
    """Headers of the newest answer, as the HTTP client below the SDK saw them."""

    last: dict[str, str] = field(default_factory=dict)

    def keep(self, response: httpx2.Response) -> None:
        self.last = dict(response.headers)

    async def keep_async(self, response: httpx2.Response) -> None:
        self.keep(response)


class Clients:
    """Clients of every SDK for one gateway, made once; async ones live in one loop."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self.heads = Heads()
        self.runner = asyncio.Runner()
        self._plain = httpx2.Client(event_hooks={"response": [self.heads.keep]}, timeout=30)
        self._async = httpx2.AsyncClient(event_hooks={"response": [self.heads.keep_async]}, timeout=30)
        self.openai = doors.openai().with_options(http_client=self._plain)
        self.async_openai = doors.async_openai().with_options(http_client=self._async)
        self.anthropic = doors.anthropic().with_options(http_client=self._plain)
        self.async_anthropic = doors.async_anthropic().with_options(http_client=self._async)
        self.gemini = doors.gemini(self._plain, self._async)

    def close(self) -> None:
        """Close what was opened."""
        self._plain.close()
        self.runner.run(self._async.aclose())
        self.runner.close()


class Speaker(ABC):
    """A conversation with one vendor's model."""

    def __init__(self, clients: Clients, vendor: str, way: str) -> None:
        self.clients = clients
        self.model = f"at-{vendor}"
        self.way = way
        self.history: list[Any] = []
        self.last: Own = None

    def ask(self, words: str, wish: Wish | None = None, *, image: str = "") -> Said:
        """The user's turn, and the answer."""
        self.history.append(self._user(words, image))
        return self._go(wish or Wish())

    def answer(self, said: Said, results: list[str], wish: Wish) -> Said:
        """The results of the calls that an answer made, and what is said to them."""
        self.history.extend(self._results(list(zip(said.calls, results, strict=True))))
        return self._go(wish)

    def _go(self, wish: Wish) -> Said:
        self.clients.heads.last = {}
        fields = self._fields(wish)
        if self.way == "sync":
            own = self._whole(fields, wish)
        elif self.way == "sync-stream":
            own = self._stream(fields, wish)
        elif self.way == "async":
            own = self.clients.runner.run(self._whole_async(fields, wish))
        else:
            own = self.clients.runner.run(self._stream_async(fields, wish))
        self.last = own
        self.history.extend(self._kept(own))
        return self._read(own, wish)

    @abstractmethod
    def _user(self, words: str, image: str) -> Own: ...

    @abstractmethod
    def _results(self, results: list[tuple[Called, str]]) -> list[Any]: ...

    @abstractmethod
    def _fields(self, wish: Wish) -> dict[str, Any]: ...

    @abstractmethod
    def _whole(self, fields: dict[str, Any], wish: Wish) -> Own: ...

    @abstractmethod
    def _stream(self, fields: dict[str, Any], wish: Wish) -> Own: ...

    @abstractmethod
    async def _whole_async(self, fields: dict[str, Any], wish: Wish) -> Own: ...

    @abstractmethod
    async def _stream_async(self, fields: dict[str, Any], wish: Wish) -> Own: ...

    @abstractmethod
    def _kept(self, own: Own) -> list[Any]: ...

    @abstractmethod
    def _read(self, own: Own, wish: Wish) -> Said: ...


def extra(wish: Wish) -> dict[str, Any]:
    """The headers of one call, as OpenAI's and Anthropic's SDKs take them."""
    return {"extra_headers": {"x-poise-deadline": wish.deadline}} if wish.deadline else {}


def decoded(text: str) -> dict[str, Any]:
    """Arguments of a call."""
    made = msgspec.json.decode(text)
    assert isinstance(made, dict)
    return made
