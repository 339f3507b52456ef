"""How Anthropic says that an answer ended."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.answer import Ending

ENDINGS: Final[dict[str, Ending]] = {
    "end_turn": Ending.STOP,
    "stop_sequence": Ending.STOP_SEQUENCE,
    "max_tokens": Ending.LENGTH,
    "model_context_window_exceeded": Ending.LENGTH,
    "tool_use": Ending.TOOL_CALLS,
    "pause_turn": Ending.PAUSE,
    "compaction": Ending.PAUSE,
    "refusal": Ending.REFUSAL,
}
_WORDS: Final[dict[Ending, str | None]] = {
    Ending.STOP: "end_turn",
    Ending.STOP_SEQUENCE: "stop_sequence",
    Ending.LENGTH: "max_tokens",
    Ending.TOOL_CALLS: "tool_use",
    Ending.PAUSE: "pause_turn",
    Ending.REFUSAL: "refusal",
    Ending.CONTENT_FILTER: "refusal",
    Ending.MALFORMED_CALL: "end_turn",
    Ending.CANCELLED: None,
    Ending.ERROR: None,
    Ending.UNFINISHED: None,
}
EXACT: Final = frozenset(ENDINGS.values()) | {Ending.UNFINISHED}  # endings that come back as they were written


def ending_of(word: object, *, some: bool) -> Ending:
    """What a stop reason means. some: whether parts came; then a word that nobody knows is an end like any other."""
    if not isinstance(word, str) or not word:
        return Ending.UNFINISHED
    return ENDINGS.get(word) or (Ending.STOP if some else Ending.ERROR)


def word_of(ending: Ending, said: str, *, own: bool) -> str | None:
    """The stop reason; None says that the answer has not ended."""
    return said if own and said else _WORDS[ending]
