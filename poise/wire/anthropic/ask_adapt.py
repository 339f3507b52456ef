"""An ask of another dialect, made into one that can be said in Anthropic's; what cannot be is noted.

The result is spoken as Anthropic's own: nothing of another dialect's ``rest`` is left in it.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from poise.wire.anthropic.ask_read import MORE, TEXT
from poise.wire.anthropic.ask_thought import thought_of
from poise.wire.anthropic.part_write import arguments_of, is_object
from poise.wire.anthropic.rest import CONTENT_TEXT, NAME, SOURCE_TEXT, encode, note
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

HARMLESS: Final = {
    "stream": "whether it streams is written as it is asked",
    "stream_options": "usage is always told in this dialect's streams",
    "type": "a formality: what a thing is follows from where it stands",
    "object": "a formality",
    "status": "whether an earlier item was complete changes nothing in what is asked",
    "prompt_cache_key": "a hint that changes the cost only",
    "id": "an item's name at another vendor",
}
_HARMLESS = frozenset(HARMLESS)
_ELSEWHERE: Final = frozenset({"previous_response_id", "conversation", "cachedContent", "prompt"})
_BAD_ID = re.compile(r"[^a-zA-Z0-9_-]")
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
    out = Ask(spoken=NAME, messages=_Turns(lost).all(ask.messages), model=ask.model, stream=ask.stream)
    out.tools = _tools(ask, lost)
    out.tool_choice = _choice(ask, lost, some=bool(out.tools))
    if out.tool_choice is not None and out.tool_choice.mode != "none":
        out.parallel_tools = ask.parallel_tools
    out.user, out.top_k = ask.user, ask.top_k
    _numbers(ask, out, lost)
    out.max_output = ask.max_output if ask.max_output is not None else manner.max_output
    out.output = _form(ask.output, lost, manner)
    thought_of(ask, out, lost, manner)
    return out


class _Turns:
    """Messages, one after the other: tool calls get their ids, system text goes to the front."""

    def __init__(self, lost: Lost) -> None:
        self._lost = lost
        self._ids = CallIds(lambda said: _BAD_ID.sub("_", said))

    def all(self, messages: list[Message]) -> list[Message]:
        """All messages, system text first."""
        system: list[Part] = []
        turns: list[Message] = []
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
                turns.append(_turn(message, parts, turns[-1].role if turns else ""))
        if not system:
            return turns
        return [Message(role="system", parts=system, form=TEXT if len(system) == 1 else ""), *turns]

    def _part(self, part: Part, message: Message, where: str, at: int) -> list[Part]:
        here = f"{where}.content[{at}]"
        if not isinstance(part, Kept):
            self._lost.rest(here, part.rest, _HARMLESS)
        if isinstance(part, Text):
            return self._text(part, here)
        if isinstance(part, Refusal):
            self._lost.add(here, "a refusal is said as plain text there")
            return [Text(text=part.text)] if part.text else []
        if isinstance(part, ToolCall) and message.role == "assistant":
            return [self._call(part, here)]
        if isinstance(part, ToolResult) and message.role == "tool":
            return [self._result(part, here)]
        if isinstance(part, Reasoning) and message.role == "assistant":
            return self._thought(part, here)
        if isinstance(part, Media) and part.kind in {"image", "file"} and message.role in {"user", "tool"}:
            if part.detail not in {"", "auto"}:
                self._lost.add(f"{here}.detail", "the resolution of an image cannot be chosen there")
            if part.file_id:
                self._lost.add(here, f"the file {part.file_id[:64]} lives at another provider")
                return []
            return [_medium(part)]
        kind = part.what if isinstance(part, Kept) else part.kind if isinstance(part, Media) else type(part).__name__
        self._lost.add(here, f"{kind} in a message of role {message.role} has no counterpart there")
        return []

    def _text(self, part: Text, here: str) -> list[Part]:
        if part.citations:
            self._lost.add(f"{here}.annotations", "sources of an earlier answer have no counterpart there")
        if part.signature:
            self._lost.add(here, "a seal means nothing to another provider")
        return [Text(text=part.text)] if part.text else []  # an empty text is refused there, and says nothing

    def _thought(self, part: Reasoning, here: str) -> list[Part]:
        if not part.signature and not part.sealed:
            if part.text:
                self._lost.add(here, "thought without the seal of the provider that made it is refused there")
            return []
        if part.sealed and part.text and not part.signature:  # a summary beside thought that is sealed
            self._lost.add(here, "the summary of sealed thought has no counterpart there")
            return [Reasoning(sealed=part.sealed)]
        return [Reasoning(text=part.text, signature=part.signature, sealed=part.sealed)]

    def _call(self, part: ToolCall, here: str) -> Part:
        id = self._ids.of_call(part)
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
        result = ToolResult(parts=parts, call_id=id, failed=part.failed)
        if len(parts) == 1 and isinstance(parts[0], Text):
            note(result.rest, CONTENT_TEXT)
        return result


def _medium(part: Media) -> Media:
    """Documents are PDF or plain text there, and text of any kind is plain text."""
    out = msgspec.structs.replace(part, rest={}, detail="")
    if part.kind == "file" and part.data and part.media_type.startswith("text/"):
        note(out.rest, SOURCE_TEXT)
    return out


def _turn(message: Message, parts: list[Part], before: str) -> Message:
    """Results of tools, and what the user says right after them, are one turn there."""
    role = message.role
    if before == "tool" and role in {"tool", "user"}:
        return Message(role=role, parts=parts, form=MORE)
    bare = role != "tool" and len(parts) == 1 and isinstance(parts[0], Text)
    return Message(role=role, parts=parts, form=TEXT if bare else "")


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


def _choice(ask: Ask, lost: Lost, *, some: bool) -> ToolChoice | None:
    choice = ask.tool_choice
    if not some:  # a choice among no tools is refused there
        return None
    if choice is None:
        return ToolChoice(mode="auto") if ask.parallel_tools is not None else None
    lost.rest("tool_choice", choice.rest, _HARMLESS)
    if choice.names and choice.mode != "one":
        lost.add("tool_choice", "the choice cannot be limited to some of the tools there")
    return ToolChoice(mode=choice.mode, names=choice.names[:1] if choice.mode == "one" else [])


def _numbers(ask: Ask, out: Ask, lost: Lost) -> None:
    for name in ("seed", "presence_penalty", "frequency_penalty"):
        if getattr(ask, name):
            lost.add(name, "has no counterpart there")
    if ask.count is not None and ask.count > 1:
        lost.add("n", "one answer is all that can be asked for there")
    out.temperature, out.top_p = ask.temperature, ask.top_p
    if out.temperature is not None and out.temperature > 1:
        out.temperature = 1
        lost.add("temperature", "is at most 1 there")
    if out.temperature is not None and out.top_p is not None:  # current models refuse the two together
        if out.top_p != 1:
            lost.add("top_p", "cannot stand beside temperature there")
        out.top_p = None
    out.stop = [word for word in ask.stop if word.strip()]
    if len(out.stop) < len(ask.stop):
        lost.add("stop", "a stop string of white space is refused there")


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
    if form.description:
        lost.add("response_format.description", "has no counterpart there")
    return OutputForm(kind="schema", schema=form.schema)
