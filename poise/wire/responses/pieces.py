"""The parts of a streamed answer while they grow: which piece of which item is which part, and how much of it has come."""

from __future__ import annotations

from poise.wire.conversation.event import Close, Event, Grow, Open
from poise.wire.conversation.part import Part, Refusal, ToolCall

Key = tuple[int, str, int]  # the item's output_index, the kind of piece, its number within the item


class Piece:
    """A part that grows. size: characters that it has; cites: citations."""

    __slots__ = ("cites", "index", "open", "size")

    def __init__(self, index: int, size: int) -> None:
        self.index = index
        self.size = size
        self.cites = 0
        self.open = True


class Pieces:
    """All parts so far. What it is told goes into out as events."""

    __slots__ = ("_by_item", "_by_key", "calls", "count", "refused")

    def __init__(self) -> None:
        self._by_key: dict[Key, Piece] = {}
        self._by_item: dict[int, list[Piece]] = {}
        self.count = 0
        self.calls = False
        self.refused = False

    def get(self, key: Key) -> Piece | None:
        """The piece, where it has begun."""
        return self._by_key.get(key)

    def last(self, at: int) -> Piece | None:
        """The newest piece of an item."""
        return self._by_item[at][-1] if at in self._by_item else None

    def open(self, key: Key, part: Part, size: int, out: list[Event]) -> Piece:
        """Begin a piece; of a thought one piece is open at a time."""
        mine = self._by_item.setdefault(key[0], [])
        if mine and key[1] in ("summary", "thought"):
            self._close(mine[-1], out)
        piece = Piece(self.count, size)
        self._by_key[key] = piece
        mine.append(piece)
        self.add(part, out)
        return piece

    def add(self, part: Part, out: list[Event]) -> None:
        """Begin a part."""
        if isinstance(part, ToolCall):
            self.calls = True
        elif isinstance(part, Refusal):
            self.refused = True
        out.append(Open(self.count, part))
        self.count += 1

    def add_whole(self, part: Part, out: list[Event]) -> None:
        """A part that came at once."""
        self.add(part, out)
        out.append(Close(self.count - 1))

    def complete(self, key: Key, text: str, out: list[Event]) -> None:
        """The whole text of a piece is known: some vendors send a call's arguments at once, without pieces before."""
        piece = self._by_key.get(key)
        if piece is not None and piece.open and text and not piece.size:
            out.append(Grow(piece.index, text))
            piece.size = len(text)

    def close(self, at: int, out: list[Event]) -> None:
        """An item is complete."""
        for piece in self._by_item.get(at, ()):
            self._close(piece, out)

    def close_all(self, out: list[Event]) -> None:
        """The answer is complete."""
        for at in self._by_item:
            self.close(at, out)

    def _close(self, piece: Piece, out: list[Event]) -> None:
        if piece.open:
            piece.open = False
            out.append(Close(piece.index))
