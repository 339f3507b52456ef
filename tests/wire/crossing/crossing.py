"""A value on its way into another dialect, and how its parts are changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from poise.wire.conversation.answer import Answer, Choice
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.part import Message, Part, ToolResult
from tests.wire.crossing.recorded import Kind


class Crossing:
    """A value on its way into another dialect; it is changed in place. fails: it arrives as a failure."""

    def __init__(self, value: Ask | Answer, to: str, kind: Kind) -> None:
        self.value = value
        self.to = to
        self.kind = kind
        self.fails = False

    @property
    def ask(self) -> Ask:
        """The value, which is a request."""
        assert isinstance(self.value, Ask)
        return self.value

    @property
    def answer(self) -> Answer:
        """The value, which is an answer."""
        assert isinstance(self.value, Answer)
        return self.value

    def holders(self) -> list[Message | Choice]:
        """All that holds parts."""
        return [*self.value.messages] if isinstance(self.value, Ask) else [*self.value.choices]


def parts(crossing: Crossing, change: Callable[[Part], list[Part]], *, roles: tuple[str, ...] = ()) -> bool:
    """Change each part, those in results of tools too; whether any was. roles: of these messages only."""
    changed = False
    for holder in crossing.holders():
        if roles and (not isinstance(holder, Message) or holder.role not in roles):
            continue
        after = [one for part in holder.parts for one in change(part)]
        changed = changed or differ(after, holder.parts)
        holder.parts = after
        for part in after:
            if isinstance(part, ToolResult):
                inner = [one for piece in part.parts for one in change(piece)]
                changed = changed or differ(inner, part.parts)
                part.parts = inner
    return changed


def differ(after: Sequence[Part], before: Sequence[Part]) -> bool:
    """Whether these are other parts, or in another order."""
    return len(after) != len(before) or any(one is not other for one, other in zip(after, before, strict=True))
