"""A streamed answer, written: server-sent events, or one JSON array, as Google's clients ask for.

Calls are written whole, when they are complete. The last chunk holds how each candidate ended and what was counted;
it is written when the answer is done, so that an answer that was cut never looks complete.
"""

from __future__ import annotations

from poise.wire.conversation.answer import Usage
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
from poise.wire.conversation.part import Citation, Json, Kept, Part, Reasoning, Refusal, Text, ToolCall
from poise.wire.gemini import citations, usage
from poise.wire.gemini.ask_read import NAME
from poise.wire.gemini.endings import loses, word_for
from poise.wire.gemini.forms import Obj, encode
from poise.wire.gemini.parts_write import HARMLESS, PartWriter, is_base64
from poise.wire.sse import MAX_EVENT_BYTES


class _Open:
    """A part that may still grow."""

    __slots__ = ("closed", "part", "pieces", "size")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.pieces: list[str] = []  # of a call's arguments
        self.size = 0
        self.closed = False


class Writer:
    """Writes one streamed answer. array: as one JSON array."""

    __slots__ = (
        "_array", "_broken", "_cites", "_ends", "_first", "_lost", "_own", "_parts", "_start", "_usage", "_writer",
    )  # fmt: skip

    def __init__(self, lost: Lost | None = None, *, array: bool = False) -> None:
        self._lost = lost if lost is not None else Lost()
        self._array = array
        self._first = True
        self._broken = False
        self._own = False
        self._start: Obj = {}
        self._parts: dict[tuple[int, int], _Open] = {}
        self._ends: dict[int, str] = {}
        self._cites: dict[int, list[Citation]] = {}
        self._usage: Usage | None = None
        self._writer = PartWriter(self._lost, own=False)

    def write(self, events: list[Event]) -> bytes:
        """The events as bytes, framing included."""
        out: list[bytes] = []
        for event in events:
            if self._broken:
                break
            if isinstance(event, Grow):
                self._grow(event, out)
            elif isinstance(event, Open):
                self._opened(event, out)
            elif isinstance(event, Close):
                self._close(event, out)
            elif isinstance(event, Seal):
                self._seal(event, out)
            elif isinstance(event, Done):
                self._done(out)
            elif isinstance(event, Fault):
                self._broken = True  # what went wrong is said by whoever decides that it is final
            else:
                self._note(event)
        return b"".join(out)

    def _note(self, event: Start | Cite | Counted | End) -> None:
        if isinstance(event, Counted):
            self._usage = event.usage
        elif isinstance(event, End):
            self._ends[event.choice] = word_for(event.ending)
            if not self._own:
                where = f"choices[{event.choice}]"
                self._lost.rest(where, event.rest, HARMLESS)
                if loses(event.ending):
                    self._lost.add(f"{where}.ending", f"{event.ending.value} is said as {word_for(event.ending)}")
        elif isinstance(event, Cite):
            self._cite(event.citation, event.choice, event.index)
        else:
            self._own = event.spoken == NAME
            if self._own:
                self._writer.lost = Lost()  # nothing of one's own is lost
            if event.model:
                self._start["modelVersion"] = event.model
            if event.id:
                self._start["responseId"] = event.id

    def _cite(self, citation: Citation, choice: int, index: int) -> None:
        if citation.url:
            self._cites.setdefault(choice, []).append(citation)
        else:
            where = f"choices[{choice}].parts[{index}].citations"
            self._lost.add(where, "a source without an address has no place there")

    def _opened(self, event: Open, out: list[bytes]) -> None:
        part = event.part
        where = f"choices[{event.choice}].parts[{event.index}]"
        if isinstance(part, Text | Reasoning | Refusal | ToolCall):
            self._begun(part, where)
            self._parts[event.choice, event.index] = _Open(part)
            if isinstance(part, ToolCall):
                return
            if part.text:
                self._say(part, part.text, event.choice, out)
            if not isinstance(part, Refusal) and part.signature:
                self._sign(part, part.signature, event.choice, out)
            if isinstance(part, Text):
                for citation in part.citations:
                    self._cite(citation, event.choice, event.index)
            return
        if isinstance(part, Kept):
            if self._own and isinstance(part.value, dict):
                self._chunk(part.value, event.choice, out)
                return
            self._lost.add(where, f"{part.what} has no counterpart there")
            return
        written = self._writer.write(part, where)
        if written is not None:
            self._chunk(written, event.choice, out)

    def _begun(self, part: Text | Reasoning | Refusal | ToolCall, where: str) -> None:
        """Note what is known to be lost when a part begins; of a call it is when it is written."""
        if self._own or isinstance(part, ToolCall):
            return
        self._lost.rest(where, part.rest, HARMLESS)
        if isinstance(part, Refusal):
            self._lost.add(where, "a refusal is written as text")
        elif isinstance(part, Reasoning) and part.sealed:
            self._lost.add(where, "sealed thought can be read by its own provider only")

    def _grow(self, event: Grow, out: list[bytes]) -> None:
        one = self._parts.get((event.choice, event.index))
        if one is None:
            return
        part = one.part
        if isinstance(part, ToolCall):
            one.size += len(event.text)
            if one.size > MAX_EVENT_BYTES:
                self._broken = True  # never complete, and so never taken for whole
                return
            one.pieces.append(event.text)
        else:
            self._say(part, event.text, event.choice, out)

    def _say(self, part: Part, text: str, choice: int, out: list[bytes]) -> None:
        said: Obj = {"text": text}
        if isinstance(part, Reasoning):
            said["thought"] = True
        self._chunk(said, choice, out)

    def _seal(self, event: Seal, out: list[bytes]) -> None:
        one = self._parts.get((event.choice, event.index))
        if one is None:
            return
        if not event.signature:
            where = f"choices[{event.choice}].parts[{event.index}]"
            self._lost.add(where, "sealed thought can be read by its own provider only")
            return
        if isinstance(one.part, ToolCall):
            one.part = ToolCall(
                name=one.part.name,
                arguments=one.part.arguments,
                id=one.part.id,
                free=one.part.free,
                signature=one.part.signature + event.signature,
                rest=one.part.rest,
            )
        else:
            self._sign(one.part, event.signature, event.choice, out)

    def _sign(self, part: Part, signature: str, choice: int, out: list[bytes]) -> None:
        if not is_base64(signature):
            self._lost.add(f"choices[{choice}]", "a signature that is no base64 has no place there")
            return
        said: Obj = {"text": "", "thoughtSignature": signature}
        if isinstance(part, Reasoning):
            said["thought"] = True
        self._chunk(said, choice, out)

    def _close(self, event: Close, out: list[bytes]) -> None:
        one = self._parts.get((event.choice, event.index))
        if one is None:
            return
        if not isinstance(one.part, ToolCall):
            del self._parts[event.choice, event.index]
            return
        one.closed = True
        # Calls that grew side by side are written in the order in which they were opened.
        waiting = [key for key, other in self._parts.items() if key[0] == event.choice]
        for key in waiting:
            other = self._parts[key]
            if isinstance(other.part, ToolCall):
                if not other.closed:
                    break
                del self._parts[key]
                self._called(other.part, other.pieces, event.choice, out)

    def _called(self, call: ToolCall, pieces: list[str], choice: int, out: list[bytes]) -> None:
        whole = ToolCall(
            name=call.name,
            arguments=call.arguments + "".join(pieces),
            id=call.id,
            free=call.free,
            signature=call.signature,
            rest=call.rest,
        )
        written = self._writer.write(whole, f"choices[{choice}]")
        if written is not None:
            self._chunk(written, choice, out)

    def _done(self, out: list[bytes]) -> None:
        candidates: list[Json] = []
        for choice, word in self._ends.items():
            last: Obj = {"content": {"parts": [{"text": ""}], "role": "model"}, "index": choice}
            if word:
                last["finishReason"] = word
            if pages := self._cites.get(choice):
                last["groundingMetadata"] = citations.write(pages, None)
            candidates.append(last)
        chunk: Obj = {"candidates": candidates}
        if self._usage is not None:
            chunk["usageMetadata"] = usage.write(self._usage, self._writer.lost)
        self._frame(chunk | self._start, out)
        if self._array:
            out.append(b"]")

    def _chunk(self, part: Json, choice: int, out: list[bytes]) -> None:
        content: Obj = {"parts": [part], "role": "model"}
        self._frame({"candidates": [{"content": content, "index": choice}], **self._start}, out)

    def _frame(self, chunk: Obj, out: list[bytes]) -> None:
        body = encode(chunk)
        if self._array:
            out.append((b"[" if self._first else b",\r\n") + body)
            self._first = False
        else:
            out.append(b"data: " + body + b"\r\n\r\n")
