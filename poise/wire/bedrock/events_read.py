"""ConverseStream, read: messageStart, blocks that grow, messageStop, metadata.

The answer has ended at ``messageStop``; usage follows in ``metadata``, which completes it. Where the bytes end between the
two, the answer is whole and only its usage is not known.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64

import msgspec

from poise.wire.anthropic.rest import decode, note
from poise.wire.bedrock import usage
from poise.wire.bedrock.ending import ending_of
from poise.wire.bedrock.failure import STATUSES, name_of
from poise.wire.bedrock.frames import Corrupt, Message, messages_of
from poise.wire.bedrock.part_read import citation_of, media_type_of
from poise.wire.bedrock.rest import NAME
from poise.wire.bedrock.whole import stopped_by
from poise.wire.conversation.answer import Choice
from poise.wire.conversation.event import Cite, Close, Counted, Done, End, Event, Fault, Grow, Open, Seal, Start
from poise.wire.conversation.node import Bad, Node, need_text, object_of
from poise.wire.conversation.part import Json, Kept, Media, Reasoning, Text, ToolCall
from poise.wire.sse import TooLong


class _Block(msgspec.Struct):
    """One open block: its part's number, or what is held of it where it is told whole at its end."""

    index: int
    call: bool = False
    written: bool = False
    kept: Node | None = None
    pieces: list[str] = []


class Reader:
    """Reads one streamed answer (``wire.conversation.codec.EventReader``); fed with whole messages."""

    __slots__ = ("_blocks", "_choice", "_next", "_over", "_said", "_some", "unread")

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._choice = Choice(parts=[])
        self._next = 0
        self._said: Json = None  # the stop reason, once it came
        self._some = False
        self._over = False
        self.unread = 0

    def feed(self, data: bytes) -> list[Event]:
        """Whole messages in (``frames.Splitter``), what they mean out."""
        out: list[Event] = []
        if self._over:
            return out
        try:
            messages = messages_of(data)
        except (Corrupt, TooLong) as bad:
            self._fault(out, str(bad))
            return out
        for message in messages:
            if out and isinstance(out[-1], Done | Fault):
                break
            try:
                self._one(message, out)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                self.unread += 1
            except Bad as bad:
                self._fault(out, f"an event whose {bad.where or 'data'} is not {bad.want}")
        return out

    def close(self) -> list[Event]:
        """The bytes ended: complete if the stop reason has come."""
        out: list[Event] = []
        if not self._over and self._said is not None:
            self._end(out)
        return out

    def _one(self, message: Message, out: list[Event]) -> None:
        if message.kind != "event":
            self._over = True
            out.append(fault_of(message))
            return
        node = object_of(decode(message.payload))
        name = message.name
        if name == "contentBlockDelta":
            self._grow(node, object_of(node.get("delta")), out)
        elif name == "contentBlockStart":
            self._start(node, object_of(node.get("start")), out)
        elif name == "contentBlockStop":
            self._stop(_index(node), out)
        elif name == "messageStart":
            out.append(Start(spoken=NAME))
        elif name == "messageStop":
            self._said = need_text(node, "stopReason")
            self._beside(node, "stopReason")
        elif name == "metadata":
            self._metadata(node, out)

    def _start(self, node: Node, start: Node, out: list[Event]) -> None:
        at = _index(node)
        self._stop(at, out)
        self._some = True
        said = start.get("toolUse")
        if not isinstance(said, dict) or "type" in said or len(start) != 1:
            self._blocks[at] = _Block(index=-1, kept=dict(start))
            return
        rest = {key: value for key, value in said.items() if key not in {"toolUseId", "name", "input"}}
        block = self._open(
            at, ToolCall(name=need_text(said, "name"), arguments="", id=need_text(said, "toolUseId"), rest=rest), out
        )
        block.call = True

    def _grow(self, node: Node, delta: Node, out: list[Event]) -> None:
        at = _index(node)
        block = self._blocks.get(at)
        text = delta.get("text")
        if isinstance(text, str):
            block = block or self._open(at, Text(text=""), out)
            if text and block.kept is None:
                out.append(Grow(block.index, text))
            return
        name, inner = next(iter(delta.items()), ("", None))
        if block is not None and block.kept is not None:
            self._hold(block, name, inner)
        elif name == "toolUse":
            piece = need_text(object_of(inner), "input")
            if block is None or not block.call:
                raise Bad("contentBlockIndex", at, "that of an open tool call")
            if piece:
                block.written = True
                out.append(Grow(block.index, piece))
        elif name == "reasoningContent":
            self._think(block or self._open(at, Reasoning(), out), object_of(inner), out)
        elif name == "citation":
            block = block or self._open(at, Text(text=""), out)
            out.append(Cite(block.index, citation_of(object_of(inner))))
        elif block is None and name in {"image", "toolResult"}:
            self._hold(self._blocks.setdefault(at, _Block(index=-1, kept={name: {}})), name, inner)

    def _think(self, block: _Block, inner: Node, out: list[Event]) -> None:
        text, seal, sealed = inner.get("text"), inner.get("signature"), inner.get("redactedContent")
        if isinstance(text, str) and text:
            out.append(Grow(block.index, text))
        if isinstance(seal, str) and seal:
            out.append(Seal(block.index, signature=seal))
        if isinstance(sealed, str) and sealed:
            out.append(Seal(block.index, sealed=sealed))

    def _hold(self, block: _Block, name: str, inner: Json) -> None:
        """What is told whole at the block's end: an image's bytes, a call that the provider runs, its result."""
        assert block.kept is not None
        if isinstance(inner, dict):
            source = inner.get("source")
            piece = (
                inner.get("input") if name == "toolUse" else source.get("bytes") if isinstance(source, dict) else None
            )
            if isinstance(piece, str):
                block.pieces.append(piece)
        elif isinstance(inner, list):
            kept = block.kept.get(name)
            content = kept.setdefault("content", []) if isinstance(kept, dict) else None
            if isinstance(content, list):
                content += inner

    def _open(self, at: int, part: Text | ToolCall | Reasoning, out: list[Event]) -> _Block:
        block = self._blocks[at] = _Block(index=self._next)
        self._next += 1
        self._some = True
        out.append(Open(block.index, part))
        return block

    def _stop(self, at: int, out: list[Event]) -> None:
        block = self._blocks.pop(at, None)
        if block is None:
            return  # a text without words: it was never begun
        if block.kept is not None:
            self._told(block.kept, block.pieces, out)
            return
        if block.call and not block.written:  # a call without arguments
            out.append(Grow(block.index, "{}"))
        out.append(Close(block.index))

    def _told(self, kept: Node, pieces: list[str], out: list[Event]) -> None:
        name, inner = next(iter(kept.items()), ("block", None))
        part: Media | Kept = Kept(what=name, value=kept)
        if name == "image" and isinstance(inner, dict):
            word = inner.get("format")
            data = _joined(pieces)
            part = Media(
                kind="image", media_type=media_type_of("image", word if isinstance(word, str) else ""), data=data
            )
        elif name == "toolUse" and isinstance(inner, dict):
            text = "".join(pieces)
            try:
                said: Json = decode(text) if text else {}
            except (msgspec.DecodeError, RecursionError):
                said = text
            part = Kept(what=name, value={name: {**inner, "input": said}})
        out.append(Open(self._next, part))
        out.append(Close(self._next))
        self._next += 1

    def _metadata(self, node: Node, out: list[Event]) -> None:
        counted = node.get("usage")
        if isinstance(counted, dict):
            out.append(Counted(usage.read(counted)))
        self._beside(node, "usage")
        if self._said is not None:
            self._end(out)

    def _beside(self, node: Node, taken: str) -> None:
        rest = self._choice.rest = dict(self._choice.rest)
        for key, value in node.items():
            if key == "metrics":
                note(rest, key, value)
            elif key not in {taken, "p"}:  # p pads the message, lest its length tell the text
                rest[key] = value

    def _end(self, out: list[Event]) -> None:
        for at in list(self._blocks):
            self._stop(at, out)
        self._over = True
        choice, rest = self._choice, self._choice.rest
        stopped_by(choice, rest)
        said = self._said if isinstance(self._said, str) else ""
        out.append(End(ending_of(said, some=self._some), said, choice.stopped_by, 0, rest))
        out.append(Done())

    def _fault(self, out: list[Event], text: str) -> None:
        self._over = True
        out.append(Fault(text, "malformed"))


def fault_of(message: Message) -> Fault:
    """What an exception inside a stream says."""
    name = name_of(message.name)
    text = message.text
    try:
        node = decode(message.payload) if message.payload else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        node = {}
    if isinstance(node, dict):
        said = node.get("message") or node.get("Message")
        text = said if isinstance(said, str) and said else text
    return Fault(text or name or "the provider broke off", name, STATUSES.get(name, 0))


def _index(node: Node) -> int:
    at = node.get("contentBlockIndex")
    if type(at) is not int:
        raise Bad("contentBlockIndex", at, "a whole number")
    return at


def _joined(pieces: list[str]) -> str:
    """Base64 of all the bytes: each piece was encoded by itself."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return b64encode(b"".join(b64decode(piece, validate=True) for piece in pieces)).decode()
    except (NotBase64, ValueError):
        return "".join(pieces)
