"""What a model answered, in no vendor's words: parts, how it ended, what it counted."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from poise.wire.conversation.part import Part, Rest


class Ending(StrEnum):
    """How an answer ended. The list is closed; docs/dialects.md says which vendor's word means which."""

    STOP = "stop"  # it said all it wanted to say
    STOP_SEQUENCE = "stop_sequence"  # it wrote one of the caller's stop strings
    LENGTH = "length"  # the output limit, or the context, was full
    TOOL_CALLS = "tool_calls"  # it waits for tools
    REFUSAL = "refusal"  # the model declined
    CONTENT_FILTER = "content_filter"  # the provider's filter stopped it, or blocked the prompt
    PAUSE = "pause"  # the provider asks to be called again to go on
    MALFORMED_CALL = "malformed_call"  # the model wrote a tool call that cannot be read or was not allowed
    CANCELLED = "cancelled"  # the caller stopped it at the provider
    ERROR = "error"  # the provider broke off
    UNFINISHED = "unfinished"  # no ending was said: the answer goes on elsewhere (background), or the stream was cut


class Usage(msgspec.Struct, kw_only=True):
    """Tokens, each counted in one bucket only: their sum is the total, whichever way the vendor nests them.

    input is text that was neither cached nor of another kind; output is visible text and tool calls. cache_write_long is
    what was written to a cache to stay longer than usual, at a price of its own (Anthropic's hour), and not in cache_write.
    sure is False where the vendor's own figures contradict each other, or one of them is no count.
    """

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    image_input: int = 0
    audio_input: int = 0
    output: int = 0
    reasoning: int = 0
    image_output: int = 0
    audio_output: int = 0
    rest: Rest = {}
    cache_write_long: int = 0
    sure: bool = True

    @property
    def prompt(self) -> int:
        """All that was read."""
        return self.input + self.cached + self.cache_written + self.image_input + self.audio_input

    @property
    def cache_written(self) -> int:
        """All that was written to a cache, for however long."""
        return self.cache_write + self.cache_write_long

    @property
    def completion(self) -> int:
        """All that was written, thoughts too."""
        return self.output + self.reasoning + self.image_output + self.audio_output

    @property
    def total(self) -> int:
        """All tokens."""
        return self.prompt + self.completion


def is_count(said: object) -> bool:
    """Whether a vendor's figure is one, or not told: a negative number, a fraction or a text is none."""
    return said is None or (type(said) is int and said >= 0)


class Choice(msgspec.Struct, kw_only=True):
    """One of the answers. said is the vendor's own word for the ending; stopped_by the stop string, where it is told."""

    parts: list[Part]
    ending: Ending = Ending.UNFINISHED
    said: str = ""
    stopped_by: str = ""
    rest: Rest = {}


class Answer(msgspec.Struct, kw_only=True):
    """A whole answer. spoken and rest as in Ask; created is in seconds since 1970, 0 where it is not said."""

    spoken: str
    choices: list[Choice]
    id: str = ""
    model: str = ""
    created: int = 0
    usage: Usage | None = None
    rest: Rest = {}
