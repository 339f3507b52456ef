"""An ask of another dialect, made into one that can be said in Anthropic's; what cannot be is noted.

The result is spoken as Anthropic's own: nothing of another dialect's ``rest`` is left in it.
"""

from __future__ import annotations

import msgspec

from poise.wire.anthropic.ask_read import TEXT
from poise.wire.anthropic.ask_thought import thought_of
from poise.wire.anthropic.rest import CONTENT_TEXT, NAME, SOURCE_TEXT, note
from poise.wire.conversation.ask import Ask, OutputForm, ToolChoice
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
from poise.wire.conversation.part import Media, Message, Part, Reasoning, Text, ToolResult

_LACKS = ("seed", "presence_penalty", "frequency_penalty")


def adapted(ask: Ask, lost: Lost, manner: Manner) -> Ask:
    """The same ask in what this dialect has; ask is not changed."""
    around_lost(ask, lost)
    out = Ask(spoken=NAME, messages=_Turns(lost, plain_id).all(ask.messages), model=ask.model, stream=ask.stream)
    out.tools = functions_of(ask, lost)
    out.tool_choice = _choice(ask, lost, some=bool(out.tools))
    if out.tool_choice is not None and out.tool_choice.mode != "none":
        out.parallel_tools = ask.parallel_tools
    out.user, out.top_k = ask.user, ask.top_k
    sampling(ask, out, lost, lacks=_LACKS, claude=True)
    out.max_output = ask.max_output if ask.max_output is not None else manner.max_output
    out.output = _form(ask.output, lost, manner)
    thought_of(ask, out, lost, manner)
    return out


class _Turns(Turns):
    """Results of tools, and what the user says right after them, are one turn; contents of one text are bare."""

    def all(self, messages: list[Message]) -> list[Message]:
        """All messages, system text first."""
        system, turns = self.gathered(messages)
        if not system:
            return turns
        return [Message(role="system", parts=system, form=TEXT if len(system) == 1 else ""), *turns]

    def _turn(self, message: Message, parts: list[Part], before: str) -> Message:
        role = message.role
        if before == "tool" and role in {"tool", "user"}:
            return Message(role=role, parts=parts, form=MORE)
        bare = role != "tool" and len(parts) == 1 and isinstance(parts[0], Text)
        return Message(role=role, parts=parts, form=TEXT if bare else "")

    def _says(self, text: str) -> bool:
        return bool(text)

    def _thought(self, part: Reasoning, here: str) -> list[Part]:
        if not part.signature and not part.sealed:
            if part.text:
                self._lost.add(here, "thought without the seal of the provider that made it is refused there")
            return []
        if part.sealed and part.text and not part.signature:  # a summary beside thought that is sealed
            self._lost.add(here, "the summary of sealed thought has no counterpart there")
            return [Reasoning(sealed=part.sealed)]
        return [Reasoning(text=part.text, signature=part.signature, sealed=part.sealed)]

    def _media(self, part: Media, here: str) -> list[Part]:
        """Documents are PDF or plain text there, and text of any kind is plain text."""
        if part.file_id:
            self._lost.add(here, f"the file {part.file_id[:64]} lives at another provider")
            return []
        out = msgspec.structs.replace(part, rest={}, detail="")
        if part.kind == "file" and part.data and part.media_type.startswith("text/"):
            note(out.rest, SOURCE_TEXT)
        return [out]

    def _result(self, part: ToolResult, here: str) -> ToolResult:
        result = super()._result(part, here)
        if len(result.parts) == 1 and isinstance(result.parts[0], Text):
            note(result.rest, CONTENT_TEXT)
        return result


def _choice(ask: Ask, lost: Lost, *, some: bool) -> ToolChoice | None:
    choice = ask.tool_choice
    if not some:  # a choice among no tools is refused there
        return None
    if choice is None:
        return ToolChoice(mode="auto") if ask.parallel_tools is not None else None
    lost.rest("tool_choice", choice.rest, HARMLESS)
    if choice.names and choice.mode != "one":
        lost.add("tool_choice", "the choice cannot be limited to some of the tools there")
    return ToolChoice(mode=choice.mode, names=choice.names[:1] if choice.mode == "one" else [])


def _form(form: OutputForm | None, lost: Lost, manner: Manner) -> OutputForm | None:
    said = schema_form(form, lost, manner)
    if said is None:
        return None
    if said.description:
        lost.add("response_format.description", "has no counterpart there")
    return OutputForm(kind="schema", schema=said.schema)
