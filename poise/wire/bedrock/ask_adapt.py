"""An ask of another dialect, made into one that Converse takes; what cannot be said is noted.

What Converse wants and the model in the middle does not: turns that alternate, texts that are not blank, a tool
configuration wherever tools were called before, ids and names of few characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from zlib import crc32

import msgspec

from poise.wire.anthropic.ask_thought import thought_of
from poise.wire.anthropic.rest import note
from poise.wire.bedrock import thinking
from poise.wire.bedrock.formats import format_of
from poise.wire.bedrock.rest import EFFORT_ON_TOP, NAME
from poise.wire.conversation.ask import Ask, Tool, ToolChoice
from poise.wire.conversation.block_ask import (
    HARMLESS,
    MORE,
    Turns,
    around_lost,
    functions_of,
    plain_id,
    sampling,
    schema_form,
)
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Media, Message, Part, Reasoning, ToolCall

MAX_ID_LENGTH: Final = 64  # of a tool call's id: Bedrock refuses longer ones
_LACKS = ("seed", "presence_penalty", "frequency_penalty", "user")
_BAD_NAME = re.compile(r"[^a-zA-Z0-9\-()\[\] ]+")


def adapted(ask: Ask, lost: Lost, manner: Manner) -> Ask:
    """The same ask in what this dialect has; ask is not changed."""
    around_lost(ask, lost)
    turns = _Turns(lost, _id)
    out = Ask(spoken=NAME, messages=turns.all(ask.messages), model=ask.model, stream=ask.stream)
    out.tools = functions_of(ask, lost)
    _choose(ask, out, lost)
    if not out.tools:  # refused without one, where the conversation has calls: they are declared again
        out.tools = [Tool(name=name, parameters={"type": "object"}) for name in turns.called]
    _limits(ask, out, lost)
    _thought(ask, out, lost, manner)
    form = schema_form(ask.output, lost, manner)
    out.output = None if form is None else msgspec.structs.replace(form, rest={})
    return out


class _Turns(Turns):
    """Turns of one role are joined; what is sent as a file has a name of its own."""

    KINDS = frozenset({"image", "file", "audio", "video"})

    def __init__(self, lost: Lost, shape: Callable[[str], str]) -> None:
        super().__init__(lost, shape)
        self.called: dict[str, None] = {}  # names of tools that were called, in order
        self._names: set[str] = set()

    def all(self, messages: list[Message]) -> list[Message]:
        """All messages, system text first."""
        system, turns = self.gathered(messages)
        return [Message(role="system", parts=system), *turns] if system else turns

    def _turn(self, message: Message, parts: list[Part], before: str) -> Message:
        same = bool(before) and (message.role == "assistant") == (before == "assistant")
        return Message(role=message.role, parts=parts, form=MORE if same else "")

    def _says(self, text: str) -> bool:
        return bool(text.strip())

    def _thought(self, part: Reasoning, here: str) -> list[Part]:
        if part.sealed and not part.text and not part.signature:
            return [Reasoning(sealed=part.sealed)]
        if not part.signature:
            if part.text:
                self._lost.add(here, "thought without the seal of the provider that made it is refused there")
            return [Reasoning(sealed=part.sealed)] if part.sealed else []
        return [Reasoning(text=part.text, signature=part.signature, sealed=part.sealed)]

    def _media(self, part: Media, here: str) -> list[Part]:
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
        self.called[part.name] = None
        return super()._call(part, here)


def _id(id: str) -> str:
    plain = plain_id(id)
    return plain if len(plain) <= MAX_ID_LENGTH else f"{plain[:55]}_{crc32(plain.encode()):08x}"


def _choose(ask: Ask, out: Ask, lost: Lost) -> None:
    choice = ask.tool_choice
    if ask.parallel_tools is False and out.tools:
        lost.add("parallel_tool_calls", "calls cannot be kept apart there")
    if choice is None or not out.tools:
        return
    lost.rest("tool_choice", choice.rest, HARMLESS)
    if choice.mode == "none":
        lost.add("tool_choice", "tools that may not be called cannot be named there: they are left out")
        out.tools = []
        return
    if choice.names and choice.mode != "one":
        lost.add("tool_choice", "the choice cannot be limited to some of the tools there")
    out.tool_choice = ToolChoice(mode=choice.mode, names=choice.names[:1] if choice.mode == "one" else [])


def _limits(ask: Ask, out: Ask, lost: Lost) -> None:
    claude = thinking.family_of(ask.model) == "claude"
    sampling(ask, out, lost, lacks=_LACKS, claude=claude)
    out.max_output = ask.max_output
    if ask.top_k is not None:
        if claude:
            out.top_k = ask.top_k
        else:
            lost.add("top_k", "has no counterpart there")


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
