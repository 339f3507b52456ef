"""A request for generateContent, written: contents, systemInstruction, and what stands beside them."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json, Message, Text, ToolCall
from poise.wire.gemini import limits, tools
from poise.wire.gemini.ask_read import CACHED, FILE, NAME, SAID
from poise.wire.gemini.forms import Obj, encode, lay
from poise.wire.gemini.parts_write import HARMLESS, PartWriter

# Gemini 3 refuses a turn whose first call has no thought signature. Google names this word for turns that another
# model wrote; it is read as base64 like any other.
UNSIGNED: Final = "skip_thought_signature_validator"


def write(ask: Ask, lost: Lost, manner: Manner) -> bytes:
    """The body of a request that asks the same; what has no counterpart is noted in lost."""
    own = ask.spoken == NAME
    writer = PartWriter(lost, own=own, plain_ids="functionCall.id" not in manner.lacks)
    contents, instruction = _Turns(ask, writer, lost).write()
    root: Obj = {"contents": contents[0] if own and "@single" in ask.rest and len(contents) == 1 else contents}
    if instruction is not None:
        root["systemInstruction"] = instruction
    if (said := tools.write(ask, lost, manner, own=own)) is not None:
        root["tools"] = said
    if ask.tool_choice is not None:
        root["toolConfig"] = {"functionCallingConfig": tools.write_choice(ask.tool_choice, lost, own=own)}
    config = limits.write(ask, lost, manner, own=own)
    if config:
        root["generationConfig"] = config
    _pins(ask, root, lost, own=own)
    if own:
        _own(ask, root)
    else:
        _losses(ask, lost)
    _leave_out(root, config, manner, lost)
    return encode(root)


def _own(ask: Ask, root: Obj) -> None:
    for name in ask.rest:
        if name.startswith("@model "):
            root["model"] = name[len("@model ") :] + ask.model
            break
    lay(root, ask.rest)


def _losses(ask: Ask, lost: Lost) -> None:
    lost.rest("", ask.rest, HARMLESS)
    if ask.parallel_tools is False:
        lost.add("parallel_tools", "calls cannot be kept apart there")
    if ask.user:
        lost.add("user", "has no counterpart there")


def _pins(ask: Ask, root: Obj, lost: Lost, *, own: bool) -> None:
    for pin in ask.pins:
        if own and pin.what == CACHED:
            root[CACHED] = pin.value
        elif not (own and pin.what == FILE):
            lost.add(pin.what, "lives at another provider")


def _leave_out(root: Obj, config: Obj, manner: Manner, lost: Lost) -> None:
    for name in manner.lacks:
        for place in (config, root):
            if name in place and name != "contents":
                del place[name]
                lost.add(name, "is refused there")


class _Turns:
    """Gathers messages into contents and systemInstruction."""

    __slots__ = ("_ask", "_contents", "_lost", "_own", "_sign", "_system", "_writer")

    def __init__(self, ask: Ask, writer: PartWriter, lost: Lost) -> None:
        self._ask = ask
        self._lost = lost
        self._own = writer.own
        self._writer = writer
        self._sign = not writer.own and "gemini-3" in ask.model
        self._system: Json = None
        self._contents: list[Json] = []

    def write(self) -> tuple[list[Json], Json]:
        """Contents and the instruction."""
        leading = True
        before: Message | None = None
        for number, message in enumerate(self._ask.messages):
            where = f"messages[{number}]"
            if message.role in {"system", "developer"} and message.form != "turn":
                if not leading:
                    self._lost.add(where, "system text is said before all turns there")
                self._instruct(message, where)
                continue
            leading = False
            after_tool = before is not None and before.role == "tool" and message.role in {"tool", "user"}
            self._turn(message, where, joined=message.form == "join" if self._own else after_tool)
            before = message
        if not self._contents and not self._own and self._system is not None:
            self._lost.add("messages", "system text alone is no question there: it is sent as the user's")
            self._contents.append(self._more(self._system, []) | {"role": "user"})
            self._system = None
        return self._contents, self._system

    def _instruct(self, message: Message, where: str) -> None:
        parts = self._parts(message, where)
        if self._system is not None:
            self._system = self._more(self._system, parts)
        elif parts or self._own:
            self._system = self._finish({"parts": parts}, message)

    def _turn(self, message: Message, where: str, *, joined: bool) -> None:
        parts = self._parts(message, where)
        if joined and self._contents:
            self._contents[-1] = self._more(self._contents[-1], parts)
        elif parts or self._own:  # a turn without parts is refused
            self._contents.append(self._finish({"parts": parts, "role": SAID[message.role]}, message))

    def _parts(self, message: Message, where: str) -> list[Json]:
        if not self._own:
            self._lost.rest(where, message.rest, HARMLESS)
            if message.name:
                self._lost.add(f"{where}.name", "has no counterpart there")
        parts: list[Json] = []
        unsigned = self._sign
        for number, part in enumerate(message.parts):
            written = self._writer.write(part, f"{where}.content[{number}]")
            if written is None:
                continue
            if unsigned and isinstance(part, ToolCall):
                unsigned = False  # the first call of a turn is looked at, and no other
                written.setdefault("thoughtSignature", UNSIGNED)
            parts.append(written)
        return parts

    @staticmethod
    def _more(content: Json, parts: list[Json]) -> Obj:
        """A turn with more parts in it, whichever way it was written."""
        if not isinstance(content, dict):
            return {"parts": [{"text": content}, *parts]}
        old = content.get("parts")
        content["parts"] = [*(old if isinstance(old, list) else [old] if old else []), *parts]
        return content

    def _finish(self, content: Obj, message: Message) -> Json:
        if not self._own:
            return content
        rest = message.rest
        if message.form == "text" and content["parts"]:
            first = message.parts[0]
            return first.text if isinstance(first, Text) else content
        lay(content, rest)
        if "@one" in rest and isinstance(parts := content["parts"], list) and len(parts) == 1:
            content["parts"] = parts[0]
        return content
