"""An Ask written as a request's body."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.ask import Ask
from poise.wire.conversation.codec import Manner
from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import FORMAL, Json, Message, Text
from poise.wire.responses.ask_read import INPUT, INSTRUCTIONS
from poise.wire.responses.items_write import ItemWriter
from poise.wire.responses.shell import NAME, Object, encode, seen, shell_of
from poise.wire.responses.tools import write_choice, write_form, write_thinking, write_tools

# The name in ``Manner.lacks`` of servers that do not take another dialect's thoughts back.
THOUGHTS: Final = "reasoning_items"
_SIBLING: Final = "openai"  # OpenAI's other dialect: what lives at OpenAI is the same
_OURS: Final = ("store", "include")  # added for callers of other dialects, who lose nothing with them
# What the model can say and this dialect has no field for; count is one where it says nothing.
_UNKNOWN: Final = ("top_k", "stop", "seed", "presence_penalty", "frequency_penalty")


def write_ask(ask: Ask, lost: Lost, manner: Manner) -> bytes:
    """The body. What is not carried is noted."""
    own = ask.spoken == NAME
    body = settings(ask, lost, own=own, schema=manner.schema)
    if manner.limit_field and "max_output_tokens" in body:
        body[manner.limit_field] = body.pop("max_output_tokens")
    messages, said = _instructions(ask, own=own)
    if said is not None:
        body["instructions"] = said
    if own and ask.rest:
        overlay(body, ask)
    if not (own and _bare(ask)):
        body["input"] = _input(ask, messages, lost, manner)
    if ask.stream:
        body["stream"] = True
    if not own:
        _unsaid(body, ask)
    for name in manner.lacks:
        if name in body:
            del body[name]
            if own or name not in _OURS:
                lost.add(name, "is refused there")
    body.update(manner.adds)
    return encode(body)


def settings(ask: Ask, lost: Lost, *, own: bool, schema: bool = True) -> Object:
    """The body without its conversation: also what an answer echoes."""
    body: Object = {"model": ask.model} if ask.model else {}
    if ask.tools and (tools := write_tools(ask, lost, own=own)):
        body["tools"] = tools
    if ask.tool_choice is not None:
        body["tool_choice"] = write_choice(ask.tool_choice, ask, lost, own=own)
    if ask.output is not None:
        body["text"] = {"format": write_form(ask.output, lost, own=own, schema=schema)}
    if ask.thinking is not None:
        body["reasoning"] = write_thinking(ask.thinking, lost, own=own)
    values: list[tuple[str, Json]] = [
        ("parallel_tool_calls", ask.parallel_tools),
        ("max_output_tokens", ask.max_output),
        ("temperature", ask.temperature),
        ("top_p", ask.top_p),
        ("user", ask.user or None),
    ]
    body.update({name: value for name, value in values if value is not None})
    for name in _UNKNOWN:
        if getattr(ask, name) not in (None, []):
            lost.add(name, "has no counterpart there")
    if ask.count is not None and ask.count > 1:
        lost.add("count", f"{ask.count} answers were asked for, one is given there")
    if not own:
        lost.rest("", ask.rest)
        for pin in ask.pins:  # what a provider holds; of other dialects some stand in the rest, and are noted there
            if pin.what == "cachedContent" and pin.what not in ask.rest:
                lost.add(pin.what, "is at another provider")
    return body


def overlay(body: Object, ask: Ask) -> None:
    """Lay over a body what its own dialect said beside what the model holds."""
    for name, value in seen(ask.rest).items():
        text = body.get(name)
        if name == "text" and isinstance(text, dict) and isinstance(value, dict):
            text.update(value)
        else:
            body[name] = value
    body.update(shell_of(ask.rest, "fields") or {})


def _instructions(ask: Ask, *, own: bool) -> tuple[list[Message], str | None]:
    """The messages without the one that is the field ``instructions``, and what that says.

    Of another dialect it is the first, where it is a system text alone; what follows it stays where it stands.
    """
    first = ask.messages[0] if ask.messages else None
    if first is None or len(first.parts) != 1 or first.role not in ("system", "developer"):
        return ask.messages, None
    text = first.parts[0]
    if not isinstance(text, Text) or not text.text:
        return ask.messages, None
    if first.form == INSTRUCTIONS if own else not text.rest:
        return ask.messages[1:], text.text
    return ask.messages, None


def _input(ask: Ask, messages: list[Message], lost: Lost, manner: Manner) -> Json:
    own, skipped = ask.spoken == NAME, len(ask.messages) - len(messages)
    if own and len(messages) == 1 and messages[0].form == INPUT:
        text = messages[0].parts[0]
        if isinstance(text, Text):
            return text.text
    thoughts = THOUGHTS not in manner.lacks
    writer = ItemWriter(lost, own=own, thoughts=thoughts, files=own or ask.spoken == _SIBLING)
    for number, message in enumerate(messages):
        where = f"messages[{number + skipped}]"
        role = message.role
        if role == "system" and manner.developer:
            role = "developer"
        writer.parts(role, message.parts, where)
        if message.name and not own:
            lost.add(f"{where}.name", "has no counterpart there")
        if not own:
            lost.rest(where, message.rest)
    return writer.items


def _bare(ask: Ask) -> bool:
    formal = ask.rest.get(FORMAL)
    return isinstance(formal, dict) and formal.get("bare") is True and len(ask.messages) <= 1


def _unsaid(body: Object, ask: Ask) -> None:
    """What a caller of another dialect never asked for is not done: nothing is stored, and sealed thought comes along."""
    body["store"] = False
    if ask.thinking is not None and not ask.thinking.off:
        body["include"] = ["reasoning.encrypted_content"]
