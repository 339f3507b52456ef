"""Tool calls of a stream: pieces that belong together by index, by id, or by coming behind each other."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.wire.conversation.event import Close, Event, Grow, Open, Seal
from poise.wire.conversation.part import Json, ToolCall
from poise.wire.openai.fields import Obj, object_of, text_of

MAX_CALLS: Final = 1024  # in one answer; what is beyond grows the last one's arguments, which no tool will take
_encode: Final = msgspec.json.Encoder().encode


class _Call:
    __slots__ = ("index", "key", "part", "pieces")

    def __init__(self, key: Json, id: str, free: bool) -> None:
        self.key = key
        self.part = ToolCall(name="", arguments="", id=id, free=free)
        self.pieces: list[str] = []  # what came before the name
        self.index = -1  # of the part, once it is open


class Calls:
    """The calls of one choice."""

    __slots__ = ("_by_key", "_calls", "_choice", "_last")

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._calls: list[_Call] = []
        self._by_key: dict[Json, _Call] = {}
        self._last: _Call | None = None

    def grow(self, said: Json, free_index: int, out: list[Event]) -> int:
        """Take ``tool_calls``, or a legacy ``function_call``, of one chunk. Returns the next free part index."""
        if type(said) is dict:
            said = [{"index": 0, "function": said}]
        if type(said) is list:
            for item in said:
                if type(item) is dict:
                    free_index = self._one(item, free_index, out)
        return free_index

    def finish(self, free_index: int, out: list[Event]) -> int:
        """Close them all; one that never got a name is opened without."""
        for call in self._calls:
            if call.index < 0:
                free_index = self._open(call, free_index, out)
            out.append(Close(call.index, self._choice))
        return free_index

    def _one(self, item: Obj, free_index: int, out: list[Event]) -> int:
        inner = item.get("function")
        free = inner is None and type(item.get("custom")) is dict
        if free:
            inner = item.get("custom")
        said = object_of(inner)
        id, name = text_of(item.get("id")), text_of(said.get("name"))
        call = self._find(item.get("index"), id, name, free)
        if name and not call.part.name:
            call.part.name = name
        if id and not call.part.id and call.index < 0:
            call.part.id = id
        signature = text_of(object_of(object_of(item.get("extra_content")).get("google")).get("thought_signature"))
        if signature and call.index < 0:
            call.part.signature = signature
        elif signature:
            out.append(Seal(call.index, signature, "", self._choice))
        if call.index < 0 and call.part.name:
            free_index = self._open(call, free_index, out)
        more = said.get("input" if call.part.free else "arguments")
        if type(more) is dict:  # a server that forgot to write the arguments as text
            more = _encode(more).decode()
        if type(more) is str and more:
            if call.index < 0:
                call.pieces.append(more)
            else:
                out.append(Grow(call.index, more, self._choice))
        return free_index

    def _find(self, key: Json, id: str, name: str, free: bool) -> _Call:
        """A new id with a name is a new call, also where the index is one that is known (all are 0 at some servers)."""
        if type(key) is not int:
            key = id or None
        call = self._by_key.get(key) if key is not None else self._last
        fresh = call is None or (id and name and call.part.id and id != call.part.id)
        if call is None or (fresh and len(self._calls) < MAX_CALLS):
            call = _Call(key, id, free)
            self._calls.append(call)
            if key is not None:
                self._by_key[key] = call
        self._last = call
        return call

    def _open(self, call: _Call, free_index: int, out: list[Event]) -> int:
        call.index = free_index
        out.append(Open(free_index, call.part, self._choice))
        out.extend(Grow(free_index, piece, self._choice) for piece in call.pieces)
        call.pieces.clear()
        return free_index + 1
