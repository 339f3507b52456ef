"""How an answer ended, both ways: a status and, where it is not complete, a reason.

What this dialect has no word for: a stop string that was met is told as complete.
"""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.answer import Ending
from poise.wire.conversation.part import Json

COMPLETE: Final = frozenset({"completed", "complete"})
STATUSES: Final[dict[str, Ending]] = {
    "failed": Ending.ERROR,
    "cancelled": Ending.CANCELLED,
    "in_progress": Ending.UNFINISHED,
    "queued": Ending.UNFINISHED,
    "incomplete": Ending.UNFINISHED,
}
REASONS: Final[dict[str, Ending]] = {
    "max_output_tokens": Ending.LENGTH,
    "max_tokens": Ending.LENGTH,
    "max_messages": Ending.LENGTH,
    "content_filter": Ending.CONTENT_FILTER,
    "steered": Ending.CANCELLED,
    # Ours, since the vendors have no word for them, and an answer that is to go on must not look complete.
    "malformed_call": Ending.MALFORMED_CALL,
    "pause": Ending.PAUSE,
}


def read_ending(status: Json, reason: Json, *, calls: bool, refused: bool, said: bool) -> tuple[Ending, str]:
    """The ending and the vendor's word for it. calls, refused, said: what the answer holds."""
    if isinstance(reason, str) and status not in COMPLETE:
        found = REASONS.get(reason)
        return found or (Ending.STOP if said else Ending.UNFINISHED), reason
    word = status if isinstance(status, str) else ""
    if word in STATUSES:
        return STATUSES[word], word
    if calls:
        return Ending.TOOL_CALLS, word
    if refused:
        return Ending.REFUSAL, word
    return (Ending.STOP if said or word in COMPLETE else Ending.UNFINISHED), word


def write_ending(ending: Ending, *, refused: bool) -> tuple[str, str]:
    """Status and reason, '' where there is none. A refusal without words looks like what a filter does."""
    if ending is Ending.LENGTH:
        return "incomplete", "max_output_tokens"
    if ending is Ending.CONTENT_FILTER or (ending is Ending.REFUSAL and not refused):
        return "incomplete", "content_filter"
    if ending in (Ending.MALFORMED_CALL, Ending.PAUSE):
        return "incomplete", ending.value
    if ending is Ending.CANCELLED:
        return "cancelled", ""
    if ending is Ending.ERROR:
        return "failed", ""
    return ("in_progress" if ending is Ending.UNFINISHED else "completed"), ""
