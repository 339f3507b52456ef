"""What messages are made of. Every dialect's content is read into these parts and written from them.

``rest`` holds what a part's own dialect said beside what the fields hold, as decoded JSON, so that it can be said again
there: reading and writing one dialect gives equal JSON. No other dialect reads it; what is lost with it is noted
(``poise.wire.conversation.lost``).
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Rest: TypeAlias = dict[str, Json]

FORMAL: Final = (
    "~"  # under this key of a rest stands what a dialect needs to say a thing its way, and what says nothing
)

MediaKind = Literal["image", "audio", "video", "file"]


class Citation(msgspec.Struct, kw_only=True):
    """Where a piece of text comes from: a URL and title, or the words quoted.

    start and end are characters of the text, -1 where they are not said.
    """

    url: str = ""
    title: str = ""
    quoted: str = ""
    start: int = -1
    end: int = -1
    rest: Rest = {}


class Text(msgspec.Struct, kw_only=True):
    """Words. citations belong to them; signature is a provider's seal on them (Gemini's thoughtSignature)."""

    text: str
    citations: list[Citation] = []
    signature: str = ""
    rest: Rest = {}


class Media(msgspec.Struct, kw_only=True):
    """An image, sound, video or file: exactly one of data (base64), url and file_id is set.

    media_type is empty where the dialect does not say; detail is OpenAI's word for the resolution; name a file's name.
    """

    kind: MediaKind
    media_type: str = ""
    data: str = ""
    url: str = ""
    file_id: str = ""
    name: str = ""
    detail: str = ""
    rest: Rest = {}


class ToolCall(msgspec.Struct, kw_only=True):
    """The model asks for a tool. arguments is the JSON text as the model wrote it (free text where ``free``).

    id is empty where the dialect has none; signature as in Text.
    """

    name: str
    arguments: str
    id: str = ""
    free: bool = False
    signature: str = ""
    rest: Rest = {}


class ToolResult(msgspec.Struct, kw_only=True):
    """What a tool answered. call_id names the call, where the dialect has ids; name the tool, where it is said."""

    parts: list[Part]
    call_id: str = ""
    name: str = ""
    failed: bool = False
    free: bool = False
    rest: Rest = {}


class Reasoning(msgspec.Struct, kw_only=True):
    """What the model thought. signature seals text; sealed is thought that only its provider can read.

    summary: text sums the thought up, it is not the thought itself. Both seals live at the provider that made them.
    """

    text: str = ""
    signature: str = ""
    sealed: str = ""
    summary: bool = False
    id: str = ""
    rest: Rest = {}


class Refusal(msgspec.Struct, kw_only=True):
    """The model declines, in its own words."""

    text: str
    rest: Rest = {}


class Kept(msgspec.Struct, kw_only=True):
    """What no other dialect has, or nobody knows: kept as it was said, and said again in its own dialect only.

    what names it for people (``web_search_call``).
    """

    what: str
    value: Json


Part: TypeAlias = Text | Media | ToolCall | ToolResult | Reasoning | Refusal | Kept

Role = Literal["system", "developer", "user", "assistant", "tool"]


class Message(msgspec.Struct, kw_only=True):
    """One turn. form is how its own dialect wrote it, where there is more than one way (``text``: a bare string).

    id is the conversation item's, where the dialect has one.
    """

    role: Role
    parts: list[Part]
    name: str = ""
    id: str = ""
    form: str = ""
    rest: Rest = {}
