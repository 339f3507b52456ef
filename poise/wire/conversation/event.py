"""A streamed answer as events: start, parts that grow, usage, the end. One list of events for every dialect.

A part is opened once, grows by pieces of text, and is closed. index counts the parts of a choice, from 0, in the order
they were opened; more than one may be open at a time (tool calls in parallel).
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from poise.wire.conversation.answer import Ending, Usage
from poise.wire.conversation.part import Citation, Kept, Media, Reasoning, Refusal, Rest, Text, ToolCall, ToolResult


class Start(msgspec.Struct):
    """The answer begins. May come again, with what the first did not say.

    spoken is the dialect it was read from, where that is told: only a writer of the same one may say a ``Kept`` part or
    a ``rest`` again.
    """

    id: str = ""
    model: str = ""
    created: int = 0
    spoken: str = ""


class Open(msgspec.Struct):
    """A part begins, with what is known of it; its text may be empty still."""

    index: int
    part: Text | ToolCall | ToolResult | Reasoning | Refusal | Media | Kept
    choice: int = 0


class Grow(msgspec.Struct):
    """More of an open part: of its text, or of a tool call's arguments."""

    index: int
    text: str
    choice: int = 0


class Cite(msgspec.Struct):
    """A source of an open text."""

    index: int
    citation: Citation
    choice: int = 0


class Seal(msgspec.Struct):
    """A signature for an open part, or sealed thought: whichever is not empty."""

    index: int
    signature: str = ""
    sealed: str = ""
    choice: int = 0


class Close(msgspec.Struct):
    """A part is complete."""

    index: int
    choice: int = 0


class Counted(msgspec.Struct):
    """Usage so far; a later one replaces it."""

    usage: Usage


class End(msgspec.Struct):
    """A choice is complete; said and stopped_by as in Choice."""

    ending: Ending
    said: str = ""
    stopped_by: str = ""
    choice: int = 0
    rest: Rest = {}


class Done(msgspec.Struct):
    """The whole answer is complete by its dialect's own terms: nothing may follow."""


class Fault(msgspec.Struct):
    """The provider broke off with an error inside the stream: its own words and its own name for it."""

    text: str
    code: str = ""
    status: int = 0


Event: TypeAlias = Start | Open | Grow | Cite | Seal | Close | Counted | End | Done | Fault
