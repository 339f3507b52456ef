"""What must survive a translation, as plain comparable values: text, tools, images, usage, ending - not how it was framed."""

from __future__ import annotations

import json
from collections.abc import Iterable

from poise.wire.conversation.answer import Answer
from poise.wire.conversation.ask import Ask, Tool
from poise.wire.conversation.part import Media, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult

Row = tuple[object, ...]


def of_ask(ask: Ask) -> list[Row]:
    """The conversation turn by turn, then tools, choice and form. Neighbouring texts of one role are one text."""
    rows = _joined(row for message in ask.messages for row in _of_message(message))
    rows += [
        ("tool", t.name, t.description, _json(t.parameters)) for t in ask.tools if isinstance(t, Tool) and not t.free
    ]
    if ask.tool_choice is not None:
        rows.append(("choice", ask.tool_choice.mode, tuple(sorted(ask.tool_choice.names))))
    if ask.output is not None and ask.output.kind != "text":
        rows.append(("output", ask.output.kind, _json(ask.output.schema)))
    return rows


def of_answer(answer: Answer) -> list[Row]:
    """Each choice's parts and ending, then the usage: prompt, completion, and of these cached, written to the cache, thought."""
    rows: list[Row] = []
    for number, choice in enumerate(answer.choices):
        rows += _joined((number, *row) for part in choice.parts for row in _of_part("assistant", part))
        rows.append((number, "ending", choice.ending))
    if answer.usage is not None:
        usage = answer.usage
        rows.append(("usage", usage.prompt, usage.completion, usage.cached, usage.cache_written, usage.reasoning))
    return rows


def _of_message(message: Message) -> Iterable[Row]:
    role = "system" if message.role == "developer" else message.role
    for part in message.parts:
        yield from _of_part(role, part)


def _of_part(role: str, part: Part) -> Iterable[Row]:
    if isinstance(part, Text):
        if part.text:
            yield (role, "text", part.text)
    elif isinstance(part, Media):
        yield (role, part.kind, part.data or part.url or part.file_id)
    elif isinstance(part, ToolCall):
        yield (role, "call", part.name, part.id, part.arguments if part.free else _arguments(part.arguments))
    elif isinstance(part, ToolResult):
        inner = tuple(row for piece in part.parts for row in _of_part("tool", piece))
        yield (role, "result", part.call_id, tuple(_joined(inner)))
    elif isinstance(part, Refusal):
        yield (role, "refusal", part.text)
    elif isinstance(part, Reasoning) and part.text:
        yield (role, "thought", part.text)


def _joined(rows: Iterable[Row]) -> list[Row]:
    """Texts that follow each other are one: where one dialect splits, another joins."""
    out: list[Row] = []
    for row in rows:
        if out and row[-2:-1] == ("text",) and out[-1][:-1] == row[:-1]:
            out[-1] = (*row[:-1], f"{out[-1][-1]}{row[-1]}")
        else:
            out.append(row)
    return out


def _arguments(text: str) -> str:
    try:
        return _json(json.loads(text or "{}"))
    except ValueError:
        return text


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)
