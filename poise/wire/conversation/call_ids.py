"""Ids of tool calls, where a call of another dialect has none or a server takes only ids of one shape."""

from __future__ import annotations

from collections.abc import Callable

from poise.wire.conversation.ask import Ask
from poise.wire.conversation.part import ToolCall, ToolResult


class CallIds:
    """Gives an id to calls that have none, and to the results that belong to them: by name, else in order.

    shape makes of any id one that is taken there; count is how many calls came before.
    """

    __slots__ = ("_count", "_shape", "_waiting")

    def __init__(self, shape: Callable[[str], str] | None = None, count: int = 0) -> None:
        self._shape = shape
        self._count = count
        self._waiting: list[tuple[str, str]] = []  # name and id of calls that have no result yet

    def of_call(self, call: ToolCall) -> str:
        """The id to write for a call."""
        id = self._shaped(call.id or f"call_poise_{self._count}")
        self._count += 1
        self._waiting.append((call.name, id))
        return id

    def of_result(self, result: ToolResult) -> str:
        """The id to write for a result."""
        waiting = self._waiting
        if result.call_id:
            id = self._shaped(result.call_id)
            self._waiting = [one for one in waiting if one[1] != id]
            return id
        at = next((n for n, one in enumerate(waiting) if one[0] == result.name), 0)
        # One that answers no call that was made gets a name by which it can be refused.
        return waiting.pop(at)[1] if waiting else self._shaped(f"call_poise_{self._count}")

    def _shaped(self, id: str) -> str:
        return id if self._shape is None else self._shape(id)


def calls_before(ask: Ask | None) -> int:
    """How many calls the conversation holds: ids that are made for an answer count on from here."""
    return 0 if ask is None else sum(isinstance(part, ToolCall) for one in ask.messages for part in one.parts)
