"""An assistant's message, written from its parts; asks and answers share it."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from poise.wire.conversation.call_ids import CallIds
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json, Kept, Media, Part, Reasoning, Refusal, Rest, Text, ToolCall
from poise.wire.openai.fields import Obj, lay, spelled
from poise.wire.openai.message import THOUGHTS, say_call, say_detail, say_image, say_sound, thought_of
from poise.wire.openai.parts import write_part

_EMPTY: Final[Rest] = {}


class Way(NamedTuple):
    """How a message is written. own: it was read here; where: its place, for what is noted in lost.

    answer: the message is an answer's, whose sources are said beside it; older: its client knows ``function_call`` only.
    """

    own: bool
    ids: CallIds
    lost: Lost
    where: str
    answer: bool = False
    older: bool = False


class _Saying:
    """The fields of one message while its parts are gone through."""

    __slots__ = ("_form", "_lost", "_own", "_way", "_where", "calls", "content", "images", "out", "texts", "thoughts")

    def __init__(self, form: str, way: Way) -> None:
        self._form, self._way, self._own, self._lost, self._where = form, way, way.own, way.lost, way.where
        self.out: Obj = {}
        self.content: list[Json] = []
        self.texts: list[str] = []
        self.thoughts: list[Part] = []
        self.calls: list[Json] = []
        self.images: list[Json] = []

    def add(self, part: Part) -> None:
        """Take one part."""
        rest = part.rest if self._own and not isinstance(part, Kept) else _EMPTY
        if isinstance(part, ToolCall):
            self._call(part, rest)
        elif isinstance(part, Refusal) and "\0=inline" not in rest:
            self.out["refusal"] = f"{self.out.get('refusal') or ''}{part.text}"
        elif isinstance(part, Reasoning) and "\0=inline" not in rest:
            self.thoughts.append(part)
        elif isinstance(part, Media) and ("\0=made" in rest if self._own else part.kind in ("image", "audio")):
            self._made(part, rest)
        elif self._own and isinstance(part, Kept) and part.what in ("reasoning_details", "images"):
            self.images.append(part.value) if part.what == "images" else self.thoughts.append(part)
        else:
            self._content(part)

    def _call(self, part: ToolCall, rest: Rest) -> None:
        if "\0=function_call" in rest or (self._way.older and not part.free and "function_call" not in self.out):
            self.out["function_call"] = {"name": part.name, "arguments": part.arguments}
            return
        if self._way.older:
            self._lost.add(self._where, "a second call at once cannot be said as function_call")
            return
        call = say_call(part, part.id if self._own else self._way.ids.of_call(part))
        if not self._own:
            self._lost.rest(self._where, part.rest)
        self.calls.append(lay(call, rest, "function", "custom", "extra_content"))

    def _made(self, part: Media, rest: Rest) -> None:
        if part.kind == "audio":
            self.out["audio"] = lay(say_sound(part), rest)
        else:
            self.images.append(lay(say_image(part), rest))

    def _content(self, part: Part) -> None:
        if isinstance(part, Text):
            self.texts.append(part.text)
            if self._own and self._form == "text":
                return
            if not self._own:  # what an assistant said is one text: many servers take no list from it
                self._text(part)
                return
        written = write_part(part, own=self._own, lost=self._lost, where=self._where)
        if written is not None and self._own:
            self.content.append(written)
        elif written is not None:
            self._lost.add(self._where, "an assistant's message holds no such part there")

    def _text(self, part: Text) -> None:
        self._lost.rest(self._where, part.rest)
        if part.citations and not self._way.answer:
            self._lost.add(f"{self._where}.citations", "sources of a text are not taken back there")
        if part.signature:
            self._lost.add(f"{self._where}.signature", "a text's signature has no place there")


def say(parts: list[Part], form: str, marks: Rest, way: Way) -> Obj:
    """The fields of an assistant's message that its parts give, ``role`` and its own rest apart."""
    saying, own = _Saying(form, way), way.own
    for part in parts:
        saying.add(part)
    out = saying.out
    _say_content(out, saying.content, saying.texts, form, own=own)
    if not own and out["content"] is None and not (saying.calls or "function_call" in out or "refusal" in out):
        out["content"] = ""  # null is taken beside calls only
    _say_thought(out, saying.thoughts, marks, own=own)
    if saying.calls:
        out["tool_calls"] = saying.calls
    if saying.images:
        out["images"] = saying.images
    return out


def _say_content(out: Obj, content: list[Json], texts: list[str], form: str, *, own: bool) -> None:
    if not own:
        out["content"] = "".join(texts) if texts else None
    elif form == "text":
        out["content"] = "".join(texts)
    elif form == "null":
        out["content"] = None
    elif form != "none":
        out["content"] = content


def _say_thought(out: Obj, thoughts: list[Part], marks: Rest, *, own: bool) -> None:
    if not thoughts:
        return
    names = [name for name in THOUGHTS if "\0=" + name in marks]
    details = "\0=reasoning_details" in marks
    if not own:
        names = ["reasoning_content"]
        some = [p for p in thoughts if isinstance(p, Reasoning)]
        details = len(some) > 1 or any(p.signature or p.sealed or p.summary or p.id for p in some)
    thought = thought_of(thoughts)
    for name in names:
        if thought:
            out[name] = thought
    if details:
        out["reasoning_details"] = _details(thoughts, own=own)


def _details(thoughts: list[Part], *, own: bool) -> list[Json]:
    out: list[Json] = []
    for part in thoughts:
        if isinstance(part, Kept):
            out.append(part.value)
        elif isinstance(part, Reasoning) and own:
            if not spelled(part.rest, "plain"):
                out.append(lay(say_detail(part), part.rest))
        elif isinstance(part, Reasoning):
            if part.sealed and part.text:  # this dialect says them one after the other
                out.append(say_detail(msgspec.structs.replace(part, sealed="")))
            out.append(say_detail(part))
    return out
