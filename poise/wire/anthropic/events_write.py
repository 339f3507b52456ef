"""Streams, written (``wire.conversation.block_stream`` says whose turn it is)."""

from __future__ import annotations

from poise.wire.anthropic import usage
from poise.wire.anthropic.ending import EXACT, word_of
from poise.wire.anthropic.failure import error_frame, kind_of
from poise.wire.anthropic.part_write import call_block, citation_node, text_block
from poise.wire.anthropic.rest import NAME, encode, lay
from poise.wire.anthropic.whole import part_lost
from poise.wire.conversation.answer import Ending, Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.block_stream import BlockWriter
from poise.wire.conversation.event import End, Fault, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Citation, Json, Kept, Part, Reasoning, Refusal, Text, ToolCall

_TOP = frozenset({"context_management"})  # said beside the delta, not in it


class Writer(BlockWriter):
    """Writes one streamed answer (``wire.conversation.codec.EventWriter``)."""

    __slots__ = ("_sealed", "_seals", "_shown", "_start")

    def __init__(self, ask: Ask, lost: Lost | None = None) -> None:
        super().__init__(ask, lost, NAME)
        self._start: Start | None = None
        self._shown = False  # a block of thought is begun with its first words only: it may turn out to be sealed
        self._seals = ""
        self._sealed = ""

    def _begun(self, start: Start, out: list[bytes]) -> None:
        self._start = start

    def _after(self, out: list[bytes]) -> None:
        if self._start is not None and not self._told and not self._over:
            self._tell(out)  # after the batch: usage that came with the start is told with it

    def _again(self, at: int, kind: str, out: list[bytes]) -> None:
        self._open(at, Reasoning() if kind == "thought" else Text(text=""), out)

    def _cite(self, citation: Citation, out: list[bytes]) -> None:
        delta = {"type": "citations_delta", "citation": citation_node(citation, own=self._own)}
        out.append(_frame("content_block_delta", {"index": self._next, "delta": delta}))

    def _seal(self, signature: str, sealed: str, out: list[bytes]) -> None:
        self._seals += signature
        self._sealed += sealed

    def _open(self, at: int, part: Part, out: list[bytes]) -> None:
        if not self._own and at not in self._known:  # known: it goes on in a new block
            part_lost(part, f"choices[0].parts[{at}]", self._lost)
        if isinstance(part, Reasoning):
            self._known[at] = self._kind = "thought"
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
                self._cite(one, out)
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
        elif kind == "thought":
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
        if kind == "thought":
            self._seals_out(out)
            return
        out.append(_frame("content_block_stop", {"index": self._next}))
        self._next += 1

    def _seals_out(self, out: list[bytes]) -> None:
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
        self._close_all(out)
        if not self._told:
            self._tell(out)
        delta: dict[str, Json] = {
            "stop_reason": word_of(end.ending, end.said, own=self._own),
            "stop_sequence": end.stopped_by or None,
        }
        beside: dict[str, Json] = {"delta": delta}
        if not self._own:
            self._end_lost(end, EXACT)
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
