"""Events, written as the chunks of a streamed chat completion."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.wire.conversation.answer import Usage
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.call_ids import CallIds, calls_before
from poise.wire.conversation.event import Cite, Counted, Done, End, Event, Fault, Grow, Open, Seal, Start
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json, Kept, Media, Reasoning, Refusal, Text, ToolCall
from poise.wire.openai import ending, usage
from poise.wire.openai.ask_write import NAME, asks_usage, legacy
from poise.wire.openai.fields import Obj
from poise.wire.openai.parts import url_of
from poise.wire.openai.whole import say_citation

_encode: Final = msgspec.json.Encoder().encode
_ROLE: Final = b'{"role":"assistant","content":""}'


class Writer:
    """``wire.conversation.codec.EventWriter`` of this dialect, for an answer to ask.

    Usage is written where the client asked for it (``stream_options.include_usage``). A fault is a bare ``error``, on
    which stock clients raise, and nothing follows it.
    """

    __slots__ = (
        "_begun", "_calls", "_detailed", "_head", "_ids", "_legacy", "_lost", "_open", "_over", "_own", "_refused", "_tail",
        "_thoughts", "_usage", "_wants_usage",
    )  # fmt: skip

    def __init__(self, ask: Ask, lost: Lost | None = None) -> None:
        self._lost = lost if lost is not None else Lost()
        self._wants_usage = asks_usage(ask)
        self._legacy = legacy(ask)
        self._tail = b',"usage":null}\n\n' if self._wants_usage else b"}\n\n"
        self._ids = CallIds(count=calls_before(ask))
        self._usage: Usage | None = None
        self._head = self._head_of(Start())
        self._begun: set[int] = set()
        self._refused: set[int] = set()
        self._calls: dict[int, int] = {}
        self._thoughts: dict[int, int] = {}
        self._detailed: set[int] = set()  # choices whose first thought stands in reasoning_details
        # What stands around the text of each piece of a part, and the part where a seal may come for it.
        self._open: dict[tuple[int, int], tuple[tuple[bytes, ...], ToolCall | Reasoning | None]] = {}
        self._own = False
        self._over = False

    def write(self, events: list[Event]) -> bytes:
        """The events in this dialect; b'' where they show nothing here (yet)."""
        if len(events) == 1 and not self._over and type(event := events[0]) is Grow:
            return self._grow(event)
        out: list[bytes] = []
        for event in events:
            if self._over:
                break
            self._one(event, out)
        return b"".join(out)

    def _one(self, event: Event, out: list[bytes]) -> None:
        if isinstance(event, Grow):
            out.append(self._grow(event))
        elif isinstance(event, Open):
            self._begin(event.choice, out)
            self._opened(event, out)
        elif isinstance(event, Start):
            self._head = self._head_of(event)
            self._own = event.spoken == NAME
            self._begin(0, out)
        elif isinstance(event, Seal):
            self._seal(event, out)
        elif isinstance(event, Cite):
            self._cite(event, out)
        elif isinstance(event, Counted):
            self._usage = event.usage  # its rest is noted with the last
        elif isinstance(event, End):
            self._begin(event.choice, out)
            self._end(event, out)
        elif isinstance(event, Done):
            self._done(out)
        elif isinstance(event, Fault):
            self._over = True
            error = {"message": event.text, "type": "upstream_error", "param": None, "code": event.code or None}
            out.append(b"data: " + _encode({"error": error}) + b"\n\n")

    @staticmethod
    def _head_of(start: Start) -> bytes:
        fields = {
            "id": start.id,
            "object": "chat.completion.chunk",
            "created": start.created,
            "model": start.model,
        }
        return b"data: " + _encode(fields)[:-1] + b',"choices":['

    def _chunk(self, choice: int, delta: bytes, more: bytes = b',"logprobs":null,"finish_reason":null') -> bytes:
        return b'%b{"index":%d,"delta":%b%b}]%b' % (self._head, choice, delta, more, self._tail)

    def _delta(self, choice: int, delta: Obj) -> bytes:
        return self._chunk(choice, _encode(delta))

    def _begin(self, choice: int, out: list[bytes]) -> None:
        """The role comes first, once for each choice."""
        if choice not in self._begun:
            self._begun.add(choice)
            out.append(self._chunk(choice, _ROLE))

    def _grow(self, event: Grow) -> bytes:
        known = self._open.get((event.choice, event.index))
        if known is None:
            return b""
        return _encode(event.text).join(known[0])

    def _around(self, choice: int, delta: bytes) -> tuple[bytes, ...]:
        """What stands around the text of each piece of a part, for a delta with NUL in its places: one, or two."""
        return tuple(self._chunk(choice, delta).split(b"\0"))

    def _opened(self, event: Open, out: list[bytes]) -> None:
        part, choice = event.part, event.choice
        text, field, beside = "", b"", b""
        where = f"choices[{choice}].parts[{event.index}]"
        if not self._own and not isinstance(part, Kept):
            self._lost.rest(where, part.rest)
        if isinstance(part, ToolCall):
            self._call(event, part, out)
            return
        if isinstance(part, Text):
            text, field = part.text, b"content"
        elif isinstance(part, Refusal):
            text, field = part.text, b"refusal"
            self._refused.add(choice)
        elif isinstance(part, Reasoning):
            text, field = part.text, b"reasoning_content"
            beside = self._thought(event, part, out)
        elif isinstance(part, Media):
            self._media(part, choice, where, out)
        elif isinstance(part, Kept) and self._own:
            out.append(self._delta(choice, {"content": [part.value]}))
        else:
            what = part.what if isinstance(part, Kept) else "a tool's result"
            self._lost.add(where, f"{what} has no counterpart there")
        if field:
            around = self._around(choice, b'{"%b":\0%b}' % (field, beside))
            self._open[choice, event.index] = (around, part if isinstance(part, Reasoning) else None)
            if text:
                out.append(_encode(text).join(around))
        if isinstance(part, Text):
            for one in part.citations:
                self._cite(Cite(event.index, one, choice), out)
            if part.signature:
                self._lost.add(f"{where}.signature", "a text's signature has no place there")

    def _cite(self, event: Cite, out: list[bytes]) -> None:
        if event.citation.url:
            out.append(self._delta(event.choice, {"annotations": [say_citation(event.citation)]}))
        else:
            where = f"choices[{event.choice}].parts[{event.index}].citations"
            self._lost.add(where, "a source without a URL cannot be said there")

    def _media(self, part: Media, choice: int, where: str, out: list[bytes]) -> None:
        if part.kind == "audio":
            audio: Obj = {"data": part.data} if part.data else {}
            out.append(self._delta(choice, {"audio": {**part.rest, **audio}}))
        elif part.kind == "image":
            image: Json = {"type": "image_url", "image_url": {"url": url_of(part)}}
            out.append(self._delta(choice, {"images": [image]}))
        else:
            self._lost.add(where, f"{part.kind} by the model has no counterpart there")

    def _thought(self, event: Open, part: Reasoning, out: list[bytes]) -> bytes:
        """Seals, and the mark that one thought follows another, in OpenRouter's form.

        Returns what is said beside each piece of its text. From the second thought on that is the text again, under the
        thought's number: clients put all pieces of reasoning_content into one text, and a seal is good for its own alone.
        """
        nth = self._thoughts[event.choice] = self._thoughts.get(event.choice, -1) + 1
        if not (nth or part.sealed or part.signature or part.summary):
            return b""
        details: list[Json] = []
        if event.choice not in self._detailed:  # clients go by the place in the list: no number may be left out
            self._detailed.add(event.choice)
            details += [{"type": "reasoning.text", "text": "", "index": 0}] if nth else []
        if part.sealed:
            detail: Obj = {"type": "reasoning.encrypted", "data": part.sealed, "index": nth}
            if part.id:
                detail["id"] = part.id
        elif part.summary:
            detail = {"type": "reasoning.summary", "summary": "", "index": nth}
        else:
            detail = {"type": "reasoning.text", "text": "", "index": nth}
        if part.signature:
            detail["signature"] = part.signature
        out.append(self._delta(event.choice, {"reasoning_details": [*details, detail]}))
        kind = b"summary" if part.summary else b"text"
        return b',"reasoning_details":[{"type":"reasoning.%b","%b":\0,"index":%d}]' % (kind, kind, nth) if nth else b""

    def _call(self, event: Open, part: ToolCall, out: list[bytes]) -> None:
        choice = event.choice
        nth = self._calls[choice] = self._calls.get(choice, -1) + 1
        id = self._ids.of_call(part)
        if self._legacy and not part.free:
            if nth:
                where = f"choices[{choice}].parts[{event.index}]"
                self._lost.add(where, "a second call at once cannot be said as function_call")
                return
            first: Obj = {"function_call": {"name": part.name, "arguments": part.arguments}}
            around = self._around(choice, b'{"function_call":{"arguments":\0}}')
        else:
            kind, field = ("custom", "input") if part.free else ("function", "arguments")
            call: Obj = {"index": nth, "id": id, "type": kind, kind: {"name": part.name, field: part.arguments}}
            if part.signature:
                call["extra_content"] = {"google": {"thought_signature": part.signature}}
            first = {"tool_calls": [call]}
            around = self._around(
                choice, b'{"tool_calls":[{"index":%d,"%b":{"%b":\0}}]}' % (nth, kind.encode(), field.encode())
            )
        part = ToolCall(name=part.name, arguments="", id=str(nth), free=part.free)
        self._open[choice, event.index] = (around, part)
        out.append(self._delta(choice, first))

    def _seal(self, event: Seal, out: list[bytes]) -> None:
        known = self._open.get((event.choice, event.index))
        part = known[1] if known is not None else None
        if isinstance(part, ToolCall):
            signed: Obj = {"google": {"thought_signature": event.signature}}
            out.append(self._delta(event.choice, {"tool_calls": [{"index": int(part.id), "extra_content": signed}]}))
        elif isinstance(part, Reasoning):
            nth = self._thoughts.get(event.choice, 0)
            self._detailed.add(event.choice)
            detail: Obj = {"type": "reasoning.text", "text": "", "signature": event.signature, "index": nth}
            if event.sealed:
                detail = {"type": "reasoning.encrypted", "data": event.sealed, "index": nth}
            out.append(self._delta(event.choice, {"reasoning_details": [detail]}))
        else:
            where = f"choices[{event.choice}].parts[{event.index}].signature"
            self._lost.add(where, "a text's signature has no place there")

    def _end(self, event: End, out: list[bytes]) -> None:
        if not self._own:
            self._lost.rest(f"choices[{event.choice}]", event.rest)
        said, native = ending.word(event.ending, refused=event.choice in self._refused, legacy=self._legacy)
        more: Obj = {"logprobs": None, "finish_reason": said}
        if native:
            more["native_finish_reason"] = native
        if event.stopped_by:
            more["stop_reason"] = event.stopped_by
        out.append(self._chunk(event.choice, b"{}", b"," + _encode(more)[1:-1]))

    def _done(self, out: list[bytes]) -> None:
        self._over = True
        if self._usage is not None and not self._own:
            self._lost.rest("usage", self._usage.rest)
        if self._wants_usage and self._usage is not None:
            counted = _encode(usage.write(self._usage, own=False))
            out.append(b'%b],"usage":%b}\n\n' % (self._head, counted))
        out.append(b"data: [DONE]\n\n")
