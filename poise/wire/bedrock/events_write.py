"""ConverseStream, written (``wire.conversation.block_stream`` says whose turn it is)."""

from __future__ import annotations

from poise.wire.anthropic.rest import encode, lay
from poise.wire.bedrock import usage
from poise.wire.bedrock.ending import EXACT, word_of
from poise.wire.bedrock.failure import exception_of
from poise.wire.bedrock.frames import write
from poise.wire.bedrock.part_write import citation_node, is_sayable, media_node
from poise.wire.bedrock.rest import NAME
from poise.wire.bedrock.whole import part_lost
from poise.wire.conversation.answer import Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.block_stream import BlockWriter
from poise.wire.conversation.event import End, Fault, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Citation, Json, Media, Part, Reasoning, Refusal, Text, ToolCall

_FIELDS = "additionalModelResponseFields"


class Writer(BlockWriter):
    """Writes one streamed answer (``wire.conversation.codec.EventWriter``), as binary messages."""

    __slots__ = ()

    def __init__(self, ask: Ask, lost: Lost | None = None) -> None:
        super().__init__(ask, lost, NAME)

    def _begun(self, start: Start, out: list[bytes]) -> None:
        self._begin(out)

    def _begin(self, out: list[bytes]) -> None:
        if not self._told:
            self._told = True
            out.append(_frame("messageStart", {"role": "assistant"}))

    def _again(self, at: int, kind: str, out: list[bytes]) -> None:
        self._at, self._kind = at, kind

    def _cite(self, citation: Citation, out: list[bytes]) -> None:
        self._delta({"citation": citation_node(citation, own=self._own)}, out)

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
                self._cite(one, out)
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
        self._close_all(out)
        self._over = True
        said: dict[str, Json] = {"stopReason": word_of(end.ending, end.said, own=self._own)}
        told = usage.write(self._counted or Usage(), own=self._own and self._counted is not None)
        counted: dict[str, Json] = {"usage": told, "metrics": {"latencyMs": 0}}
        if self._own:
            for key, value in lay({}, end.rest).items():
                (said if key == _FIELDS else counted)[key] = value
        else:
            self._end_lost(end, EXACT)
            if end.stopped_by:
                said[_FIELDS] = {"stop_sequence": end.stopped_by}
        out.append(_frame("messageStop", said))
        out.append(_frame("metadata", counted))

    def _fault(self, fault: Fault, out: list[bytes]) -> None:
        self._over = True
        out.append(exception_of(fault.code, fault.status, fault.text))


def _frame(name: str, node: dict[str, Json]) -> bytes:
    return write(name, encode(node))
