"""Whole answers in dialects of content blocks (Anthropic's messages, Bedrock's Converse): what has a block, what is lost."""

from __future__ import annotations

from collections.abc import Callable, Container

import msgspec

from poise.wire.conversation.answer import Answer, Choice, Ending
from poise.wire.conversation.arguments import is_object
from poise.wire.conversation.call_ids import CallIds
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Part, Text, ToolCall

HELD = "is no JSON object and is given as one that holds it under input"


def sayable(parts: list[Part], ids: CallIds, has_block: Callable[[Part], bool]) -> list[Part]:
    """What has a block there. Calls without an id get one: a client must name the call that a result answers."""
    found: list[Part] = []
    for part in parts:
        if isinstance(part, ToolCall):
            id = ids.of_call(part)
            found.append(part if part.id else msgspec.structs.replace(part, id=id))
        elif has_block(part) and not (isinstance(part, Text) and not part.text):
            found.append(part)
    return found


def losses(
    answer: Answer, choice: Choice, lost: Lost, exact: Container[Ending], part_lost: Callable[[Part, str, Lost], None]
) -> None:
    """Note what of another dialect's answer is not said. exact: endings that have a word; part_lost: of one part."""
    lost.rest("", answer.rest)
    lost.rest("choices[0]", choice.rest)
    for number in range(1, len(answer.choices)):
        lost.add(f"choices[{number}]", "there is room for one answer only")
    if answer.usage is not None:
        lost.rest("usage", answer.usage.rest)
    ending_lost(choice.ending, lost, exact)
    for at, part in enumerate(choice.parts):
        where = f"choices[0].parts[{at}]"
        part_lost(part, where, lost)
        if isinstance(part, ToolCall) and not part.free and not is_object(part):  # free ones: part_lost
            lost.add(f"{where}.arguments", HELD)


def ending_lost(ending: Ending, lost: Lost, exact: Container[Ending]) -> None:
    """Note an ending for which there is no word."""
    if ending not in exact:
        lost.add("choices[0].finish_reason", f"{ending.value} has no counterpart there")
