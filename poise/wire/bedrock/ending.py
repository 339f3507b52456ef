"""How Bedrock says that an answer ended."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.answer import Ending

ENDINGS: Final[dict[str, Ending]] = {
    "end_turn": Ending.STOP,
    "stop_sequence": Ending.STOP_SEQUENCE,
    "max_tokens": Ending.LENGTH,
    "model_context_window_exceeded": Ending.LENGTH,
    "tool_use": Ending.TOOL_CALLS,
    "content_filtered": Ending.CONTENT_FILTER,
    "guardrail_intervened": Ending.CONTENT_FILTER,
    "malformed_tool_use": Ending.MALFORMED_CALL,
    "malformed_model_output": Ending.ERROR,
}
_WORDS: Final[dict[Ending, str]] = {
    Ending.STOP: "end_turn",
    Ending.STOP_SEQUENCE: "stop_sequence",
    Ending.LENGTH: "max_tokens",
    Ending.TOOL_CALLS: "tool_use",
    Ending.REFUSAL: "content_filtered",
    Ending.CONTENT_FILTER: "content_filtered",
    Ending.PAUSE: "end_turn",
    Ending.MALFORMED_CALL: "malformed_tool_use",
    Ending.CANCELLED: "end_turn",
    Ending.ERROR: "malformed_model_output",
    Ending.UNFINISHED: "end_turn",
}
EXACT: Final = frozenset(ENDINGS.values())  # endings that come back as they were written


def ending_of(word: object, *, some: bool) -> Ending:
    """What a stop reason means. some: whether parts came; then a word that nobody knows is an end like any other."""
    if not isinstance(word, str) or not word:
        return Ending.UNFINISHED
    return ENDINGS.get(word) or (Ending.STOP if some else Ending.ERROR)


def word_of(ending: Ending, said: str, *, own: bool) -> str:
    """The stop reason; Bedrock has no word for an answer that did not end."""
    return said if own and said else _WORDS[ending]
