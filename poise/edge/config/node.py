"""YAML as a tree that knows where each value stands: core scalars of YAML 1.2, no duplicates, everything bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml

from poise.edge.config.problem import Findings, Place, shown

MAX_FILE_BYTES = 512 * 1024
MAX_DEPTH = 32
MAX_NODES = 100_000  # of one file, aliases counted as often as they are used: an alias bomb ends here

Value = bool | int | float | str | None

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_OTHER_INT = re.compile(r"0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_CORE = "tag:yaml.org,2002:"
_TAGS = {
    _CORE + "str",
    _CORE + "int",
    _CORE + "float",
    _CORE + "bool",
    _CORE + "null",
    _CORE + "map",
    _CORE + "seq",
    "!",
}


class Scalar(NamedTuple):
    """text as written (before ``${...}`` is filled in), value as understood; plain: without quotes."""

    place: Place
    text: str
    value: Value
    plain: bool = True


class Sequence(NamedTuple):
    """A list."""

    place: Place
    items: list[Node]


class Mapping(NamedTuple):
    """Names to nodes, in the order of the file; keys says where each name stands."""

    place: Place
    items: dict[str, Node]
    keys: dict[str, Place]


Node = Scalar | Sequence | Mapping


class Bad(Exception):
    """The text is not one YAML document that may be used: where, what stands there, why, and a hint."""

    def __init__(self, place: Place, value: str, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.place, self.value, self.text, self.hint = place, value, text, hint


def scalar_value(text: str) -> Value:
    """A plain scalar by YAML 1.2's core schema: ``no`` and ``on`` are text, ``true`` is not."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if _OTHER_INT.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def show(node: Node) -> str:
    """A node's value for a message."""
    if isinstance(node, Scalar):
        return shown(node.text)
    return "a list" if isinstance(node, Sequence) else "a mapping"


def parse(raw: bytes, file: str, findings: Findings) -> Node | None:
    """The one document in ``raw``, or None where it is empty.

    Duplicate keys go to findings and the first is kept. Raises Bad where there is no tree to speak of.
    """
    if len(raw) > MAX_FILE_BYTES:
        raise Bad(Place(file), f"{len(raw)} bytes", f"is longer than {MAX_FILE_BYTES} bytes", "split it with include:")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        place = Place(file, line, error.start - raw.rfind(b"\n", 0, error.start))
        raise Bad(place, f"byte 0x{raw[error.start]:02x}", "is not UTF-8", "save the file as UTF-8") from error
    try:
        return _Composer(text, file, findings).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        said = ", ".join(part for part in (error.problem, error.context) if part)
        raise Bad(
            place, _at(text, place), f"is not YAML: {said}", "look at quotes, brackets and indentation"
        ) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise Bad(place, _at(text, place), "may not stand in YAML", "remove the control character") from error


def _at(text: str, place: Place) -> str:
    lines = text.split("\n")
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if place.column > len(line):
        return "end of file" if place.line >= len(lines) else "end of line"
    return repr(line[place.column - 1])


class _Composer:
    """Events to nodes. Recursion is bounded by MAX_DEPTH, work by MAX_NODES."""

    def __init__(self, text: str, file: str, findings: Findings) -> None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=loader))
        self._file = file
        self._findings = findings
        self._anchors: dict[str, tuple[Node, int, int] | None] = {}
        self._count = 0

    def document(self) -> Node | None:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        node, _ = self._node(next(self._events), 1)
        next(self._events)  # the document's end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise Bad(
                self._place(event), "---", "starts a second document", "one file holds one document; use include:"
            )
        return node

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        assert mark is not None
        return Place(self._file, mark.line + 1, mark.column + 1)

    def _node(self, event: yaml.Event, depth: int) -> tuple[Node, int]:
        """The node that starts with event, and how deep it is."""
        place = self._place(event)
        self._grow(1, place)
        if depth > MAX_DEPTH:
            raise Bad(place, f"depth {depth}", f"is nested deeper than {MAX_DEPTH}", "no setting is that deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place, depth)
        assert isinstance(event, yaml.NodeEvent)
        before, anchor = self._count, event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        self._check_tag(event, place)
        node: Node
        below = 0
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] or event.tag not in (None, "!", _CORE + "str")
            node = Scalar(place, event.value, scalar_value(event.value) if plain else event.value, plain)
        elif isinstance(event, yaml.SequenceStartEvent):
            node, below = self._sequence(place, depth)
        else:
            node, below = self._mapping(place, depth)
        if anchor is not None:
            self._anchors[anchor] = (node, self._count - before, below + 1)
        return node, below + 1

    def _grow(self, nodes: int, place: Place) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            text = f"makes more than {MAX_NODES} values, aliases counted as often as they are used"
            raise Bad(place, f"{self._count} values", text, "write the values out, or split the file")

    def _alias(self, event: yaml.AliasEvent, place: Place, depth: int) -> tuple[Node, int]:
        anchor = event.anchor or ""
        if anchor not in self._anchors:
            raise Bad(place, f"*{shown(anchor)}", "names no anchor above", f"define it first: &{shown(anchor)}")
        known = self._anchors[anchor]
        if known is None:
            raise Bad(place, f"*{shown(anchor)}", "stands inside of what it names", "write the value out")
        node, size, deep = known
        self._grow(size, place)
        if depth + deep - 1 > MAX_DEPTH:
            raise Bad(
                place, f"depth {depth + deep - 1}", f"is nested deeper than {MAX_DEPTH}", "no setting is that deep"
            )
        return node, deep

    def _check_tag(self, event: yaml.Event, place: Place) -> None:
        tag = event.tag  # type: ignore[attr-defined]  # every event that starts a node has one
        if tag is not None and tag not in _TAGS:
            raise Bad(place, shown(tag), "is a tag, and tags mean nothing here", "remove it")

    def _sequence(self, place: Place, depth: int) -> tuple[Sequence, int]:
        items: list[Node] = []
        deep = 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            node, below = self._node(event, depth + 1)
            items.append(node)
            deep = max(deep, below)
        return Sequence(place, items), deep

    def _mapping(self, place: Place, depth: int) -> tuple[Mapping, int]:
        found = Mapping(place, {}, {})
        deep = 0
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key, _ = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise Bad(key.place, show(key), "cannot be a name", "names are plain text")
            node, below = self._node(next(self._events), depth + 1)
            deep = max(deep, below)
            first = found.keys.get(key.text)
            if first is not None:
                text = f"is here twice; first on line {first.line}"
                self._findings.error(key.place, show(key), show(key), text, "keep one of them")
                continue
            found.items[key.text] = node
            found.keys[key.text] = key.place
        return found, deep
