"""What is asked of a model, in no vendor's words: messages, tools, limits, the form of the answer."""

from __future__ import annotations

from typing import Literal

import msgspec

from poise.wire.conversation.part import Json, Message, Rest

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]


class Tool(msgspec.Struct, kw_only=True):
    """A function that the model may call; parameters is its JSON Schema. free: it takes text, not JSON (a custom tool)."""

    name: str
    description: str = ""
    parameters: Json = None
    strict: bool | None = None
    free: bool = False
    rest: Rest = {}


class HostedTool(msgspec.Struct, kw_only=True):
    """A tool that the provider itself runs (web search, code, ...): kept as it was said, for its own dialect only."""

    what: str
    value: Json


class ToolChoice(msgspec.Struct, kw_only=True):
    """Which tools may or must be called. ``one``: the first of names; ``any``: at least one, of names where given.

    form as in Message.
    """

    mode: Literal["auto", "none", "any", "one"]
    names: list[str] = []
    form: str = ""
    rest: Rest = {}


class OutputForm(msgspec.Struct, kw_only=True):
    """The form the answer must have: text, any JSON, or JSON of a schema."""

    kind: Literal["text", "json", "schema"]
    name: str = ""
    description: str = ""
    schema: Json = None
    strict: bool | None = None
    rest: Rest = {}


class Thinking(msgspec.Struct, kw_only=True):
    """How much the model may think: by effort or by a budget of tokens (-1: as it sees fit); off: not at all.

    shown: whether thoughts come back; None where it is not said.
    """

    off: bool = False
    effort: Effort | None = None
    budget_tokens: int | None = None
    shown: bool | None = None
    rest: Rest = {}


class Pin(msgspec.Struct, kw_only=True, frozen=True):
    """Something that lives at the provider that made it: what it is (``previous_response_id``) and its value."""

    what: str
    value: str


class Ask(msgspec.Struct, kw_only=True):
    """One call for an answer. spoken is the dialect it was read from, and the only one that its ``rest`` means anything to.

    None is "not said" everywhere. system text stands in messages, where it was said. max_output in tokens; stop are
    strings; count is how many answers are wanted; parallel_tools whether calls may come together; prefill: the last message
    is the beginning of the answer, to be gone on with.
    """

    spoken: str
    messages: list[Message]
    model: str = ""
    tools: list[Tool | HostedTool] = []
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    max_output: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] = []
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    count: int | None = None
    output: OutputForm | None = None
    thinking: Thinking | None = None
    stream: bool = False
    user: str = ""
    pins: list[Pin] = []
    rest: Rest = {}
    prefill: bool = False
