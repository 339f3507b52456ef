"""Ids of tool calls, where a call of another dialect has none or a server takes only ids of one shape."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from poise.wire.conversation.ask import Ask
from poise.wire.conversation.part import ToolCall, ToolResult


class CallIds:
    """Gives an id to calls that have none, and to the results that belong to them: by name, else in order.

    shape makes of any id one that is taken there; count is how many calls came before.
    """

    __slots__ = ("_by_id", "_by_name", "_count", "_order", "_shape", "_waiting")

    def __init__(self, shape: Callable[[str], str] | None = None, count: int = 0) -> None:
        self._shape = shape
        self._count = count
        # Ids of calls that have no result yet, by number; the others lead to the numbers, and may name calls that are
        # answered. Looking through a list for each result would cost the square of their number.
        self._waiting: dict[int, str] = {}
        self._order: deque[int] = deque()
        self._by_id: dict[str, list[int]] = {}
        self._by_name: dict[str, deque[int]] = {}

    def of_call(self, call: ToolCall) -> str:
        """The id to write for a call."""
        id = self._shaped(call.id or f"call_poise_{self._count}")
        number = self._count
        self._count += 1
        self._waiting[number] = id
        self._order.append(number)
        self._by_id.setdefault(id, []).append(number)
        self._by_name.setdefault(call.name, deque()).append(number)
        return id

    def of_result(self, result: ToolResult) -> str:
        """The id to write for a result."""
        if result.call_id:
            id = self._shaped(result.call_id)
            for number in self._by_id.pop(id, ()):
                self._waiting.pop(number, None)
            return id
        for numbers in (self._by_name.get(result.name), self._order):
            while numbers:
                found = self._waiting.pop(numbers.popleft(), None)
                if found is not None:
                    return found
        # One that answers no call that was made gets a name by which it can be refused.
        return self._shaped(f"call_poise_{self._count}")

    def _shaped(self, id: str) -> str:
        return id if self._shape is None else self._shape(id)


def calls_before(ask: Ask | None) -> int:
    """How many calls the conversation holds: ids that are made for an answer count on from here."""
    return 0 if ask is None else sum(isinstance(part, ToolCall) for one in ask.messages for part in one.parts)
