"""The output of a streamed answer while it is written: its items, and the pieces of them that are open.

One message item holds texts that follow each other; each thought and each call is an item. What an item says is sent as
it comes, and again in its ``done`` events, as this dialect wants it.
"""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.call_ids import CallIds
from poise.wire.conversation.event import Cite, Open, Seal
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json, Kept, Media, Reasoning, Refusal, Text, ToolCall, ToolResult
from poise.wire.responses.content import KEPT_CONTENT, write_citation
from poise.wire.responses.items_read import SIGNED
from poise.wire.responses.items_write import ItemWriter
from poise.wire.responses.shell import MADE, Object, encode, seen


class _Item:
    """An item of the output. growing: how many of its parts are open; full: nothing joins it any more; thought: the id that
    the thoughts in it have in common.
    """

    __slots__ = ("at", "body", "done", "full", "growing", "id", "thought")

    def __init__(self, at: int, id: str, body: Object) -> None:
        self.at = at
        self.id = id
        self.body = body
        self.growing = 0
        self.full = False
        self.done = False
        self.thought = ""


class _Slot:
    """An open part: the piece of an item that it is written as. number is -1 while a thought has said nothing."""

    __slots__ = ("cites", "item", "kind", "number", "pieces", "size")

    def __init__(self, item: _Item, kind: str, number: int) -> None:
        self.item = item
        self.kind = kind
        self.number = number
        self.pieces: list[str] = []
        self.size = 0  # characters of all pieces
        self.cites: list[Json] = []


class Output:
    """All items of one answer. Methods append the framed events that they cause to out."""

    def __init__(self, lost: Lost, calls: int) -> None:
        self._lost = lost
        self._ids = CallIds(count=calls)
        self.own = False  # the answer was read from this dialect: what only it can say is said again
        self.answer = ""  # the id of the answer, which the ids of its items end in
        self.items: list[_Item] = []
        self.refused = False
        self._sequence = 0
        self._group: _Item | None = None  # the message or thought that the next part may join
        self._slots: dict[int, _Slot] = {}

    def send(self, kind: str, fields: Object, out: list[bytes]) -> None:
        """One event, framed and numbered."""
        said: Object = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), encode(said)))

    def _item(self, prefix: str, body: Object, out: list[bytes]) -> _Item:
        at = len(self.items)
        id = f"{prefix}_{MADE}_{at}_{self.answer}"
        item = _Item(at, id, {"id": id, **body})
        self.items.append(item)
        self.send("response.output_item.added", {"output_index": at, "item": item.body}, out)
        return item

    def _leave(self, out: list[bytes]) -> None:
        """Nothing joins the message or thought any more."""
        group, self._group = self._group, None
        if group is not None:
            group.full = True
            self._settled(group, out)

    def _settled(self, item: _Item, out: list[bytes]) -> None:
        if item.done or not item.full or item.growing:
            return
        item.done = True
        if item.body.get("status") == "in_progress":
            item.body["status"] = "completed"
        self.send("response.output_item.done", {"output_index": item.at, "item": item.body}, out)

    def open(self, event: Open, out: list[bytes]) -> None:
        """A part begins."""
        part = event.part
        if event.index in self._slots:
            return
        if not self.own and not isinstance(part, Kept | Media):
            self._lost.rest(f"choices[0].parts[{event.index}]", part.rest)
        if isinstance(part, Text | Refusal):
            self._open_content(event.index, part, out)
        elif isinstance(part, Reasoning):
            self._open_thought(event.index, part, out)
        elif isinstance(part, ToolCall):
            self._open_call(event.index, part, out)
        else:
            self._leave(out)
            self._whole(event.index, part, out)

    def _open_content(self, index: int, part: Text | Refusal, out: list[bytes]) -> None:
        if self._group is None or "content" not in self._group.body or "role" not in self._group.body:
            self._leave(out)
            body: Object = {"type": "message", "status": "in_progress", "role": "assistant", "content": []}
            self._group = self._item("msg", body, out)
        item = self._group
        content = item.body["content"]
        assert isinstance(content, list)
        slot = self._slots[index] = _Slot(item, "text" if isinstance(part, Text) else "refusal", len(content))
        item.growing += 1
        self.refused = self.refused or isinstance(part, Refusal)
        empty = _content(slot, "")
        content.append(empty)
        self.send("response.content_part.added", {**_place(slot), "part": empty}, out)
        self.grow(index, part.text, out)
        if isinstance(part, Text):
            for citation in part.citations:
                self.cite(Cite(index, citation), out)
            self.seal(Seal(index, part.signature))

    def _open_thought(self, index: int, part: Reasoning, out: list[bytes]) -> None:
        group = self._group
        if group is None or not part.id or group.thought != part.id:
            self._leave(out)
            group = self._group = self._item("rs", {"type": "reasoning", "summary": []}, out)
            group.thought = part.id
        self._slots[index] = _Slot(group, "summary" if part.summary else "thought", -1)
        group.growing += 1
        self.grow(index, part.text, out)
        self.seal(Seal(index, part.signature, part.sealed))

    def _open_call(self, index: int, call: ToolCall, out: list[bytes]) -> None:
        self._leave(out)
        kind, field, prefix = (
            ("custom_tool_call", "input", "ctc") if call.free else ("function_call", "arguments", "fc")
        )
        body: Object = {
            "type": kind,
            "status": "in_progress",
            "call_id": self._ids.of_call(call),
            "name": call.name,
            field: "",
        }
        if self.own:
            body.update(seen(call.rest))
        item = self._item(prefix, body, out)
        item.full = True
        item.growing = 1
        self._slots[index] = _Slot(item, field, 0)
        self.seal(Seal(index, call.signature))
        self.grow(index, call.arguments, out)

    def _whole(self, index: int, part: ToolResult | Media | Kept, out: list[bytes]) -> None:
        """Items that do not grow: images, and what only this dialect knows. Others cannot be shown here."""
        where = f"choices[0].parts[{index}]"
        if isinstance(part, Media):
            writer = ItemWriter(self._lost, own=False, answer=self.answer)
            writer.parts("assistant", [part], where)
            made = writer.items[0] if writer.items else None
            body = {name: value for name, value in made.items() if name != "id"} if isinstance(made, dict) else {}
        elif isinstance(part, Kept) and self.own and not part.what.startswith(KEPT_CONTENT):
            body = part.value if isinstance(part.value, dict) else {}
        else:
            what = part.what if isinstance(part, Kept) else "a tool's result"
            self._lost.add(where, f"{what} has no counterpart there")
            body = {}
        if not body:
            return
        item = self._item("ig" if isinstance(part, Media) else "item", body, out)
        item.full = True
        self._settled(item, out)

    def grow(self, index: int, text: str, out: list[bytes]) -> None:
        """More of an open part."""
        slot = self._slots.get(index)
        if slot is None or not text:
            return
        if slot.number < 0:
            self._first_thought(slot, out)
        slot.pieces.append(text)
        slot.size += len(text)
        fields = _place(slot)
        fields["delta"] = text
        if slot.kind == "text":
            fields["logprobs"] = []
        self.send(_DELTA[slot.kind], fields, out)

    def _first_thought(self, slot: _Slot, out: list[bytes]) -> None:
        field = "summary" if slot.kind == "summary" else "content"
        said = slot.item.body.setdefault(field, [])
        assert isinstance(said, list)
        slot.number = len(said)
        empty = _content(slot, "")
        said.append(empty)
        kind = "response.reasoning_summary_part.added" if field == "summary" else "response.content_part.added"
        self.send(kind, {**_place(slot), "part": empty}, out)

    def cite(self, cite: Cite, out: list[bytes]) -> None:
        """A source of an open text."""
        slot = self._slots.get(cite.index)
        if slot is None or slot.kind != "text":
            return
        annotation = write_citation(cite.citation, own=self.own, length=slot.size)
        if annotation is None:
            where = f"choices[0].parts[{cite.index}].citations"
            self._lost.add(where, "a citation without a URL has no counterpart there")
            return
        fields: Object = {**_place(slot), "annotation_index": len(slot.cites), "annotation": annotation}
        slot.cites.append(annotation)
        self.send("response.output_text.annotation.added", fields, out)

    def seal(self, seal: Seal) -> None:
        """A signature or sealed thought of an open part."""
        slot = self._slots.get(seal.index)
        if slot is None:
            return
        body = slot.item.body
        if slot.kind in ("summary", "thought"):
            more = seal.sealed or (SIGNED + seal.signature if seal.signature else "")
            if more:
                body["encrypted_content"] = more
        elif seal.signature and slot.kind in ("arguments", "input"):
            body["extra_content"] = {"google": {"thought_signature": seal.signature}}
        elif seal.signature:
            where = f"choices[0].parts[{seal.index}]"
            self._lost.add(where, "the signature of a text has no counterpart there")

    def close(self, index: int, out: list[bytes]) -> None:
        """A part is complete."""
        slot = self._slots.pop(index, None)
        if slot is None:
            return
        item, text = slot.item, "".join(slot.pieces)
        if slot.kind in ("arguments", "input"):
            item.body[slot.kind] = text
            self.send(_DELTA[slot.kind].replace(".delta", ".done"), {**_place(slot), slot.kind: text}, out)
        elif slot.number >= 0:
            self._close_piece(slot, text, out)
        item.growing -= 1
        self._settled(item, out)

    def _close_piece(self, slot: _Slot, text: str, out: list[bytes]) -> None:
        place = _place(slot)
        field = "refusal" if slot.kind == "refusal" else "text"
        done: Object = {**place, field: text}
        if slot.kind == "text":
            done["logprobs"] = []
        self.send(_DELTA[slot.kind].replace(".delta", ".done"), done, out)
        part = _content(slot, text)
        said = slot.item.body["summary" if slot.kind == "summary" else "content"]
        assert isinstance(said, list)
        said[slot.number] = part
        kind = "response.reasoning_summary_part.done" if slot.kind == "summary" else "response.content_part.done"
        self.send(kind, {**place, "part": part}, out)

    def settle(self, out: list[bytes]) -> None:
        """All that is open is complete."""
        for index in list(self._slots):
            self.close(index, out)
        self._leave(out)


def _place(slot: _Slot) -> Object:
    out: Object = {"item_id": slot.item.id, "output_index": slot.item.at}
    if slot.kind == "summary":
        out["summary_index"] = slot.number
    elif slot.kind not in ("arguments", "input"):
        out["content_index"] = slot.number
    return out


def _content(slot: _Slot, text: str) -> Object:
    if slot.kind == "text":
        return {"type": "output_text", "text": text, "annotations": slot.cites, "logprobs": []}
    if slot.kind == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "summary_text" if slot.kind == "summary" else "reasoning_text", "text": text}


_DELTA: Final = {
    "text": "response.output_text.delta",
    "refusal": "response.refusal.delta",
    "thought": "response.reasoning_text.delta",
    "summary": "response.reasoning_summary_text.delta",
    "arguments": "response.function_call_arguments.delta",
    "input": "response.custom_tool_call_input.delta",
}
