"""How Gemini says that a candidate ended, and what it means."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.answer import Ending
from poise.wire.conversation.part import Json

ENDINGS: Final[dict[str, Ending]] = {
    "STOP": Ending.STOP,  # with calls in it: TOOL_CALLS
    "MAX_TOKENS": Ending.LENGTH,
    "SAFETY": Ending.CONTENT_FILTER,
    "RECITATION": Ending.CONTENT_FILTER,
    "LANGUAGE": Ending.CONTENT_FILTER,
    "BLOCKLIST": Ending.CONTENT_FILTER,
    "PROHIBITED_CONTENT": Ending.CONTENT_FILTER,
    "SPII": Ending.CONTENT_FILTER,
    "MODEL_ARMOR": Ending.CONTENT_FILTER,
    "IMAGE_SAFETY": Ending.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": Ending.CONTENT_FILTER,
    "IMAGE_RECITATION": Ending.CONTENT_FILTER,
    "MALFORMED_FUNCTION_CALL": Ending.MALFORMED_CALL,
    "UNEXPECTED_TOOL_CALL": Ending.MALFORMED_CALL,
    "TOO_MANY_TOOL_CALLS": Ending.MALFORMED_CALL,
    "MALFORMED_RESPONSE": Ending.ERROR,
    "MISSING_THOUGHT_SIGNATURE": Ending.ERROR,
    "NO_IMAGE": Ending.ERROR,
    "IMAGE_OTHER": Ending.ERROR,
    "OTHER": Ending.ERROR,
    "CONTINUATION": Ending.PAUSE,
}
_WRITTEN: Final[dict[Ending, str]] = {
    Ending.STOP: "STOP",
    Ending.STOP_SEQUENCE: "STOP",
    Ending.LENGTH: "MAX_TOKENS",
    Ending.TOOL_CALLS: "STOP",
    Ending.REFUSAL: "SAFETY",
    Ending.CONTENT_FILTER: "SAFETY",
    Ending.PAUSE: "CONTINUATION",
    Ending.MALFORMED_CALL: "MALFORMED_FUNCTION_CALL",
    Ending.CANCELLED: "OTHER",
    Ending.ERROR: "OTHER",
    Ending.UNFINISHED: "",
}
# By enum number, as the Gemini API counts; Vertex counts otherwise from 6 on, but its JSON is not asked for numbers.
_NUMBERS: Final = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
)


def word_of(said: Json) -> str:
    """A finishReason as a word; '' where nothing was said."""
    if isinstance(said, str):
        return said
    if isinstance(said, int) and not isinstance(said, bool):
        return _NUMBERS[said] if 0 <= said < len(_NUMBERS) else str(said)
    return ""


def ending_of(word: str, *, calls: bool, parts: bool) -> Ending:
    """What a word means. STOP where calls came is TOOL_CALLS; a word that nobody knows is STOP where parts came."""
    if not word:
        return Ending.UNFINISHED
    ending = ENDINGS.get(word)
    if ending is None:
        ending = Ending.STOP if parts else Ending.ERROR
    return Ending.TOOL_CALLS if calls and ending is Ending.STOP else ending


def word_for(ending: Ending) -> str:
    """The word for an ending; '' for none."""
    return _WRITTEN[ending]


def loses(ending: Ending) -> bool:
    """Whether the word says less than the ending."""
    return ending in {Ending.STOP_SEQUENCE, Ending.REFUSAL, Ending.CANCELLED}
