"""What was asked and what is answered, in no vendor's words: emulators of all dialects answer one question alike."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Obj = dict[str, Any]
Ending = Literal["stop", "stop_sequence", "length", "tools", "refusal", "filter"]

MEDIA_TOKENS = 10  # what an image or file counts for; a word counts 1


class Tool(msgspec.Struct, frozen=True):
    """A function that may be called; schema is the JSON Schema of its arguments."""

    name: str
    schema: Obj


class Asked(msgspec.Struct, kw_only=True):
    """A question. last is what the user said last, result what tools answered after it (None: none did).

    words counts all that was said, by anybody; media holds the media type of every image and file; seen those that came
    with the last words. wanted names the tools that choice leaves, all where it is empty; called the tools that the
    conversation called since the user spoke.
    """

    model: str = ""
    stream: bool = False
    last: str = ""
    result: str | None = None
    words: int = 0
    media: list[str] = []
    turns: int = 0
    tools: list[Tool] = []
    choice: Literal["auto", "none", "any"] = "auto"
    wanted: list[str] = []
    parallel: bool = True
    called: list[str] = []
    schema: Obj | None = None
    json: bool = False
    limit: int = 0
    stops: list[str] = []
    thinks: bool = False

    def said(self, text: str, *, by_user: bool = False, more: bool = False) -> None:
        """Count text; the user's is remembered, as one more part of a turn or as the next turn."""
        self.words += len(text.split())
        if by_user:
            self.last = f"{self.last} {text}" if more and self.last else text
            self.result, self.called = None, []

    def answered(self, text: str) -> None:
        """Count what a tool answered."""
        self.words += len(text.split())
        self.result = text if self.result is None else f"{self.result} {text}"

    def shown(self, media_type: str) -> None:
        """Count an image or file."""
        self.media.append(media_type)
        self.words += MEDIA_TOKENS


class Call(msgspec.Struct, frozen=True):
    """A tool call of an answer; mark is the part of its id that differs from call to call, 16 hexadecimal digits."""

    mark: str
    name: str
    arguments: Obj


class Reply(msgspec.Struct, kw_only=True):
    """An answer. pieces of text and of thought are one token each; a refusal is said in pieces too."""

    mark: str
    pieces: list[str] = []
    thought: list[str] = []
    refused: bool = False
    calls: list[Call] = []
    ending: Ending = "stop"
    stopped_by: str = ""
    prompt: int = 0
    cached: int = 0

    @property
    def text(self) -> str:
        """All pieces joined."""
        return "".join(self.pieces)

    @property
    def thinking(self) -> str:
        """All of the thought."""
        return "".join(self.thought)

    @property
    def output(self) -> int:
        """Tokens of text and calls, thought left out."""
        called = sum(1 + len(call.arguments) for call in self.calls)
        return len(self.pieces) + called

    @property
    def reasoning(self) -> int:
        """Tokens of thought."""
        return len(self.thought)


class Refused(Exception):
    """The request gets an error. what names it for every dialect; field is where, in the dialect's own way of writing."""

    def __init__(self, what: str, text: str = "", *, status: int = 0, field: str = "", code: str = "") -> None:
        super().__init__(what, text)
        self.what = what
        self.text = text
        self.status = status
        self.field = field
        self.code = code
