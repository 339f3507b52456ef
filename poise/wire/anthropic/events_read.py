"""Streams, read: ``message_start``, blocks that grow, ``message_delta``, ``message_stop``.

The stream is complete at ``message_stop`` and at nothing else. Blocks that only Anthropic has are held until they are
complete, and come as one ``Kept`` part.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.wire.anthropic import usage
from poise.wire.anthropic.ending import ending_of
from poise.wire.anthropic.part_read import citation_of, part_of
from poise.wire.anthropic.rest import NAME, decode
from poise.wire.conversation.event import Cite, Close, Counted, Done, End, Event, Fault, Grow, Open, Seal, Start
from poise.wire.conversation.node import Bad, need_text, object_of, take_text
from poise.wire.conversation.part import FORMAL, Json, Kept, Reasoning, Rest, Text, ToolCall
from poise.wire.sse import data_of, events_of

STATUSES: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_BOM = b"\xef\xbb\xbf"
_TEXTS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}


class _Block(msgspec.Struct):
    """One open block: the part it is, and what is held of it where it is only Anthropic's."""

    index: int
    call: bool = False
    written: bool = False  # a call whose arguments have begun, or were said at once
    whole: bool = False  # a call whose arguments were said at once: pieces would spoil them
    kept: dict[str, Json] | None = None
    pieces: list[str] = []


class Reader:
    """Reads one streamed answer (``wire.conversation.codec.EventReader``)."""

    __slots__ = (
        "_blocks",
        "_counted",
        "_next",
        "_over",
        "_rest",
        "_said",
        "_some",
        "_started",
        "_stopped_by",
        "unread",
    )

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._next = 0
        self._counted: dict[str, Json] = {}
        self._rest: Rest = {}
        self._said: Json = None
        self._stopped_by = ""
        self._some = False
        self._started = False
        self._over = False
        self.unread = 0

    def feed(self, data: bytes) -> list[Event]:
        """Whole events in, what they mean out."""
        out: list[Event] = []
        if not self._started and data.startswith(_BOM):
            data = data[3:]
        for raw in events_of(data):
            if self._over:
                break
            body = _data(raw)
            if not body or body == b"[DONE]":
                continue
            try:
                self._one(object_of(decode(body)), out)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                self.unread += 1
            except Bad as bad:
                self._fault(out, f"an event whose {bad.where or 'data'} is not {bad.want}")
        return out

    def close(self) -> list[Event]:
        """Nothing: what ends without ``message_stop`` is not complete."""
        return []

    def _one(self, node: dict[str, Json], out: list[Event]) -> None:
        kind = node.get("type")
        if kind == "content_block_delta":
            self._grow(self._block(node), object_of(node.get("delta")), out)
        elif kind == "content_block_start":
            self._open(node, out)
        elif kind == "content_block_stop":
            self._close(self._block(node), out)
            del self._blocks[_index(node)]
        elif kind == "message_start":
            self._begin(object_of(node.get("message")), out)
        elif kind == "message_delta":
            self._change(node, out)
        elif kind == "message_stop":
            self._stop(out)
        elif kind == "error" or (kind is None and "error" in node):
            self._error(node.get("error"), out)

    def _begin(self, message: dict[str, Json], out: list[Event]) -> None:
        rest = {key: value for key, value in message.items() if key not in {"type", "role", "content", "usage"}}
        out.append(Start(take_text(rest, "id"), take_text(rest, "model"), 0, NAME))
        self._started = True
        self._said = rest.pop("stop_reason", None)
        self._stopped_by = take_text(rest, "stop_sequence")
        self._rest = rest
        content = message.get("content")
        for node in content if isinstance(content, list) else []:  # what came of an earlier call that this one goes on
            part = part_of(node)
            out.append(Open(self._next, part))
            out.append(Close(self._next))
            self._next += 1
            self._some = True
        self._count(message.get("usage"), out)

    def _open(self, node: dict[str, Json], out: list[Event]) -> None:
        at = _index(node)
        shown = object_of(node.get("content_block"))
        part = part_of(shown)
        self._some = True
        if isinstance(part, Kept):
            self._blocks[at] = _Block(index=-1, kept=dict(shown))
            return
        block = self._blocks[at] = _Block(index=self._next)
        self._next += 1
        if isinstance(part, ToolCall):
            block.call = True
            block.written = block.whole = part.arguments != "{}"
            if not block.whole:
                part.arguments = ""
        elif isinstance(part, Text) and part.rest.get("citations", True) in (None, []):
            part.rest.pop("citations", None)  # they come one by one
        elif isinstance(part, Reasoning):
            part.rest.pop(FORMAL, None)  # that the seal is not there yet
        out.append(Open(block.index, part))

    def _grow(self, block: _Block, delta: dict[str, Json], out: list[Event]) -> None:
        kind = delta.get("type")
        field = _TEXTS.get(kind) if isinstance(kind, str) else None
        if block.kept is not None:
            if kind == "input_json_delta":
                block.pieces.append(need_text(delta, "partial_json"))
            else:
                _mend(block.kept, delta)
        elif field is not None:
            piece = need_text(delta, field)
            if piece and not block.whole:
                block.written = True
                out.append(Grow(block.index, piece))
        elif kind == "signature_delta":
            out.append(Seal(block.index, signature=need_text(delta, "signature")))
        elif kind == "citations_delta":
            out.append(Cite(block.index, citation_of(object_of(delta.get("citation")))))

    def _close(self, block: _Block, out: list[Event]) -> None:
        if block.kept is not None:
            self._keep(block.kept, "".join(block.pieces), out)
            return
        if block.call and not block.written:  # a call without arguments
            out.append(Grow(block.index, "{}"))
        out.append(Close(block.index))

    def _keep(self, kept: dict[str, Json], pieces: str, out: list[Event]) -> None:
        if pieces:
            try:
                kept["input"] = decode(pieces)
            except (msgspec.DecodeError, RecursionError):  # cut by the limit: kept as far as it came
                kept["input"] = pieces
        out.append(Open(self._next, Kept(what=need_text(kept, "type"), value=kept)))
        out.append(Close(self._next))
        self._next += 1

    def _change(self, node: dict[str, Json], out: list[Event]) -> None:
        delta = dict(object_of(node.get("delta")))
        if "stop_reason" in delta:
            self._said = delta.pop("stop_reason")
        self._stopped_by = take_text(delta, "stop_sequence") or self._stopped_by
        self._rest.update(delta)
        for key, value in node.items():
            if key not in {"type", "delta", "usage"}:
                self._rest[key] = value
        self._count(node.get("usage"), out)

    def _count(self, said: Json, out: list[Event]) -> None:
        """Figures are cumulative: a later one replaces an earlier one, and what is not said again stands."""
        if isinstance(said, dict):
            self._counted.update({key: value for key, value in said.items() if value is not None})
            out.append(Counted(usage.read(self._counted)))

    def _stop(self, out: list[Event]) -> None:
        if not self._started:
            self._fault(out, "an end without a beginning")
            return
        for block in self._blocks.values():
            self._close(block, out)
        self._over = True
        if self._stopped_by:
            self._rest.pop("stop_sequence", None)
        said = self._said if isinstance(self._said, str) else ""
        out.append(End(ending_of(said, some=self._some), said, self._stopped_by, 0, self._rest))
        out.append(Done())

    def _error(self, said: Json, out: list[Event]) -> None:
        self._over = True
        node: dict[str, Json] = said if isinstance(said, dict) else {"message": said}
        kind, text = node.get("type"), node.get("message")
        code = kind if isinstance(kind, str) else ""
        words = text if isinstance(text, str) and text else code or "the provider broke off"
        out.append(Fault(words, code, STATUSES.get(code, 0)))

    def _fault(self, out: list[Event], text: str) -> None:
        self._over = True
        out.append(Fault(text, "malformed"))

    def _block(self, node: dict[str, Json]) -> _Block:
        block = self._blocks.get(_index(node))
        if block is None:
            raise Bad("index", node.get("index"), "that of an open block")
        return block


def _index(node: dict[str, Json]) -> int:
    at = node.get("index")
    if type(at) is not int:
        raise Bad("index", at, "a whole number")
    return at


def _mend(kept: dict[str, Json], delta: dict[str, Json]) -> None:
    """Apply a change to a block that nobody knows: text is added to text, all else replaces what was there."""
    for key, value in delta.items():
        if key == "type":
            continue
        before = kept.get(key)
        kept[key] = before + value if isinstance(before, str) and isinstance(value, str) else value


def _data(event: bytes) -> bytes:
    """The data of one event; quick where it is written as Anthropic does: a name, one line of data, an empty line."""
    if event.startswith(b"event: ") and event.count(b"\n") == 3 and b"\r" not in event:
        at = event.find(b"\ndata: ")
        if at >= 0:
            return event[at + 7 : -2]
    return data_of(event)
