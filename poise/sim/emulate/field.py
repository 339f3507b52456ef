"""Looks at a request's fields as a vendor's validator does: a wrong one is told with its place, for the dialect to put in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

from poise.sim.emulate.asked import Obj

Place = tuple[str | int, ...]
Fault = Literal["missing", "type", "value", "unknown", "other"]

MAX_SCHEMA_DEPTH: Final = 32
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "array": (list,),
    "object": (dict,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


class Wrong(Exception):
    """A field that the vendor refuses. want lists kinds or values; text says the rest where fault is ``other``."""

    def __init__(self, at: Place, fault: Fault, want: str = "", got: object = None, text: str = "") -> None:
        super().__init__(at, fault, want)
        self.at = at
        self.fault = fault
        self.want = want
        self.got = got
        self.text = text


def kind_of(value: object) -> str:
    """What JSON calls it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return next(name for name, types in _KINDS.items() if isinstance(value, types))


def look(node: Obj, name: str, kinds: str, at: Place = (), *, need: bool = False) -> Any:  # noqa: ANN401 - any JSON value
    """A field's value, of one of the kinds (``string|array``). None where it is null or absent and not needed."""
    if name not in node and need:
        raise Wrong((*at, name), "missing")
    value = node.get(name)
    if value is None and not need:
        return None
    return of_kind(value, kinds, (*at, name))


def of_kind(value: object, kinds: str, at: Place) -> Any:  # noqa: ANN401 - any JSON value
    """The value, where it is of one of the kinds."""
    found = kind_of(value)
    wanted = kinds.split("|")
    if found in wanted or (found == "integer" and "number" in wanted):
        return value
    raise Wrong(at, "type", kinds, value)


def one_of(value: object, allowed: Iterable[str], at: Place) -> str:
    """The value, where it is one of those that are allowed."""
    if isinstance(value, str) and value in allowed:
        return value
    raise Wrong(at, "value", ", ".join(allowed), value)


def known(node: Obj, names: frozenset[str], at: Place = ()) -> None:
    """Refuse fields that nobody knows."""
    for name in node:
        if name not in names:
            raise Wrong((*at, name), "unknown")


def between(node: Obj, name: str, low: float, high: float) -> None:
    """Refuse a number outside its range."""
    value = look(node, name, "number")
    if value is not None and not low <= value <= high:
        raise Wrong((name,), "value", f"{low:g}..{high:g}", value)


def schema_of(value: object, at: Place, depth: int = 0) -> Obj:
    """The value, where it is a JSON Schema that can be read; its keywords need not all be known."""
    if depth > MAX_SCHEMA_DEPTH:
        raise Wrong(at, "other", text=f"the schema is nested deeper than {MAX_SCHEMA_DEPTH} levels")
    node: Obj = of_kind(value, "object", at)
    kind = look(node, "type", "string|array", at)
    if isinstance(kind, list) and not (kind and all(isinstance(one, str) for one in kind)):
        raise Wrong((*at, "type"), "value", "the names of types", kind)
    for name in ("properties", "$defs"):
        for inner, schema in (look(node, name, "object", at, need=name in node) or {}).items():
            schema_of(schema, (*at, name, inner), depth + 1)
    for name in ("anyOf", "oneOf", "allOf", "enum"):
        given = look(node, name, "array", at)
        if given == []:
            raise Wrong((*at, name), "other", text="[] should be non-empty")
        for number, one in enumerate(given or ()):
            if name != "enum":
                schema_of(one, (*at, name, number), depth + 1)
    if "items" in node:
        schema_of(node["items"], (*at, "items"), depth + 1)
    look(node, "minimum", "number", at)
    look(node, "minItems", "integer", at)
    return node


def dotted(at: Place) -> str:
    """``messages.0.content``"""
    return ".".join(str(step) for step in at)


def bracketed(at: Place) -> str:
    """``messages[0].content``"""
    text = ""
    for step in at:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
