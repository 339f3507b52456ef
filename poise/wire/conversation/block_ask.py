"""An ask of another dialect, made into one for a dialect of content blocks (Anthropic's messages, Bedrock's Converse).

What both want alike stands here: system text first, ids of calls in few characters, arguments that are objects, functions
only, a temperature of at most 1. What cannot be said is noted.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

import msgspec

from poise.wire.conversation.arguments import arguments_of, is_object
from poise.wire.conversation.ask import Ask, HostedTool, OutputForm, Tool
from poise.wire.conversation.call_ids import CallIds
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import (
    Json,
    Kept,
    Media,
    MediaKind,
    Message,
    Part,
    Reasoning,
    Refusal,
    Rest,
    Role,
    Text,
    ToolCall,
    ToolResult,
)

MORE: Final = "more"  # form of a message that stood in the same turn as the one before it
HARMLESS: Final = frozenset(
    {
        "stream",  # whether it streams is written as it is asked
        "stream_options",  # usage is always told in these dialects' streams
        "type",  # a formality: what a thing is follows from where it stands
        "object",  # a formality
        "status",  # whether an earlier item was complete changes nothing in what is asked
        "prompt_cache_key",  # a hint that changes the cost only
        "id",  # an item's name at another vendor
    }
)
_ELSEWHERE: Final = frozenset({"previous_response_id", "conversation", "cachedContent", "prompt"})
_BAD_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
_FREE_SCHEMA: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}
_encode: Final = msgspec.json.Encoder().encode


def plain_id(id: str) -> str:
    """A call's id in the characters that are taken."""
    return _BAD_ID.sub("_", id)


class Turns(ABC):
    """Messages, one after the other: tool calls get their ids, system text is gathered. A dialect adds what is its own."""

    KINDS: frozenset[MediaKind] = frozenset({"image", "file"})  # what can be said by a user, or stand in a result

    def __init__(self, lost: Lost, shape: Callable[[str], str]) -> None:
        self._lost = lost
        self._ids = CallIds(shape)

    def gathered(self, messages: list[Message]) -> tuple[list[Part], list[Message]]:
        """System text, and the turns."""
        system: list[Part] = []
        turns: list[Message] = []
        for number, message in enumerate(messages):
            where = f"messages[{number}]"
            self._lost.rest(where, message.rest, HARMLESS)
            if message.name:
                self._lost.add(f"{where}.name", "a speaker's name has no counterpart there")
            parts = [one for at, part in enumerate(message.parts) for one in self._part(part, message, where, at)]
            if message.role in {"system", "developer"}:
                if turns and parts:
                    self._lost.add(where, "system text amid the conversation is moved to its beginning")
                system += parts
            elif parts:
                turns.append(self._turn(message, parts, turns[-1].role if turns else ""))
        return system, turns

    @abstractmethod
    def _turn(self, message: Message, parts: list[Part], before: str) -> Message:
        """The message with what is left of it; before is the role of the turn before, '' where it is the first."""

    @abstractmethod
    def _says(self, text: str) -> bool:
        """Whether the dialect takes it as a text."""

    @abstractmethod
    def _thought(self, part: Reasoning, here: str) -> list[Part]:
        """A thought, as far as the dialect has one."""

    @abstractmethod
    def _media(self, part: Media, here: str) -> list[Part]:
        """A picture, sound or file, as far as the dialect takes it."""

    def _part(self, part: Part, message: Message, where: str, at: int) -> list[Part]:
        here = f"{where}.content[{at}]"
        if not isinstance(part, Kept):
            self._lost.rest(here, part.rest, HARMLESS)
        if isinstance(part, Text):
            return self._text(part, here)
        if isinstance(part, Refusal):
            self._lost.add(here, "a refusal is said as plain text there")
            return [Text(text=part.text)] if self._says(part.text) else []
        if isinstance(part, ToolCall) and message.role == "assistant":
            return [self._call(part, here)]
        if isinstance(part, ToolResult) and message.role == "tool":
            return [self._result(part, here)]
        if isinstance(part, Reasoning) and message.role == "assistant":
            return self._thought(part, here)
        if isinstance(part, Media) and part.kind in self.KINDS and message.role in {"user", "tool"}:
            if part.detail not in {"", "auto"}:
                self._lost.add(f"{here}.detail", "the resolution of an image cannot be chosen there")
            return self._media(part, here)
        kind = part.what if isinstance(part, Kept) else part.kind if isinstance(part, Media) else type(part).__name__
        self._lost.add(here, f"{kind} in a message of role {message.role} has no counterpart there")
        return []

    def _text(self, part: Text, here: str) -> list[Part]:
        if part.citations:
            self._lost.add(f"{here}.annotations", "sources of an earlier answer have no counterpart there")
        if part.signature:
            self._lost.add(here, "a seal means nothing to another provider")
        if self._says(part.text):
            return [Text(text=part.text)]
        if part.text:
            self._lost.add(here, "a text of white space alone is refused there")
        return []  # an empty text is refused too, and says nothing

    def _call(self, part: ToolCall, here: str) -> Part:
        id = self._ids.of_call(part)
        if part.signature:
            self._lost.add(here, "a seal means nothing to another provider")
        if is_object(part):
            return ToolCall(name=part.name, arguments=part.arguments, id=id)
        self._lost.add(f"{here}.arguments", "is no JSON object and is sent as one that holds it under input")
        held = {"input": part.arguments} if part.arguments else arguments_of(part)
        return ToolCall(name=part.name, arguments=_encode(held).decode(), id=id)

    def _result(self, part: ToolResult, here: str) -> ToolResult:
        id = self._ids.of_result(part)
        inner = Message(role="tool", parts=part.parts)
        parts = [one for at, piece in enumerate(part.parts) for one in self._part(piece, inner, here, at)]
        return ToolResult(parts=parts, call_id=id, failed=part.failed)


def around_lost(ask: Ask, lost: Lost) -> None:
    """Note what stands beside the conversation: fields of the ask's own dialect, and what lives at its provider."""
    lost.rest("", ask.rest, HARMLESS)
    for pin in ask.pins:
        if pin.what in _ELSEWHERE and pin.what not in ask.rest:  # what stands in rest has been noted with it
            lost.add(pin.what, "lives at another provider")


def functions_of(ask: Ask, lost: Lost) -> list[Tool | HostedTool]:
    """The tools that a client runs, as functions of one object."""
    found: list[Tool | HostedTool] = []
    for at, tool in enumerate(ask.tools):
        where = f"tools[{at}]"
        if isinstance(tool, HostedTool):
            lost.add(where, f"{tool.what} is run by another provider")
            continue
        lost.rest(where, tool.rest, HARMLESS)
        schema = tool.parameters
        if tool.free:
            lost.add(where, "a tool that takes free text is sent as a function of one text, input")
            schema = {**_FREE_SCHEMA}
        elif schema is None or (isinstance(schema, dict) and "type" not in schema):
            schema = {"type": "object", **(schema or {})}  # the type must be said there
        found.append(Tool(name=tool.name, description=tool.description, parameters=schema, strict=tool.strict or None))
    return found


def sampling(ask: Ask, out: Ask, lost: Lost, *, lacks: tuple[str, ...], claude: bool) -> None:
    """Temperature, top_p and stop strings of ask into out; lacks: fields that have no counterpart at all.

    claude: the model takes only one of temperature and top_p, and no stop string of white space.
    """
    for name in lacks:
        if getattr(ask, name):
            lost.add(name, "has no counterpart there")
    if ask.count is not None and ask.count > 1:
        lost.add("n", "one answer is all that can be asked for there")
    out.temperature, out.top_p = ask.temperature, ask.top_p
    if out.temperature is not None and out.temperature > 1:
        out.temperature = 1
        lost.add("temperature", "is at most 1 there")
    if claude and out.temperature is not None and out.top_p is not None:  # current models refuse the two together
        if out.top_p != 1:
            lost.add("top_p", "cannot stand beside temperature there")
        out.top_p = None
    out.stop = [word for word in ask.stop if (word.strip() if claude else word)]
    if len(out.stop) < len(ask.stop):
        lost.add("stop", "a stop string of white space is refused there")


def schema_form(form: OutputForm | None, lost: Lost, manner: Manner) -> OutputForm | None:
    """The form of the answer, where it is a schema that the server understands."""
    if form is None or form.kind == "text":
        return None
    lost.rest("response_format", form.rest, HARMLESS)
    if form.kind == "json" or form.schema is None:
        lost.add("response_format", "JSON without a schema cannot be asked for there")
        return None
    if not manner.schema:
        lost.add("response_format", "structured output is not understood there")
        return None
    return form


def user_turns(parts: list[Part], rest: Rest) -> list[Message]:
    """What was read of a user's turn, cut where results of tools begin and end; rest stands on the first."""
    found: list[Message] = []
    for part in parts:
        role: Role = "tool" if isinstance(part, ToolResult) else "user"
        if found and found[-1].role == role:
            found[-1].parts.append(part)
        else:
            found.append(Message(role=role, parts=[part], form=MORE if found else "", rest={} if found else rest))
    return found or [Message(role="user", parts=[], rest=rest)]
