"""A streamed answer read into events.

Each event names its item by output_index and its piece by content_index or summary_index; several items may grow side by
side. The answer is complete at ``response.completed`` or ``response.incomplete`` and nowhere else: a ``[DONE]``, which
some vendors add, says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from poise.wire.conversation.event import Cite, Close, Counted, Done, End, Event, Fault, Grow, Seal, Start
from poise.wire.conversation.part import FORMAL, Json, Kept, Media, Part, Reasoning, Refusal, Text, ToolCall
from poise.wire.responses.content import KEPT_CONTENT, read_citation
from poise.wire.responses.ending import COMPLETE, read_ending
from poise.wire.responses.items_read import read_item, seals_of
from poise.wire.responses.pieces import Pieces
from poise.wire.responses.shell import NAME, Object, Unreadable, decode
from poise.wire.responses.usage import read_usage
from poise.wire.responses.whole import created_of, reason_of
from poise.wire.sse import data_of, events_of

_FIELDS: Final = {
    "text": "text",
    "refusal": "refusal",
    "thought": "text",
    "summary": "text",
    "arguments": "arguments",
    "input": "input",
}
_CONTENT: Final = {"output_text": "text", "refusal": "refusal", "reasoning_text": "thought"}
_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}


class Reader:
    """Reads one answer."""

    __slots__ = ("_begun", "_done", "_over", "_pieces", "unread")

    def __init__(self) -> None:
        self._pieces = Pieces()
        self._done: set[int] = set()  # items that are complete
        self._begun = False
        self._over = False
        self.unread = 0

    def feed(self, data: bytes) -> list[Event]:
        """Whole events in, what they mean out."""
        out: list[Event] = []
        for event in events_of(data):
            if self._over:
                break
            said = data_of(event)
            if said and said != b"[DONE]":
                self._one(said, out)
        return out

    def close(self) -> list[Event]:
        """The bytes ended. An answer that did not say that it is complete is not."""
        return []

    def _one(self, said: bytes, out: list[Event]) -> None:
        try:
            event = decode(said)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            self.unread += 1
            return
        if not isinstance(event, dict):
            self._fault(out, "an event that is no object", "malformed")
            return
        kind = event.get("type")
        if type(kind) is not str:
            if event.get("error"):
                self._error(event, out)
            return
        delta = _DELTAS.get(kind)
        if delta is not None:
            self._grow(event, delta[0], delta[1], out)
        elif (handle := _HANDLERS.get(kind)) is not None:
            handle(self, event, out)

    def _grow(self, event: Object, kind: str, numbered: str, out: list[Event]) -> None:
        text = event.get("delta")
        if type(text) is not str or not text:
            return
        at = event.get("output_index")
        number = event.get(numbered) if numbered else 0
        if type(at) is not int or type(number) is not int:
            return
        piece = self._pieces.get((at, kind, number))
        if piece is None:
            if kind in ("arguments", "input"):
                return  # a call without a name: it comes whole with its item's end
            piece = self._pieces.open((at, kind, number), _part_of(kind, event), 0, out)
        if piece.open:
            piece.size += len(text)
            out.append(Grow(piece.index, text))

    def _started(self, event: Object, out: list[Event]) -> None:
        response = event.get("response")
        if isinstance(response, dict) and not self._begun:
            self._begun = True
            id, model = response.get("id"), response.get("model")
            start = Start(created=created_of(response), spoken=NAME)
            start.id = id if isinstance(id, str) else ""
            start.model = model if isinstance(model, str) else ""
            out.append(start)

    def _item_added(self, event: Object, out: list[Event]) -> None:
        at, item = event.get("output_index"), event.get("item")
        if type(at) is not int or not isinstance(item, dict):
            return
        field = _CALLS.get(str(item.get("type")))
        if field is None:
            return
        for part in _parts({field: "", **item}):
            if isinstance(part, ToolCall) and self._pieces.get((at, field, 0)) is None:
                self._pieces.open((at, field, 0), part, len(part.arguments), out)

    def _part_added(self, event: Object, out: list[Event]) -> None:
        at, number, part = event.get("output_index"), event.get("content_index"), event.get("part")
        number = event.get("summary_index") if number is None else number
        if type(at) is not int or type(number) is not int or not isinstance(part, dict):
            return
        kind = "summary" if "summary_index" in event else _CONTENT.get(str(part.get("type")))
        if kind is None or self._pieces.get((at, kind, number)) is not None:
            return
        text = part.get(_FIELDS[kind])
        whole = _part_of(kind, event)
        if isinstance(text, str) and text:
            whole.text = text
        self._pieces.open((at, kind, number), whole, len(whole.text), out)

    def _text_done(self, event: Object, out: list[Event]) -> None:
        kind = _TEXT_DONE[str(event["type"])]
        at = event.get("output_index")
        number = event.get("summary_index" if kind == "summary" else "content_index", 0)
        text = event.get(_FIELDS[kind])
        if type(at) is int and type(number) is int and isinstance(text, str):
            self._pieces.complete((at, kind, number), text, out)

    def _part_done(self, event: Object, out: list[Event]) -> None:
        at, number, part = event.get("output_index"), event.get("content_index"), event.get("part")
        if type(at) is int and type(number) is int and isinstance(part, dict):
            self._content_done(at, number, part, out)

    def _content_done(self, at: int, number: int, part: Object, out: list[Event]) -> None:
        """A content part of a message or thought is complete; thought stays open, for its seal comes with the item."""
        kind = _CONTENT.get(str(part.get("type")))
        text = part.get(_FIELDS[kind]) if kind is not None else None
        if kind is None or not isinstance(text, str):
            return
        key = (at, kind, number)
        piece = self._pieces.get(key) or self._pieces.open(key, _part_of(kind, {}), 0, out)
        self._pieces.complete(key, text, out)
        if kind == "thought" or not piece.open:
            return
        cited = part.get("annotations")
        more = cited[piece.cites :] if isinstance(cited, list) else []
        out.extend(Cite(piece.index, read_citation(one)) for one in more if isinstance(one, dict))
        piece.open = False
        out.append(Close(piece.index))

    def _cited(self, event: Object, out: list[Event]) -> None:
        at, number, annotation = event.get("output_index"), event.get("content_index"), event.get("annotation")
        if type(at) is not int or type(number) is not int or not isinstance(annotation, dict):
            return
        piece = self._pieces.get((at, "text", number))
        if piece is not None and piece.open:
            piece.cites += 1
            out.append(Cite(piece.index, read_citation(annotation)))

    def _item_done(self, event: Object, out: list[Event]) -> None:
        at, item = event.get("output_index"), event.get("item")
        if type(at) is not int or not isinstance(item, dict) or at in self._done:
            return
        self._done.add(at)
        kind = item.get("type")
        if kind == "message":
            content = item.get("content")
            for number, part in enumerate(content if isinstance(content, list) else ()):
                if isinstance(part, dict) and str(part.get("type")) in _CONTENT:
                    self._content_done(at, number, part, out)
                elif isinstance(part, dict):
                    self._pieces.add_whole(Kept(what=f"{KEPT_CONTENT}{part.get('type')}", value=part), out)
        elif kind == "reasoning":
            self._thought_done(at, item, out)
        elif isinstance(kind, str) and kind in _CALLS:
            self._call_done(at, item, _CALLS[kind], out)
        else:
            for one in _parts(item):
                if isinstance(one, Kept | Media):
                    self._pieces.add_whole(one, out)
        self._pieces.close(at, out)

    def _call_done(self, at: int, item: Object, field: str, out: list[Event]) -> None:
        if self._pieces.get((at, field, 0)) is not None:
            text = item.get(field)
            self._pieces.complete((at, field, 0), text if isinstance(text, str) else "", out)
            return
        for part in _parts(item):
            if isinstance(part, ToolCall):
                self._pieces.open((at, field, 0), part, len(part.arguments), out)

    def _thought_done(self, at: int, item: Object, out: list[Event]) -> None:
        for field, kind in (("summary", "summary"), ("content", "thought")):
            pieces = item.get(field)
            for number, said in enumerate(pieces if isinstance(pieces, list) else ()):
                text = said.get("text") if isinstance(said, dict) else None
                if not isinstance(text, str):
                    continue
                if self._pieces.get((at, kind, number)) is None:
                    self._pieces.open((at, kind, number), _part_of(kind, {"item_id": item.get("id")}), 0, out)
                self._pieces.complete((at, kind, number), text, out)
        sealed = item.get("encrypted_content")
        piece = self._pieces.last(at)
        if piece is None:
            piece = self._pieces.open((at, "thought", 0), _part_of("thought", {"item_id": item.get("id")}), 0, out)
        if isinstance(sealed, str) and sealed:
            signature, sealed = seals_of(sealed)
            out.append(Seal(piece.index, signature, sealed))

    def _finished(self, event: Object, out: list[Event]) -> None:
        self._started(event, out)
        said = event.get("response")
        response: Object = said if isinstance(said, dict) else {}
        status = response.get("status")
        if event["type"] == "response.failed" or status == "failed":
            self._error(response, out)
            return
        output = response.get("output")
        if not self._pieces.count and isinstance(output, list):  # nothing was streamed: it is all in the last event
            for at, item in enumerate(output):
                self._item_done({"output_index": at, "item": item}, out)
        self._pieces.close_all(out)
        if not isinstance(status, str) or (event["type"] == "response.incomplete" and status in COMPLETE):
            status = str(event["type"]).removeprefix("response.")
        ending, word = read_ending(
            status,
            reason_of(response),
            calls=self._pieces.calls,
            refused=self._pieces.refused,
            said=self._pieces.count > 0,
        )
        self._over = True
        out.append(End(ending, word))
        usage = read_usage(response.get("usage"))
        if usage is not None:
            out.append(Counted(usage))
        out.append(Done())

    def _error(self, event: Object, out: list[Event]) -> None:
        """``{"type": "error", "code", "message"}``, or the same under ``error``, as some vendors have it."""
        inner = event.get("error")
        error: Object = inner if isinstance(inner, dict) else event
        code, text = error.get("code") or error.get("type"), error.get("message")
        if not isinstance(text, str) or not text:
            text = inner if isinstance(inner, str) and inner else "the provider says that the answer failed"
        self._fault(out, text, str(code) if isinstance(code, str | int) and code != "error" else "")

    def _fault(self, out: list[Event], text: str, code: str) -> None:
        self._over = True
        out.append(Fault(text, code))


def _part_of(kind: str, event: Object) -> Text | Refusal | Reasoning:
    """An empty part for a piece of that kind."""
    if kind == "text":
        return Text(text="")
    if kind == "refusal":
        return Refusal(text="")
    id = event.get("item_id")
    return Reasoning(summary=kind == "summary", id=id if isinstance(id, str) else "")


def _parts(item: Json) -> list[Part]:
    """The parts of an item; none where it cannot be read."""
    if not isinstance(item, dict) or FORMAL in item:
        return []
    try:
        return read_item(item, "item")[1]
    except Unreadable:
        return []


_DELTAS: Final = {
    "response.output_text.delta": ("text", "content_index"),
    "response.refusal.delta": ("refusal", "content_index"),
    "response.reasoning_text.delta": ("thought", "content_index"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index"),
    "response.function_call_arguments.delta": ("arguments", ""),
    "response.custom_tool_call_input.delta": ("input", ""),
}
_TEXT_DONE: Final = {name.replace(".delta", ".done"): kind for name, (kind, _) in _DELTAS.items()}
_HANDLERS: Final[dict[str, Callable[[Reader, Object, list[Event]], None]]] = {
    "response.created": Reader._started,  # noqa: SLF001  # this table is part of the class
    "response.in_progress": Reader._started,  # noqa: SLF001  # as above
    "response.output_item.added": Reader._item_added,  # noqa: SLF001  # as above
    "response.output_item.done": Reader._item_done,  # noqa: SLF001  # as above
    "response.content_part.added": Reader._part_added,  # noqa: SLF001  # as above
    "response.content_part.done": Reader._part_done,  # noqa: SLF001  # as above
    "response.reasoning_summary_part.added": Reader._part_added,  # noqa: SLF001  # as above
    "response.output_text.annotation.added": Reader._cited,  # noqa: SLF001  # as above
    "response.completed": Reader._finished,  # noqa: SLF001  # as above
    "response.incomplete": Reader._finished,  # noqa: SLF001  # as above
    "response.failed": Reader._finished,  # noqa: SLF001  # as above
    "error": Reader._error,  # noqa: SLF001  # as above
    **dict.fromkeys(_TEXT_DONE, Reader._text_done),  # noqa: SLF001  # as above
}
