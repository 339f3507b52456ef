"""Arguments of a call that are streamed piece by piece: a path into the object, and a value or some more of a string."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.part import Json
from poise.wire.gemini.forms import Obj, text_of
from poise.wire.sse import MAX_EVENT_BYTES

_VALUES: Final = ("stringValue", "numberValue", "boolValue")
MAX_ITEMS: Final = 10_000  # of a list: a path may name any index, and a wild one must not fill the memory
MAX_DEPTH: Final = 64


class PartialArgs:
    """Arguments as far as they came. Raises ValueError for what cannot be followed."""

    __slots__ = ("_pieces", "_size", "_slots", "_tree")

    def __init__(self) -> None:
        self._tree: Obj = {}
        self._pieces: dict[str, list[str]] = {}
        self._slots: dict[str, list[str | int]] = {}
        self._size = 0

    def merge(self, args: Obj) -> None:
        """Arguments that came whole."""
        self._tree.update(args)

    def add(self, pieces: Json) -> None:
        """Take some pieces in."""
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, dict):
                self._one(piece)

    def text(self) -> str:
        """The arguments as JSON text."""
        for path, strings in self._pieces.items():
            self._put(self._slots[path], "".join(strings))
        self._pieces.clear()
        return text_of(self._tree)

    def _one(self, piece: Obj) -> None:
        path = piece.get("jsonPath")
        if not isinstance(path, str):
            raise ValueError("a piece of arguments without jsonPath")  # noqa: TRY004 - the vendor's mistake, not ours
        said = piece.get("stringValue")
        self._more(len(path) + (len(said) if isinstance(said, str) else 0))
        if isinstance(said, str):
            if path not in self._slots:
                self._slots[path] = steps_of(path)
            self._pieces.setdefault(path, []).append(said)
            return
        for name in _VALUES[1:]:
            if name in piece:
                self._put(steps_of(path), piece[name])
                return
        if "nullValue" in piece:
            self._put(steps_of(path), None)

    def _more(self, size: int) -> None:
        self._size += max(size, 0)
        if self._size > MAX_EVENT_BYTES:
            raise ValueError(f"arguments of more than {MAX_EVENT_BYTES} characters")

    def _put(self, steps: list[str | int], value: Json) -> None:
        if not steps:
            raise ValueError("a piece of arguments that replaces all of them")
        node: Json = self._tree
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            last = following is None
            fresh: Json = value if last else ([] if isinstance(following, int) else {})
            if isinstance(node, dict) and isinstance(step, str):
                if last or not isinstance(node.get(step), dict | list):
                    node[step] = fresh
                node = node[step]
            elif isinstance(node, list) and isinstance(step, int) and step < MAX_ITEMS:
                self._more(step + 1 - len(node))
                node += [None] * (step + 1 - len(node))
                if last or not isinstance(node[step], dict | list):
                    node[step] = fresh
                node = node[step]
            else:
                raise ValueError("a piece of arguments that does not fit the others")


def steps_of(path: str) -> list[str | int]:
    """``$.a.b[0]`` or ``$['a b']`` as names and indices. Raises ValueError."""
    if not path.startswith("$"):
        raise ValueError(f"the path {path[:60]!r} does not begin with $")
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        if path[at] == ".":
            end = min((found for mark in ".[" if (found := path.find(mark, at + 1)) >= 0), default=len(path))
            steps.append(path[at + 1 : end])
        elif path[at] == "[" and path[at + 1 : at + 2] in {"'", '"'}:
            close = path.find(path[at + 1] + "]", at + 2)
            end = close + 2
            if close < 0:
                raise ValueError(f"the path {path[:60]!r} is not closed")
            steps.append(path[at + 2 : close])
        elif path[at] == "[":
            close = path.find("]", at)
            end = close + 1
            if not path[at + 1 : close].isdecimal():
                raise ValueError(f"the path {path[:60]!r} has no index where one should stand")
            steps.append(int(path[at + 1 : close][:9]))
        else:
            raise ValueError(f"the path {path[:60]!r} cannot be read")
        at = end
        if len(steps) > MAX_DEPTH:
            raise ValueError("a path of more than 64 steps")
    return steps
