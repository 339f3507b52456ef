"""What differences of the written list do to asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from poise.wire.conversation.ask import Tool, ToolChoice
from poise.wire.conversation.part import Media, MediaKind, Message, Part, Reasoning, Text, ToolCall, ToolResult
from tests.wire.crossing.crossing import Crossing, differ, parts
from tests.wire.crossing.plain import of_ask


def _tools_left(crossing: Crossing) -> list[Tool]:
    return [tool for tool in crossing.ask.tools if isinstance(tool, Tool)]


def drop_choice(crossing: Crossing) -> bool:
    """No tool is left to choose from."""
    if crossing.ask.tool_choice is None or _tools_left(crossing):
        return False
    crossing.ask.tool_choice = None
    return True


def widen_choice(crossing: Crossing) -> bool:
    """Some of the tools become all."""
    choice = crossing.ask.tool_choice
    if choice is None or choice.mode == "one" or not choice.names:
        return False
    choice.names = []
    return True


def add_choice(crossing: Crossing) -> bool:
    """Whether calls may come together is said inside a choice."""
    ask = crossing.ask
    if ask.tool_choice is not None or ask.parallel_tools is None or not _tools_left(crossing):
        return False
    ask.tool_choice = ToolChoice(mode="auto")
    return True


def drop_json(crossing: Crossing) -> bool:
    """JSON by a schema only."""
    form = crossing.ask.output
    if form is None or form.kind == "text" or (form.kind == "schema" and form.schema is not None):
        return False
    crossing.ask.output = None
    return True


def type_schemas(crossing: Crossing) -> bool:
    """The type is said."""
    changed = False
    for tool in _tools_left(crossing):
        if not tool.free and (
            tool.parameters is None or (isinstance(tool.parameters, dict) and "type" not in tool.parameters)
        ):
            tool.parameters = {"type": "object", **(tool.parameters or {})}
            changed = True
    return changed


def object_schemas(crossing: Crossing) -> bool:
    """A schema is an object."""
    some = [
        tool for tool in _tools_left(crossing) if tool.parameters is not None and not isinstance(tool.parameters, dict)
    ]
    for tool in some:
        tool.parameters = {"type": "object"}
    return bool(some)


def function_tools(crossing: Crossing) -> bool:
    """A tool of free text is a function of one text."""
    some = [tool for tool in _tools_left(crossing) if tool.free]
    for tool in some:
        tool.free = False
        tool.parameters = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    return bool(some)


def drop_unsealed(crossing: Crossing) -> bool:
    """Only signed thought is shown again."""

    def change(part: Part) -> list[Part]:
        return [] if isinstance(part, Reasoning) and part.text and not part.signature else [part]

    return parts(crossing, change, roles=("assistant",))


_SENT: Final[dict[str, frozenset[MediaKind]]] = {
    "openai": frozenset({"image", "audio", "file"}),
    "responses": frozenset({"image", "audio", "file"}),
    "anthropic": frozenset({"image", "file"}),
}
_SOUNDS: Final = ("audio/wav", "audio/x-wav", "audio/mpeg", "audio/mp3")
_SIBLINGS: Final = frozenset({"openai", "responses"})


def _drop(crossing: Crossing, refused: Callable[[Media], bool]) -> bool:
    return parts(crossing, lambda part: [] if isinstance(part, Media) and refused(part) else [part])


def drop_files(crossing: Crossing) -> bool:
    """Ids of files are known at one provider; OpenAI has two dialects, and one address for all that lives at Google."""
    siblings = {crossing.value.spoken, crossing.to} == _SIBLINGS

    def refused(part: Media) -> bool:
        if crossing.to == "gemini" and "generativelanguage" in part.file_id:
            return False
        return bool(part.file_id) and not (siblings and (part.kind == "file" or crossing.to == "responses"))

    return _drop(crossing, refused)


def drop_kinds(crossing: Crossing) -> bool:
    """Kinds of media that are not taken at all; sound in responses is WAV or MP3, and its data."""

    def refused(part: Media) -> bool:
        if crossing.to == "responses" and part.kind == "audio" and not part.file_id:
            return not part.data or part.media_type not in _SOUNDS
        return part.kind not in _SENT[crossing.to]

    return _drop(crossing, refused)


def drop_linked(crossing: Crossing) -> bool:
    """Files and sound by URL."""
    return _drop(crossing, lambda part: bool(part.url) and part.kind in ("file", "audio"))


def drop_result_media(crossing: Crossing) -> bool:
    """A result is text."""
    changed = False
    for message in crossing.ask.messages:
        for part in message.parts:
            if isinstance(part, ToolResult):
                kept = [piece for piece in part.parts if isinstance(piece, Text)]
                changed = changed or any(isinstance(piece, Media) for piece in part.parts)
                part.parts = [*kept]
    return changed


def result_order(crossing: Crossing) -> bool:
    """Texts first, as one."""
    changed = False
    for message in crossing.ask.messages:
        for part in message.parts:
            if isinstance(part, ToolResult) and any(isinstance(piece, Media) for piece in part.parts):
                after = sorted(part.parts, key=lambda piece: not isinstance(piece, Text))
                changed = changed or differ(after, part.parts)
                part.parts = after
    return changed


def plain_ids(crossing: Crossing) -> bool:
    """Letters, digits, - and _."""
    changed = False
    for holder in crossing.holders():
        for part in holder.parts:
            if isinstance(part, ToolCall | ToolResult):
                said = part.id if isinstance(part, ToolCall) else part.call_id
                plain = re.sub(r"[^a-zA-Z0-9_-]", "_", said)
                changed = changed or plain != said
                if isinstance(part, ToolCall):
                    part.id = plain
                else:
                    part.call_id = plain
    return changed


def _system(message: Message) -> bool:
    return message.role in ("system", "developer")


def system_first(crossing: Crossing) -> bool:
    """All of it before all turns."""
    messages = crossing.ask.messages
    before = of_ask(crossing.ask)
    crossing.ask.messages = [*filter(_system, messages), *(one for one in messages if not _system(one))]
    return before != of_ask(crossing.ask)


def system_as_user(crossing: Crossing) -> bool:
    """It is the user who says it."""
    messages = [one for one in crossing.ask.messages if any(not isinstance(p, Text) or p.text for p in one.parts)]
    if not messages or not all(_system(message) for message in messages):
        return False
    for message in messages:
        message.role = "user"
    return True
