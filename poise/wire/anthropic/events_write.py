"""Streams, written: one block after the other, whichever way the parts came.

A part that opens while a tool call is still growing waits for its end; text and thought are closed for it, and go on in
a new block where more of them comes.
"""

from __future__ import annotations

from poise.wire.anthropic import usage
from poise.wire.anthropic.ending import word_of
from poise.wire.anthropic.failure import error_frame, kind_of
from poise.wire.anthropic.part_write import call_block, citation_node, text_block
from poise.wire.anthropic.rest import NAME, encode, lay
from poise.wire.anthropic.whole import ending_lost, part_lost
from poise.wire.conversation.answer import Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.call_ids import CallIds, calls_before
from poise.wire.conversation.event import (
    Cite,
    Close,
    Counted,
    Done,
    End,
    Event,
    Fault,
    Grow,
    Open,
    Seal,
    Start,
)
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json, Kept, Part, Reasoning, Refusal, Text, ToolCall

_Part = Open | Grow | Cite | Seal | Close
_TOP = frozenset({"context_management"})  # said beside the delta, not in it


class Writer:
    """Writes one streamed answer (``wire.conversation.codec.EventWriter``)."""

    __slots__ = (
        "_at",
        "_counted",
        "_end",
        "_ids",
        "_kind",
        "_known",
        "_lost",
        "_next",
        "_others",
        "_over",
        "_own",
        "_sealed",
        "_seals",
        "_shown",
        "_start",
        "_told",
        "_waiting",
    )

    def __init__(self, ask: Ask, lost: Lost | None = None) -> None:
        self._lost = lost if lost is not None else Lost()
        self._start: Start | None = None
        self._told = False  # message_start is out
        self._over = False
        self._own = False
        self._counted: Usage | None = None
        self._end: End | None = None
        self._next = 0  # number of the next block
        self._at = -1  # the part whose block is open, -1 for none
        self._kind = ""  # what that block is: text, thinking, call, free
        self._shown = False  # a block of thought is begun with its first words only: it may turn out to be sealed
        self._seals = ""
        self._sealed = ""
        self._known: dict[int, str] = {}  # every part so far, and what it is; '' for one that has no block here
        self._waiting: dict[int, list[_Part]] = {}
        self._ids = CallIds(count=calls_before(ask))
        self._others: set[int] = set()  # further choices, for which there is no room

    def write(self, events: list[Event]) -> bytes:
        """The events as bytes."""
        out: list[bytes] = []
        for event in events:
            if self._over:
                break
            if isinstance(event, _Part):
                self._part(event, out)
            elif isinstance(event, Counted):
                self._counted = event.usage
            elif isinstance(event, Start):
                self._start, self._own = event, event.spoken == NAME
            elif isinstance(event, End):
                if event.choice == 0:
                    self._end = event
                else:
                    self._other(event.choice)
            elif isinstance(event, Done):
                self._done(out)
            else:
                self._fault(event, out)
        if self._start is not None and not self._told and not self._over:
            self._tell(out)  # after the batch: usage that came with the start is told with it
        return b"".join(out)

    def _part(self, event: _Part, out: list[bytes]) -> None:
        if event.choice:
            self._other(event.choice)
            return
        at = event.index
        if at == self._at:
            self._more(event, out)
        elif at in self._waiting or self._kind in {"call", "free"}:
            self._waiting.setdefault(at, []).append(event)
        else:
            self._more(event, out)
        if self._at < 0 and self._waiting:
            self._drain(out)

    def _other(self, choice: int) -> None:
        if choice not in self._others:
            self._others.add(choice)
            self._lost.add(f"choices[{choice}]", "there is room for one answer only")

    def _drain(self, out: list[bytes]) -> None:
        while self._waiting and self._at < 0:
            at = next(iter(self._waiting))
            for event in _joined(self._waiting.pop(at)):
                self._more(event, out)

    def _more(self, event: _Part, out: list[bytes]) -> None:
        """An event of the part whose block is open, or of one whose turn it is."""
        at = event.index
        if isinstance(event, Open):
            self._stop(out)
            self._open(at, event.part, out)
            return
        kind = self._known.get(at, "")
        if isinstance(event, Close):
            if at == self._at:
                self._stop(out)
            return
        if not kind or (at != self._at and kind in {"call", "free"}):
            return  # it has no block here, or its block is complete
        if at != self._at:
            self._stop(out)
            self._open(at, Reasoning() if kind == "thinking" else Text(text=""), out)
        if isinstance(event, Grow):
            self._text(event.text, out)
        elif isinstance(event, Seal):
            if kind == "thinking":
                self._seals += event.signature
                self._sealed += event.sealed
        elif kind == "text":
            delta = {"type": "citations_delta", "citation": citation_node(event.citation, own=self._own)}
            out.append(_frame("content_block_delta", {"index": self._next, "delta": delta}))

    def _open(self, at: int, part: Part, out: list[bytes]) -> None:
        if not self._own and at not in self._known:  # known: it goes on in a new block
            part_lost(part, f"choices[0].parts[{at}]", self._lost)
        if isinstance(part, Reasoning):
            self._known[at] = self._kind = "thinking"
            self._at, self._shown = at, False
            self._seals, self._sealed = part.signature, part.sealed
            self._text(part.text, out)
        elif isinstance(part, Text | Refusal):
            self._known[at] = self._kind = "text"
            self._at = at
            said = text_block(Text(text="", rest=part.rest if isinstance(part, Text) else {}), own=self._own)
            said.pop("citations", None)
            self._begin(said, out)
            self._text(part.text, out)
            for one in part.citations if isinstance(part, Text) else []:
                self._more(Cite(at, one), out)
        elif isinstance(part, ToolCall):
            self._known[at] = self._kind = "free" if part.free else "call"
            self._at = at
            self._call(part, out)
        else:
            self._known[at] = ""
            if isinstance(part, Kept) and self._own and isinstance(part.value, dict):
                self._kept(part.value, out)

    def _call(self, part: ToolCall, out: list[bytes]) -> None:
        said = call_block(part, {}, own=self._own)
        said["input"] = {}
        said["id"] = self._ids.of_call(part)
        self._begin(said, out)
        self._json('{"input":"' if part.free else "", out)
        self._text(part.arguments, out)

    def _kept(self, value: dict[str, Json], out: list[bytes]) -> None:
        given = value.get("input")
        if isinstance(given, dict) and given:
            self._begin({**value, "input": {}}, out)
            self._json(encode(given).decode(), out)
        else:
            self._begin(value, out)
        out.append(_frame("content_block_stop", {"index": self._next}))
        self._next += 1

    def _begin(self, block: dict[str, Json], out: list[bytes]) -> None:
        if not self._told:
            self._tell(out)
        out.append(_frame("content_block_start", {"index": self._next, "content_block": block}))

    def _text(self, text: str, out: list[bytes]) -> None:
        if not text:
            return
        kind = self._kind
        if kind == "call":
            self._json(text, out)
        elif kind == "free":
            self._json(encode(text)[1:-1].decode(), out)
        elif kind == "thinking":
            self._think(out)
            delta: dict[str, Json] = {"type": "thinking_delta", "thinking": text}
            out.append(_frame("content_block_delta", {"index": self._next, "delta": delta}))
        else:
            delta = {"type": "text_delta", "text": text}
            out.append(_frame("content_block_delta", {"index": self._next, "delta": delta}))

    def _json(self, text: str, out: list[bytes]) -> None:
        delta: dict[str, Json] = {"type": "input_json_delta", "partial_json": text}
        out.append(_frame("content_block_delta", {"index": self._next, "delta": delta}))

    def _think(self, out: list[bytes]) -> None:
        if not self._shown:
            self._shown = True
            self._begin({"type": "thinking", "thinking": "", "signature": ""}, out)

    def _stop(self, out: list[bytes]) -> None:
        """Close the open block, seals first: clients take the last signature for the whole."""
        if self._at < 0:
            return
        kind, self._kind, self._at = self._kind, "", -1
        if kind == "free":
            self._json('"}', out)
        if kind == "thinking":
            self._seal(out)
            return
        out.append(_frame("content_block_stop", {"index": self._next}))
        self._next += 1

    def _seal(self, out: list[bytes]) -> None:
        if self._seals:
            self._think(out)
            delta: dict[str, Json] = {"type": "signature_delta", "signature": self._seals}
            out.append(_frame("content_block_delta", {"index": self._next, "delta": delta}))
        if self._shown:
            out.append(_frame("content_block_stop", {"index": self._next}))
            self._next += 1
        if self._sealed:
            self._begin({"type": "redacted_thinking", "data": self._sealed}, out)
            out.append(_frame("content_block_stop", {"index": self._next}))
            self._next += 1
        self._shown, self._seals, self._sealed = False, "", ""

    def _tell(self, out: list[bytes]) -> None:
        start = self._start or Start()
        self._told = True
        message: dict[str, Json] = {
            "id": start.id or "msg_poise",
            "type": "message",
            "role": "assistant",
            "model": start.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage.write(self._counted or Usage(), own=False)},
        }
        out.append(_frame("message_start", {"message": message}))

    def _done(self, out: list[bytes]) -> None:
        end = self._end or End(Ending.UNFINISHED)
        if end.ending is Ending.ERROR:
            self._fault(Fault("the provider broke off"), out)
            return
        self._over = True
        self._stop(out)
        while self._waiting:
            self._drain(out)
            self._stop(out)
        if not self._told:
            self._tell(out)
        delta: dict[str, Json] = {
            "stop_reason": word_of(end.ending, end.said, own=self._own),
            "stop_sequence": end.stopped_by or None,
        }
        beside: dict[str, Json] = {"delta": delta}
        if not self._own:
            ending_lost(end.ending, self._lost)
            self._lost.rest("choices[0]", end.rest)
            self._lost.rest("usage", {} if self._counted is None else self._counted.rest)
        else:
            lay(delta, {key: value for key, value in end.rest.items() if key not in _TOP})
            beside |= {key: value for key, value in end.rest.items() if key in _TOP}
        beside["usage"] = {**usage.write(self._counted or Usage(), own=self._own and self._counted is not None)}
        out.append(_frame("message_delta", beside))
        out.append(_frame("message_stop", {}))

    def _fault(self, fault: Fault, out: list[bytes]) -> None:
        self._over = True
        out.append(error_frame(kind_of(fault.code, fault.status), fault.text))


def _frame(name: str, node: dict[str, Json]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), encode({"type": name, **node}))


def _joined(events: list[_Part]) -> list[_Part]:
    """What grew while it waited is said at once."""
    found: list[_Part] = []
    pieces: list[str] = []
    for event in events:
        if isinstance(event, Grow):
            pieces.append(event.text)
            continue
        if pieces:
            found.append(Grow(event.index, "".join(pieces)))
            pieces = []
        found.append(event)
    if pieces:
        found.append(Grow(events[0].index, "".join(pieces)))
    return found
