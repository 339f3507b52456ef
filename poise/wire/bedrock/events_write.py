"""ConverseStream, written: one block after the other, whichever way the parts came.

A part that opens while a tool call is still growing waits for its end; text and thought are closed for it, and go on in
a new block where more of them comes.
"""

from __future__ import annotations

from poise.wire.anthropic.rest import encode, lay
from poise.wire.bedrock import usage
from poise.wire.bedrock.ending import word_of
from poise.wire.bedrock.failure import exception_of
from poise.wire.bedrock.frames import write
from poise.wire.bedrock.part_write import citation_node, is_sayable, media_node
from poise.wire.bedrock.rest import NAME
from poise.wire.bedrock.whole import ending_lost, part_lost
from poise.wire.conversation.answer import Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.call_ids import CallIds, calls_before
from poise.wire.conversation.event import Cite, Close, Counted, Done, End, Event, Fault, Grow, Open, Seal, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json, Media, Part, Reasoning, Refusal, Text, ToolCall

_Part = Open | Grow | Cite | Seal | Close
_FIELDS = "additionalModelResponseFields"


class Writer:
    """Writes one streamed answer (``wire.conversation.codec.EventWriter``), as binary messages."""

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
        "_told",
        "_waiting",
    )

    def __init__(self, ask: Ask, lost: Lost | None = None) -> None:
        self._lost = lost if lost is not None else Lost()
        self._ids = CallIds(count=calls_before(ask))
        self._others: set[int] = set()  # further choices, for which there is no room
        self._told = False  # messageStart is out
        self._over = False
        self._own = False
        self._counted: Usage | None = None
        self._end: End | None = None
        self._next = 0  # number of the next block
        self._at = -1  # the part whose block is open, -1 for none
        self._kind = ""  # what that block is: text, thought, call, free
        self._known: dict[int, str] = {}  # every part so far, and what it is; '' for one that has no block here
        self._waiting: dict[int, list[_Part]] = {}

    def write(self, events: list[Event]) -> bytes:
        """The events as bytes."""
        out: list[bytes] = []
        for event in events:
            if self._over:
                break
            if isinstance(event, _Part):
                if event.choice:
                    self._other(event.choice)
                else:
                    self._part(event, out)
            elif isinstance(event, Counted):
                self._counted = event.usage
            elif isinstance(event, Start):
                self._own = event.spoken == NAME
                self._begin(out)
            elif isinstance(event, End):
                if event.choice == 0:
                    self._end = event
                else:
                    self._other(event.choice)
            elif isinstance(event, Done):
                self._done(out)
            else:
                self._fault(event, out)
        return b"".join(out)

    def _begin(self, out: list[bytes]) -> None:
        if not self._told:
            self._told = True
            out.append(_frame("messageStart", {"role": "assistant"}))

    def _other(self, choice: int) -> None:
        if choice not in self._others:
            self._others.add(choice)
            self._lost.add(f"choices[{choice}]", "there is room for one answer only")

    def _part(self, event: _Part, out: list[bytes]) -> None:
        at = event.index
        if at != self._at and (at in self._waiting or self._kind in {"call", "free"}):
            self._waiting.setdefault(at, []).append(event)
        else:
            self._more(event, out)
        while self._waiting and self._at < 0:
            for waited in self._waiting.pop(next(iter(self._waiting))):
                self._more(waited, out)

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
            self._at, self._kind = at, kind
        if isinstance(event, Grow):
            self._text(event.text, out)
        elif isinstance(event, Seal):
            if kind == "thought":
                self._seal(event.signature, event.sealed, out)
        elif kind == "text":
            self._delta({"citation": citation_node(event.citation, own=self._own)}, out)

    def _open(self, at: int, part: Part, out: list[bytes]) -> None:
        self._begin(out)
        if not self._own:
            part_lost(part, f"choices[0].parts[{at}]", self._lost)
        self._known[at] = ""
        if isinstance(part, Reasoning):
            self._at, self._kind = at, "thought"
            self._text(part.text, out)
            self._seal(part.signature, part.sealed, out)
        elif isinstance(part, Text | Refusal):
            self._at, self._kind = at, "text"
            self._text(part.text, out)
            for one in part.citations if isinstance(part, Text) else []:
                self._delta({"citation": citation_node(one, own=self._own)}, out)
        elif isinstance(part, ToolCall):
            self._at, self._kind = at, "free" if part.free else "call"
            self._call(part, out)
        else:
            if isinstance(part, Media) and is_sayable(part):
                self._media(at, part, out)
            return
        self._known[at] = self._kind

    def _call(self, part: ToolCall, out: list[bytes]) -> None:
        said: dict[str, Json] = {"toolUseId": self._ids.of_call(part), "name": part.name}
        if self._own:
            lay(said, part.rest)
        out.append(_frame("contentBlockStart", {"contentBlockIndex": self._next, "start": {"toolUse": said}}))
        if part.free:
            self._delta({"toolUse": {"input": '{"input":"'}}, out)
        self._text(part.arguments, out)

    def _media(self, at: int, part: Media, out: list[bytes]) -> None:
        if part.kind != "image":
            self._lost.add(f"choices[0].parts[{at}]", f"{part.kind} has no counterpart in a stream there")
            return
        node = media_node(part, own=False)
        start: dict[str, Json] = {"image": {"format": node["format"]}}
        out.append(_frame("contentBlockStart", {"contentBlockIndex": self._next, "start": start}))
        self._delta({"image": {"source": node["source"]}}, out)
        out.append(_frame("contentBlockStop", {"contentBlockIndex": self._next}))
        self._next += 1

    def _text(self, text: str, out: list[bytes]) -> None:
        if not text:
            return
        kind = self._kind
        if kind == "text":
            self._delta({"text": text}, out)
        elif kind == "call":
            self._delta({"toolUse": {"input": text}}, out)
        elif kind == "free":
            self._delta({"toolUse": {"input": encode(text)[1:-1].decode()}}, out)
        else:
            self._delta({"reasoningContent": {"text": text}}, out)

    def _seal(self, signature: str, sealed: str, out: list[bytes]) -> None:
        if signature:
            self._delta({"reasoningContent": {"signature": signature}}, out)
        if sealed:
            self._delta({"reasoningContent": {"redactedContent": sealed}}, out)

    def _delta(self, delta: dict[str, Json], out: list[bytes]) -> None:
        out.append(_frame("contentBlockDelta", {"contentBlockIndex": self._next, "delta": delta}))

    def _stop(self, out: list[bytes]) -> None:
        if self._at < 0:
            return
        if self._kind == "free":
            self._delta({"toolUse": {"input": '"}'}}, out)
        self._kind, self._at = "", -1
        out.append(_frame("contentBlockStop", {"contentBlockIndex": self._next}))
        self._next += 1

    def _done(self, out: list[bytes]) -> None:
        end = self._end or End(Ending.UNFINISHED)
        self._begin(out)
        self._stop(out)
        while self._waiting:  # calls that nobody closed
            for waited in self._waiting.pop(next(iter(self._waiting))):
                self._more(waited, out)
            self._stop(out)
        self._over = True
        said: dict[str, Json] = {"stopReason": word_of(end.ending, end.said, own=self._own)}
        told = usage.write(self._counted or Usage(), own=self._own and self._counted is not None)
        counted: dict[str, Json] = {"usage": told, "metrics": {"latencyMs": 0}}
        if self._own:
            for key, value in lay({}, end.rest).items():
                (said if key == _FIELDS else counted)[key] = value
        else:
            ending_lost(end.ending, self._lost)
            self._lost.rest("choices[0]", end.rest)
            self._lost.rest("usage", {} if self._counted is None else self._counted.rest)
            if end.stopped_by:
                said[_FIELDS] = {"stop_sequence": end.stopped_by}
        out.append(_frame("messageStop", said))
        out.append(_frame("metadata", counted))

    def _fault(self, event: Fault, out: list[bytes]) -> None:
        self._over = True
        out.append(exception_of(event.code, event.status, event.text))


def _frame(name: str, node: dict[str, Json]) -> bytes:
    return write(name, encode(node))
