"""A streamed answer, read: server-sent events, or one JSON array. Nothing marks its end but the end of the bytes."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.wire.conversation.answer import Ending
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
from poise.wire.conversation.part import Citation, Json, Kept, Reasoning, Text, ToolCall
from poise.wire.gemini import citations, usage
from poise.wire.gemini.array import Elements
from poise.wire.gemini.ask_read import NAME
from poise.wire.gemini.endings import ending_of, word_of
from poise.wire.gemini.failure import said_of
from poise.wire.gemini.forms import Obj, decode
from poise.wire.gemini.partial import PartialArgs
from poise.wire.gemini.parts_read import answered_part
from poise.wire.gemini.whole import seconds_of
from poise.wire.legible import is_field
from poise.wire.sse import TooLong, data_of, events_of

_BOM: Final = b"\xef\xbb\xbf"
_TEXT_KEYS: Final = frozenset({"text", "thought", "thoughtSignature"})
_RUNS: Final = frozenset({"executableCode", "executable_code", "toolCall", "tool_call"})
MAX_CANDIDATES: Final = 64


class _Candidate:
    """What has come of one candidate."""

    __slots__ = ("args", "ascii", "calls", "cites", "count", "grown", "index", "last_text", "open", "running", "said")

    def __init__(self, index: int) -> None:
        self.index = index
        self.count = 0  # parts opened
        self.open = ""  # text, thought or call: the part that may still grow is always the last
        self.args: PartialArgs | None = None
        self.calls = False
        self.running = False  # the last part was code that Google runs: its result must follow
        self.said = ""
        self.grown = False  # something was said at all
        self.ascii = True  # so far a byte was a character
        self.cites: dict[tuple[str, int, int], Citation] = {}
        self.last_text = -1

    def complete(self) -> bool:
        """Whether nothing more has to come."""
        return bool(self.said) and self.args is None and not (self.running and self.said == "STOP")


class Reader:
    """Reads one streamed answer. What is left of the bytes without an empty line is fed before ``close``: errors come so.

    A finishReason is no end: Gemini says STOP between running code and telling of it. So each candidate's last word is
    told when the bytes end, and the answer is complete when every candidate has one and nothing was cut.
    """

    __slots__ = (
        "_array",
        "_begun",
        "_blocked",
        "_broken",
        "_candidates",
        "_counted",
        "_done",
        "_hole",
        "_started",
        "unread",
    )

    def __init__(self) -> None:
        self._candidates: dict[int, _Candidate] = {}
        self._array: Elements | None = None
        self._begun = False
        self._started = False
        self._broken = False
        self._done = False
        self._blocked = ""
        self._counted: Json = None
        self._hole = False  # the last that came could not be read: it may have been an error
        self.unread = 0

    def feed(self, data: bytes) -> list[Event]:
        """Whole events in; of an array any bytes."""
        out: list[Event] = []
        if self._done:
            return out
        if not self._begun:
            data = data.removeprefix(_BOM).lstrip()
            if not data:
                return out
            self._begun = True
            if data[:1] == b"[":
                self._array = Elements()
        try:
            if self._array is not None:
                for element in self._array.feed(data):
                    self._chunk(element, out)
            else:
                for event in _lines_of(data):
                    self._event(event, out)
        except TooLong as bad:
            self._fault(Fault(str(bad), "too_long"), out)
        except RecursionError:
            self._fault(Fault("an event that is nested too deep", "malformed"), out)
        return out

    def close(self) -> list[Event]:
        """The bytes ended."""
        out: list[Event] = []
        if self._array is not None and not self._array.closed:
            self._broken = True
        if self._done or self._broken or self._hole:
            return out
        whole = all(one.complete() for one in self._candidates.values())
        if not whole or not (self._candidates or self._blocked):
            return out
        self._done = True
        for one in self._candidates.values():
            self._settle(one, out)
            ending = ending_of(one.said, calls=one.calls, parts=one.grown)
            out.append(End(ending, one.said, choice=one.index))
        if not self._candidates:
            out.append(End(Ending.CONTENT_FILTER, self._blocked))
        out.append(Done())
        return out

    def _event(self, event: bytes, out: list[Event]) -> None:
        if event.startswith(b"data:") and b"\n" not in event and b"\r" not in event:
            self._chunk(event[5:], out)
            return
        data = data_of(event + b"\n\n")  # it counts on an empty line, which what was left at the end has not
        if not data:
            data = event.strip()
            if data[:1] != b"{":
                if data and not is_field(data):
                    self._unreadable()
                return  # a comment, or another field
        self._chunk(data, out)

    def _chunk(self, data: bytes, out: list[Event]) -> None:
        if self._done:
            return
        try:
            raw: Json = decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._unreadable()
            return
        if not isinstance(raw, dict):
            self._broken = True
            return
        self._hole = False
        if "error" in raw:
            said = said_of(raw)
            error = raw["error"]
            status = error.get("code") if isinstance(error, dict) else 0
            self._fault(Fault(said.text, said.word, status if isinstance(status, int) else 0), out)
            return
        if not self._started:
            self._start(raw, out)
        candidates = raw.get("candidates")
        if isinstance(candidates, list):
            for place, candidate in enumerate(candidates):
                if isinstance(candidate, dict) and not self._done:
                    self._candidate(candidate, place, out)
        feedback = raw.get("promptFeedback")
        if isinstance(feedback, dict) and feedback.get("blockReason"):
            self._blocked = str(feedback["blockReason"])
        counted = raw.get("usageMetadata")
        if counted is not None and counted != self._counted:
            self._counted = counted
            if (figures := usage.read(counted)) is not None:
                out.append(Counted(figures))

    def _unreadable(self) -> None:
        """Passed over among events; an array cannot be sent on without one of its elements."""
        if self._array is None:
            self.unread += 1
            self._hole = True
        else:
            self._broken = True

    def _start(self, raw: Obj, out: list[Event]) -> None:
        self._started = True
        identity, model = raw.get("responseId"), raw.get("modelVersion")
        out.append(
            Start(
                identity if isinstance(identity, str) else "",
                model if isinstance(model, str) else "",
                seconds_of(raw.get("createTime")),
                NAME,
            )
        )

    def _fault(self, fault: Fault, out: list[Event]) -> None:
        self._done = True
        out.append(fault)

    def _candidate(self, raw: Obj, place: int, out: list[Event]) -> None:
        index = raw.get("index", place)
        if not isinstance(index, int) or not 0 <= index < MAX_CANDIDATES:
            index = min(place, MAX_CANDIDATES - 1)
        one = self._candidates.get(index)
        if one is None:
            one = self._candidates[index] = _Candidate(index)
        content = raw.get("content")
        if isinstance(content, dict):
            parts = content.get("parts")
            if isinstance(parts, list) and parts:
                one.said = ""  # STOP before more parts was no end
                for part in parts:
                    self._part(part, one, out)
        if "groundingMetadata" in raw or "citationMetadata" in raw:
            for citation in citations.read(raw):
                one.cites[citation.url, citation.start, citation.end] = citation
        reason = raw.get("finishReason")
        if reason is not None:
            one.said = word_of(reason) or one.said

    def _part(self, raw: Json, one: _Candidate, out: list[Event]) -> None:
        if not isinstance(raw, dict):
            return
        text = raw.get("text")
        if isinstance(text, str):
            for name in raw:
                if name not in _TEXT_KEYS:
                    break
            else:
                self._text(raw, text, one, out)
                return
        call = raw.get("functionCall", raw.get("function_call"))
        if isinstance(call, dict) and (one.args is not None or _partial(call)):
            self._piece(raw, call, one, out)
            return
        part = answered_part(raw)
        one.running = isinstance(part, Kept) and part.what in _RUNS
        if isinstance(part, Text | Reasoning):  # with more beside the text than is known, or a seal alone
            self._text({**raw, "text": part.text, "thoughtSignature": part.signature}, part.text, one, out)
            return
        self._settle(one, out)
        one.grown = True
        one.calls = one.calls or isinstance(part, ToolCall)
        out.append(Open(one.count, part, one.index))
        out.append(Close(one.count, one.index))
        one.count += 1

    def _text(self, raw: Obj, text: str, one: _Candidate, out: list[Event]) -> None:
        """Text or thought: one part as long as nothing else comes between. A seal ends the part."""
        signature = raw.get("thoughtSignature")
        if not text and not signature:
            return
        kind = "thought" if raw.get("thought") is True else "text"
        # A seal alone belongs to the text or thought before it.
        if one.open != kind and (text or not one.open):
            self._settle(one, out)
            one.open = kind
            one.grown = True
            one.running = False
            out.append(Open(one.count, Reasoning() if kind == "thought" else Text(text=""), one.index))
            if kind == "text":
                one.last_text = one.count
            one.count += 1
        if text:
            if one.ascii and kind == "text":
                one.ascii = text.isascii()
            out.append(Grow(one.count - 1, text, one.index))
        if isinstance(signature, str) and signature:
            out.append(Seal(one.count - 1, signature, choice=one.index))
            self._settle(one, out)

    def _piece(self, raw: Obj, call: Obj, one: _Candidate, out: list[Event]) -> None:
        """A piece of a call: its name first, then its arguments, then a piece that says no more will come."""
        name, signature = call.get("name"), raw.get("thoughtSignature")
        try:
            if isinstance(name, str) and name:
                self._settle(one, out)
                one.args = PartialArgs()
                one.open, one.calls, one.grown = "call", True, True
                identity = call.get("id")
                part = ToolCall(name=name, arguments="", id=identity if isinstance(identity, str) else "")
                out.append(Open(one.count, part, one.index))
                one.count += 1
            if isinstance(signature, str) and signature:
                out.append(Seal(one.count - 1, signature, choice=one.index))
            if one.args is None:
                return
            args = call.get("args")
            if isinstance(args, dict):
                one.args.merge(args)
            one.args.add(call.get("partialArgs", call.get("partial_args")))
            if call.get("willContinue", call.get("will_continue")) is not True:
                self._settle(one, out)
        except ValueError as bad:
            self._fault(Fault(str(bad), "malformed_call"), out)

    def _settle(self, one: _Candidate, out: list[Event]) -> None:
        """Close what is open."""
        if one.args is not None:
            out.append(Grow(one.count - 1, one.args.text(), one.index))
            one.args = None
        if one.cites and one.last_text == one.count - 1:
            self._cite(one, out)
        if one.open:
            out.append(Close(one.count - 1, one.index))
            one.open = ""

    def _cite(self, one: _Candidate, out: list[Event]) -> None:
        for citation in one.cites.values():
            if not one.ascii:  # bytes, and the text that would tell their characters has gone on
                citation.start = citation.end = -1
            out.append(Cite(one.last_text, citation, one.index))
        one.cites = {}


def _lines_of(data: bytes) -> list[bytes]:
    """Events without their empty lines. Google ends lines with CRLF, which deserves a quicker way than byte by byte."""
    found: list[bytes] = []
    for piece in data.split(b"\r\n\r\n"):
        if b"\n\n" in piece or b"\r\r" in piece or b"\n\r\n" in piece:
            found += [event.strip(b"\r\n") for event in events_of(piece)]
        elif piece:
            found.append(piece.strip(b"\r\n"))
    return found


def _partial(call: Obj) -> bool:
    return "willContinue" in call or "partialArgs" in call or "will_continue" in call or "partial_args" in call
