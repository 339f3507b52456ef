"""Ids of tool calls, where a call of another dialect has none or a server takes only ids of one shape."""

from __future__ import annotations

import hashlib

from poise.wire.conversation.part import ToolCall, ToolResult


class CallIds:
    """Gives an id to calls that have none, and to the results that belong to them: by name, else in order.

    shape "alnum9": ids of nine letters and digits, all that Mistral takes.
    """

    __slots__ = ("_count", "_shape", "_waiting")

    def __init__(self, shape: str = "", count: int = 0) -> None:
        self._shape = shape
        self._count = count
        self._waiting: list[tuple[str, str]] = []

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
        return waiting.pop(at)[1] if waiting else self._shaped(f"call_poise_{self._count}")

    def _shaped(self, id: str) -> str:
        if self._shape != "alnum9" or (len(id) == 9 and id.isascii() and id.isalnum()):
            return id
        return hashlib.blake2b(id.encode(errors="replace"), digest_size=5).hexdigest()[:9]
