"""An ask of another dialect, made into one that Converse takes; what cannot be said is noted.

What Converse wants and the model in the middle does not: turns that alternate, texts that are not blank, a tool
configuration wherever tools were called before, ids and names of few characters.
"""

from __future__ import annotations

import re
from typing import Final
from zlib import crc32

import msgspec

from poise.wire.anthropic.ask_adapt import HARMLESS
from poise.wire.anthropic.ask_thought import thought_of
from poise.wire.anthropic.part_write import arguments_of, is_object
from poise.wire.anthropic.rest import encode, note
from poise.wire.bedrock import thinking
from poise.wire.bedrock.ask_read import MORE
from poise.wire.bedrock.formats import format_of
from poise.wire.bedrock.rest import EFFORT_ON_TOP, NAME
from poise.wire.conversation.ask import Ask, HostedTool, OutputForm, Tool, ToolChoice
from poise.wire.conversation.call_ids import CallIds
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import (
    Json,
    Kept,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)

MAX_ID_LENGTH: Final = 64  # of a tool call's id: Bedrock refuses longer ones
_HARMLESS = frozenset(HARMLESS)
_ELSEWHERE: Final = frozenset({"previous_response_id", "conversation", "cachedContent", "prompt"})
_BAD_ID = re.compile(r"[^a-zA-Z0-9_-]")
_BAD_NAME = re.compile(r"[^a-zA-Z0-9\-()\[\] ]+")
_FREE_SCHEMA: Final[dict[str, Json]] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
}


def adapted(ask: Ask, lost: Lost, manner: Manner) -> Ask:
    """The same ask in what this dialect has; ask is not changed."""
    lost.rest("", ask.rest, _HARMLESS)
    for pin in ask.pins:
        if pin.what in _ELSEWHERE and pin.what not in ask.rest:  # what stands in rest has been noted with it
            lost.add(pin.what, "lives at another provider")
    turns = _Turns(lost)
    out = Ask(spoken=NAME, messages=turns.all(ask.messages), model=ask.model, stream=ask.stream)
    out.tools = _tools(ask, lost)
    _choose(ask, out, lost)
    if not out.tools:  # refused without one, where the conversation has calls: they are declared again
        out.tools = [Tool(name=name, parameters={"type": "object"}) for name in turns.called]
    _limits(ask, out, lost)
    _thought(ask, out, lost, manner)
    out.output = _form(ask.output, lost, manner)
    return out


class _Turns:
    """Messages, one after the other: system text goes to the front, turns of one role are joined, calls get ids."""

    def __init__(self, lost: Lost) -> None:
        self.called: dict[str, None] = {}  # names of tools that were called, in order
        self._lost = lost
        self._ids = CallIds(_id)
        self._names: set[str] = set()

    def all(self, messages: list[Message]) -> list[Message]:
        """All messages, system text first."""
        system: list[Part] = []
        turns: list[Message] = []
        last = ""
        for number, message in enumerate(messages):
            where = f"messages[{number}]"
            self._lost.rest(where, message.rest, _HARMLESS)
            if message.name:
                self._lost.add(f"{where}.name", "a speaker's name has no counterpart there")
            parts = [one for at, part in enumerate(message.parts) for one in self._part(part, message, where, at)]
            if message.role in {"system", "developer"}:
                if turns and parts:
                    self._lost.add(where, "system text amid the conversation is moved to its beginning")
                system += parts
            elif parts:
                role = "assistant" if message.role == "assistant" else "user"
                turns.append(Message(role=message.role, parts=parts, form=MORE if role == last else ""))
                last = role
        return [Message(role="system", parts=system), *turns] if system else turns

    def _part(self, part: Part, message: Message, where: str, at: int) -> list[Part]:
        here = f"{where}.content[{at}]"
        if not isinstance(part, Kept):
            self._lost.rest(here, part.rest, _HARMLESS)
        if isinstance(part, Text):
            return self._text(part, here)
        if isinstance(part, Refusal):
            self._lost.add(here, "a refusal is said as plain text there")
            return [Text(text=part.text)] if part.text.strip() else []
        if isinstance(part, ToolCall) and message.role == "assistant":
            return [self._call(part, here)]
        if isinstance(part, ToolResult) and message.role == "tool":
            return [self._result(part, here)]
        if isinstance(part, Reasoning) and message.role == "assistant":
            return self._thought(part, here)
        if isinstance(part, Media) and message.role in {"user", "tool"}:
            return self._media(part, here)
        kind = part.what if isinstance(part, Kept) else part.kind if isinstance(part, Media) else type(part).__name__
        self._lost.add(here, f"{kind} in a message of role {message.role} has no counterpart there")
        return []

    def _text(self, part: Text, here: str) -> list[Part]:
        if part.citations:
            self._lost.add(f"{here}.annotations", "sources of an earlier answer have no counterpart there")
        if part.signature:
            self._lost.add(here, "a seal means nothing to another provider")
        if part.text.strip():
            return [Text(text=part.text)]
        if part.text:
            self._lost.add(here, "a text of white space alone is refused there")
        return []

    def _thought(self, part: Reasoning, here: str) -> list[Part]:
        if part.sealed and not part.text and not part.signature:
            return [Reasoning(sealed=part.sealed)]
        if not part.signature:
            if part.text:
                self._lost.add(here, "thought without the seal of the provider that made it is refused there")
            return [Reasoning(sealed=part.sealed)] if part.sealed else []
        return [Reasoning(text=part.text, signature=part.signature, sealed=part.sealed)]

    def _media(self, part: Media, here: str) -> list[Part]:
        if part.detail not in {"", "auto"}:
            self._lost.add(f"{here}.detail", "the resolution of an image cannot be chosen there")
        stored = part.file_id or part.url
        if not part.data and not stored.startswith("s3://"):
            self._lost.add(here, "only bytes, or what lies in S3, can be sent there")
            return []
        word = format_of(part.kind, part.media_type, part.data, part.name or stored)
        if not word:
            self._lost.add(here, f"{part.kind} of type {part.media_type or 'unknown'} is not taken there")
            return []
        out = Media(kind=part.kind, media_type=part.media_type, data=part.data, file_id="" if part.data else stored)
        note(out.rest, "format", word)
        if part.kind == "file":
            out.name = self._named(part.name)
        return [out]

    def _named(self, name: str) -> str:
        """A document's name in the characters that are taken there; no two the same."""
        plain = " ".join(_BAD_NAME.sub(" ", name.rpartition(".")[0] or name).split())[:180] or "document"
        tried, number = plain, 1
        while tried in self._names:
            number += 1
            tried = f"{plain} {number}"
        self._names.add(tried)
        return tried

    def _call(self, part: ToolCall, here: str) -> Part:
        id = self._ids.of_call(part)
        self.called[part.name] = None
        if part.signature:
            self._lost.add(here, "a seal means nothing to another provider")
        if is_object(part):
            return ToolCall(name=part.name, arguments=part.arguments, id=id)
        self._lost.add(f"{here}.arguments", "is no JSON object and is sent as one that holds it under input")
        held = {"input": part.arguments} if part.arguments else arguments_of(part)
        return ToolCall(name=part.name, arguments=encode(held).decode(), id=id)

    def _result(self, part: ToolResult, here: str) -> Part:
        id = self._ids.of_result(part)
        inner = Message(role="tool", parts=part.parts)
        parts = [one for at, piece in enumerate(part.parts) for one in self._part(piece, inner, here, at)]
        return ToolResult(parts=parts, call_id=id, failed=part.failed)


def _id(id: str) -> str:
    plain = _BAD_ID.sub("_", id)
    return plain if len(plain) <= MAX_ID_LENGTH else f"{plain[:55]}_{crc32(plain.encode()):08x}"


def _tools(ask: Ask, lost: Lost) -> list[Tool | HostedTool]:
    found: list[Tool | HostedTool] = []
    for at, tool in enumerate(ask.tools):
        where = f"tools[{at}]"
        if isinstance(tool, HostedTool):
            lost.add(where, f"{tool.what} is run by another provider")
            continue
        lost.rest(where, tool.rest, _HARMLESS)
        schema = tool.parameters
        if tool.free:
            lost.add(where, "a tool that takes free text is sent as a function of one text, input")
            schema = {**_FREE_SCHEMA}
        elif schema is None or (isinstance(schema, dict) and "type" not in schema):
            schema = {"type": "object", **(schema or {})}  # the type must be said there
        found.append(Tool(name=tool.name, description=tool.description, parameters=schema, strict=tool.strict or None))
    return found


def _choose(ask: Ask, out: Ask, lost: Lost) -> None:
    choice = ask.tool_choice
    if ask.parallel_tools is False and out.tools:
        lost.add("parallel_tool_calls", "calls cannot be kept apart there")
    if choice is None or not out.tools:
        return
    lost.rest("tool_choice", choice.rest, _HARMLESS)
    if choice.mode == "none":
        lost.add("tool_choice", "tools that may not be called cannot be named there: they are left out")
        out.tools = []
        return
    if choice.names and choice.mode != "one":
        lost.add("tool_choice", "the choice cannot be limited to some of the tools there")
    out.tool_choice = ToolChoice(mode=choice.mode, names=choice.names[:1] if choice.mode == "one" else [])


def _limits(ask: Ask, out: Ask, lost: Lost) -> None:
    for name in ("seed", "presence_penalty", "frequency_penalty", "user"):
        if getattr(ask, name):
            lost.add(name, "has no counterpart there")
    if ask.count is not None and ask.count > 1:
        lost.add("n", "one answer is all that can be asked for there")
    out.max_output, out.temperature, out.top_p = ask.max_output, ask.temperature, ask.top_p
    if out.temperature is not None and out.temperature > 1:
        out.temperature = 1
        lost.add("temperature", "is at most 1 there")
    family = thinking.family_of(ask.model)
    if family == "claude" and out.temperature is not None and out.top_p is not None:  # refused together
        if out.top_p != 1:
            lost.add("top_p", "cannot stand beside temperature there")
        out.top_p = None
    if ask.top_k is not None:
        if family == "claude":
            out.top_k = ask.top_k
        else:
            lost.add("top_k", "has no counterpart there")
    out.stop = (
        [word for word in ask.stop if word.strip()] if family == "claude" else [word for word in ask.stop if word]
    )
    if len(out.stop) < len(ask.stop):
        lost.add("stop", "a stop string of white space is refused there")


def _thought(ask: Ask, out: Ask, lost: Lost, manner: Manner) -> None:
    said = ask.thinking
    if said is None:
        return
    family = thinking.family_of(ask.model)
    if family == "claude":
        thought_of(ask, out, lost, manner)
        if out.thinking is not None and out.thinking.effort is not None:
            note(out.thinking.rest, EFFORT_ON_TOP)
            out.thinking.effort = "low" if out.thinking.effort == "minimal" else out.thinking.effort
        return
    lost.rest("reasoning", said.rest)
    if said.effort is None and said.budget_tokens is None and not said.off:
        return
    out.thinking = None if "thinking" in manner.lacks else thinking.for_family(said, family)
    if out.thinking is None and not said.off:
        lost.add("reasoning", "how to ask this model to think is not known")


def _form(form: OutputForm | None, lost: Lost, manner: Manner) -> OutputForm | None:
    if form is None or form.kind == "text":
        return None
    lost.rest("response_format", form.rest, _HARMLESS)
    if form.kind == "json" or form.schema is None:
        lost.add("response_format", "JSON without a schema cannot be asked for there")
        return None
    if not manner.schema:
        lost.add("response_format", "structured output is not understood there")
        return None
    return msgspec.structs.replace(form, rest={})
