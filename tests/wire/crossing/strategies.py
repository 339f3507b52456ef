"""Made-up asks, answers and event lists for hypothesis, in what all dialects share; each dialect asks for more by name.

An ask's conversation is one that a vendor would take: system text first, each tool call answered before the next turn.
An answer says its parts in the order that every dialect can say: thought, text, refusal, calls (docs/dialects.md, 7).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from hypothesis import strategies as st

from poise.wire.conversation.answer import Answer, Choice, Ending, Usage
from poise.wire.conversation.ask import Ask, HostedTool, OutputForm, Thinking, Tool, ToolChoice
from poise.wire.conversation.event import Close, Counted, Done, End, Event, Grow, Open, Seal, Start
from poise.wire.conversation.part import (
    Json,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)

# What has been taken for framing, or has broken a parser, somewhere.
AWKWARD = (
    "\n\ndata: ",
    "data: [DONE]\n\n",
    "[DONE]",
    "\r",
    "\r\n\r\n",
    "event: error\ndata: {}",
    "\x00",
    "\x1f",
    "\x7f",
    "\u0085",
    "\u2028",
    "\ufeff",
    "\\ud800",
    "\\u0000",
    '"',
    "\\",
    '","finish_reason":"stop"',
    '{"error":{"message":"no"}}',
    '{"usage":{"prompt_tokens":1}}',
    "</think>",
    "é",
    "漢字",
    "👩‍👩‍👧",
    "\U0010ffff",
    "e\u0301",
)

letters = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
words = st.lists(letters | st.sampled_from(AWKWARD), min_size=1, max_size=5).map("".join)
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,20}", fullmatch=True)
ids = st.from_regex(r"call_[a-zA-Z0-9]{4,12}", fullmatch=True)
base64 = st.sampled_from(["aGk=", "R0lGODlhAQABAAAAACw=", "iVBORw0KGgo="])
signatures = st.from_regex(r"[A-Za-z0-9+/]{4,20}={0,2}", fullmatch=True)

json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6).filter(bool) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(letters, json_values, max_size=3).map(lambda value: json.dumps(value, ensure_ascii=False))
schemas: st.SearchStrategy[Json] = st.dictionaries(names, st.sampled_from(["string", "integer", "boolean"])).map(
    lambda fields: {"type": "object", "properties": {name: {"type": kind} for name, kind in fields.items()}}
)
texts = st.builds(Text, text=words)
images = st.builds(
    Media, kind=st.just("image"), media_type=st.sampled_from(["image/png", "image/jpeg"]), data=base64
) | st.builds(
    Media, kind=st.just("image"), url=st.sampled_from(["https://example.com/a.png", "http://x.org/b.jpg?c=1"])
)
tools = st.builds(Tool, name=names, description=st.just("") | words, parameters=schemas)
hosted_tools = st.builds(HostedTool, what=names, value=st.dictionaries(names, words, min_size=1))


@st.composite
def calls(draw: st.DrawFn, *, max_size: int = 3) -> list[ToolCall]:
    """Tool calls of one turn, each with an id of its own."""
    some = draw(st.lists(ids, unique=True, max_size=max_size))
    return [ToolCall(name=draw(names), arguments=draw(arguments), id=one) for one in some]


@st.composite
def turns(draw: st.DrawFn, *, media: bool = True, result_media: bool = False, number: int = 0) -> list[Message]:
    """A user's message, the model's reply to it, and the results of what it called."""
    user: list[Part] = draw(st.lists(texts | images if media else texts, min_size=1, max_size=3))
    called = draw(calls(max_size=2))
    for call in called:
        call.id += f"t{number}"  # ids are unique within a conversation
    said: list[Part] = [*draw(st.lists(texts, min_size=0 if called else 1, max_size=1)), *called]
    out = [Message(role="user", parts=user), Message(role="assistant", parts=said)]
    for call in called:
        result: list[Part] = draw(st.lists(texts | images if result_media else texts, min_size=1, max_size=2))
        out.append(Message(role="tool", parts=[ToolResult(parts=result, call_id=call.id, name=call.name)]))
    return out


@st.composite
def asks(
    draw: st.DrawFn,
    spoken: str,
    *,
    media: bool = True,
    result_media: bool = False,
    system: tuple[Role, ...] = ("system",),
    stream: bool | None = None,
) -> Ask:
    """An ask of what all dialects know. result_media: images in tool results; system: roles of the leading messages."""
    messages = [
        Message(role=role, parts=list(draw(st.lists(texts, min_size=1, max_size=2))))
        for role in draw(st.lists(st.sampled_from(system), max_size=1))
    ]
    for number in range(draw(st.integers(0, 3))):
        messages += draw(turns(media=media, result_media=result_media, number=number))
    messages.append(Message(role="user", parts=[draw(texts)]))
    some = draw(st.lists(tools, max_size=3, unique_by=lambda tool: tool.name))
    return Ask(
        spoken=spoken,
        model=draw(names),
        messages=messages,
        tools=list(some),
        tool_choice=draw(st.none() | choices_of([tool.name for tool in some])) if some else None,
        max_output=draw(st.none() | st.integers(1, 100_000)),
        temperature=draw(st.none() | st.sampled_from([0.0, 0.25, 1.0])),
        top_p=draw(st.none() | st.sampled_from([0.5, 1.0])),
        stop=draw(st.lists(st.sampled_from(["END", "\n\n", "###"]), unique=True, max_size=2)),
        output=draw(st.none() | st.builds(OutputForm, kind=st.just("schema"), name=names, schema=schemas)),
        thinking=draw(st.none() | st.builds(Thinking, effort=st.sampled_from(["low", "medium", "high"]))),
        stream=draw(st.booleans()) if stream is None else stream,
    )


def choices_of(known: list[str]) -> st.SearchStrategy[ToolChoice]:
    """A choice among the tools of these names."""
    modes = st.builds(ToolChoice, mode=st.sampled_from(["auto", "none", "any"]))
    return modes | st.builds(ToolChoice, mode=st.just("one"), names=st.sampled_from(known).map(lambda name: [name]))


@st.composite
def usages(draw: st.DrawFn, *, more: tuple[str, ...] = ("cached", "reasoning")) -> Usage:
    """What was counted. more: the buckets beside input and output that the dialect knows."""
    usage = Usage(input=draw(st.integers(0, 10**6)), output=draw(st.integers(0, 10**6)))
    for bucket in more:
        setattr(usage, bucket, draw(st.just(0) | st.integers(1, 10**5)))
    return usage


@st.composite
def answers(
    draw: st.DrawFn,
    spoken: str,
    *,
    thought: bool = True,
    signed: bool = False,
    refusal: bool = False,
    endings: tuple[Ending, ...] = (Ending.STOP, Ending.LENGTH),
    buckets: tuple[str, ...] = ("cached", "reasoning"),
    count: int = 1,
) -> Answer:
    """A whole answer. endings are those without calls; with calls it is TOOL_CALLS. count: how many choices at most."""
    choices = []
    for _ in range(draw(st.integers(1, count))):
        parts: list[Part] = []
        if thought and draw(st.booleans()):
            parts.append(Reasoning(text=draw(words), signature=draw(signatures) if signed else ""))
        parts += draw(st.lists(texts, max_size=1))
        if refusal and draw(st.booleans()):
            parts.append(Refusal(text=draw(words)))
        called = draw(calls())
        ending = Ending.TOOL_CALLS if called else draw(st.sampled_from(endings))
        choices.append(Choice(parts=[*parts, *called], ending=ending))
    return Answer(
        spoken=spoken,
        choices=choices,
        id=draw(names),
        model=draw(names),
        created=draw(st.integers(0, 2**31)),
        usage=draw(st.none() | usages(more=buckets)),
    )


@st.composite
def event_lists(draw: st.DrawFn, answers: st.SearchStrategy[Answer], *, parallel: bool = False) -> list[Event]:
    """The events of a stream that says one of the answers, its texts cut anywhere. parallel: calls grow side by side.

    ``poise.wire.conversation.assemble`` gives the answer back: there is nothing in it that the events do not say.
    """
    answer = draw(answers)
    events: list[Event] = [Start(answer.id, answer.model, answer.created)]
    for number, choice in enumerate(answer.choices):
        lines = [list(_events_of(draw, part, index, number)) for index, part in enumerate(choice.parts)]
        beside = [line for line, part in zip(lines, choice.parts, strict=True) if isinstance(part, ToolCall)]
        if parallel and len(beside) > 1:
            lines = [line for line in lines if line not in beside]
            lines.append([line.pop(0) for line in beside])  # opened in order, then growing as it comes
            while any(beside):
                lines.append([draw(st.sampled_from([line for line in beside if line])).pop(0)])
        events += [event for line in lines for event in line]
        events.append(End(choice.ending, choice.said, choice.stopped_by, number))
    if answer.usage is not None:
        events.append(Counted(answer.usage))
    return [*events, Done()]


def _events_of(draw: st.DrawFn, part: Part, index: int, choice: int) -> Iterator[Event]:
    if isinstance(part, ToolCall):
        yield Open(index, ToolCall(name=part.name, arguments="", id=part.id, free=part.free), choice)
        text = part.arguments
    elif isinstance(part, Text | Refusal):
        yield Open(index, type(part)(text=""), choice)
        text = part.text
    elif isinstance(part, Reasoning):
        yield Open(index, Reasoning(id=part.id, summary=part.summary), choice)
        text = part.text
    else:
        yield Open(index, part, choice)
        text = ""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        if start < end:
            yield Grow(index, text[start:end], choice)
    if isinstance(part, Reasoning) and (part.signature or part.sealed):
        yield Seal(index, part.signature, part.sealed, choice)
    yield Close(index, choice)
