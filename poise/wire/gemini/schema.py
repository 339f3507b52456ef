"""Between JSON Schema and Gemini's own schema language (a part of OpenAPI 3.0, types in capitals), both ways."""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json
from poise.wire.gemini.forms import Obj

_TYPES: Final = ("", "string", "number", "integer", "boolean", "array", "object", "null")  # by Google's enum number
_SAME: Final = frozenset({"title", "description", "default", "pattern", "minimum", "maximum"})
_COUNTS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_FORMATS: Final = frozenset({"date-time", "enum", "int32", "int64", "float", "double"})
_SILENT: Final = frozenset({"$schema", "$id", "$defs", "definitions", "$comment", "examples", "title"})
_SNAKE: Final = {
    "any_of": "anyOf",
    "min_items": "minItems",
    "max_items": "maxItems",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_properties": "minProperties",
    "max_properties": "maxProperties",
    "property_ordering": "propertyOrdering",
    "additional_properties": "additionalProperties",
}
MAX_DEPTH: Final = 64
MAX_NODES: Final = 4096  # references to references to ...: what unfolds to more than this is no tool's schema


def to_json(schema: Json, depth: int = 0) -> Json:
    """Gemini's schema as JSON Schema. Nothing is lost: the order of properties is the order they stand in."""
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return schema
    out: Obj = {}
    nullable = False
    for given, value in schema.items():
        name = _SNAKE.get(given, given)
        if name == "type":
            kind = _kind(value)
            if kind:
                out["type"] = kind
        elif name == "nullable":
            nullable = value is True
        elif name == "properties" and isinstance(value, dict):
            out[name] = {key: to_json(inner, depth + 1) for key, inner in value.items()}
        elif name in {"items", "additionalProperties"}:
            out[name] = to_json(value, depth + 1)
        elif name in {"anyOf", "oneOf", "allOf", "prefixItems"} and isinstance(value, list):
            out[name] = [to_json(inner, depth + 1) for inner in value]
        elif name in _COUNTS and isinstance(value, str) and value.isdigit():
            out[name] = int(value)  # 64-bit numbers are strings in Google's JSON
        elif name == "example":
            out["examples"] = [value]
        elif name != "propertyOrdering" and not (name == "format" and value == "enum"):
            out[name] = value
    _order(out, schema.get("propertyOrdering", schema.get("property_ordering")))
    return _nullable(out) if nullable else out


def _kind(value: Json) -> Json:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _TYPES[value] if 0 < value < len(_TYPES) else None
    if isinstance(value, str):
        return "" if value == "TYPE_UNSPECIFIED" else value.lower()
    return value


def _order(out: Obj, wanted: Json) -> None:
    properties = out.get("properties")
    if isinstance(wanted, list) and isinstance(properties, dict):
        first: Obj = {name: properties[name] for name in wanted if isinstance(name, str) and name in properties}
        out["properties"] = first | properties


def _nullable(out: Obj) -> Obj:
    kind, branches, values = out.get("type"), out.get("anyOf"), out.get("enum")
    if isinstance(kind, str) and kind != "null":
        out["type"] = [kind, "null"]
    if isinstance(branches, list):
        out["anyOf"] = [*branches, {"type": "null"}]
    if isinstance(values, list):
        out["enum"] = [*values, None]
    return out


class ToGemini:
    """JSON Schema in Gemini's words, for servers that know no others. What they cannot say is noted."""

    __slots__ = ("_lost", "_nodes", "_root", "_within")

    def __init__(self, root: Json, lost: Lost) -> None:
        self._root = root
        self._lost = lost
        self._nodes = 0
        self._within: list[str] = []  # the references that are being unfolded

    def write(self, schema: Json, where: str, depth: int = 0) -> Obj:
        """One schema."""
        if not isinstance(schema, dict):
            return {}  # true: anything goes
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            if self._nodes <= MAX_NODES + 1:
                self._lost.add(where, "the schema is too large to be unfolded, and is cut off")
            return {"type": "OBJECT"}
        if "$ref" in schema:
            return self._referred(schema, where, depth)
        out: Obj = {}
        for name, value in schema.items():
            if name in _SAME or name in _COUNTS or (name == "required" and value):
                out[name] = value
            elif name == "properties" and isinstance(value, dict):
                out[name] = {
                    key: self.write(inner, f"{where}.properties.{key}", depth + 1) for key, inner in value.items()
                }
            elif name == "items":
                out[name] = self.write(value, f"{where}.items", depth + 1)
            elif name == "format" and isinstance(value, str) and value in _FORMATS:
                out[name] = value
            elif name not in {"type", "enum", "const", "anyOf", "oneOf", "allOf"} and name not in _SILENT:
                self._lost.add(f"{where}.{name}", "is not understood in a schema there")
        self._type(schema, out)
        self._values(schema, out, where)
        self._branches(schema, out, where, depth)
        return out

    def _referred(self, schema: Obj, where: str, depth: int) -> Obj:
        reference = str(schema["$ref"])
        if reference in self._within:
            self._lost.add(where, "a schema that holds itself is cut off")
            return {"type": "OBJECT"}
        found: Json = self._root
        for name in reference.removeprefix("#").strip("/").split("/"):
            if name:
                found = found.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            self._lost.add(f"{where}.$ref", f"{reference[:64]} leads nowhere")
            return {"type": "OBJECT"}
        beside: Obj = {name: value for name, value in schema.items() if name != "$ref"}
        self._within.append(reference)
        out = self.write(found | beside, where, depth + 1)
        self._within.pop()
        return out

    def _type(self, schema: Obj, out: Obj) -> None:
        kind = schema.get("type")
        if isinstance(kind, str):
            out["type"] = kind.upper()
        elif isinstance(kind, list):
            some = [str(one).upper() for one in kind if one != "null"]
            if len(some) < len(kind):
                out["nullable"] = True
            if len(some) == 1:
                out["type"] = some[0]
            elif some:
                branches: list[Json] = [{"type": one} for one in some]
                out["anyOf"] = branches

    def _values(self, schema: Obj, out: Obj, where: str) -> None:
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if not isinstance(values, list):
            return
        words = [value for value in values if isinstance(value, str)]
        if None in values:
            out["nullable"] = True
        if len(words) + values.count(None) < len(values):
            self._lost.add(f"{where}.enum", "only strings can be listed there")
        elif words:
            out["enum"] = list[Json](words)
            out.setdefault("type", "STRING")

    def _branches(self, schema: Obj, out: Obj, where: str, depth: int) -> None:
        for name in ("anyOf", "oneOf"):
            branches = schema.get(name)
            if isinstance(branches, list):
                some = [branch for branch in branches if branch != {"type": "null"}]
                if len(some) < len(branches):
                    out["nullable"] = True
                written = [self.write(one, f"{where}.{name}[{n}]", depth + 1) for n, one in enumerate(some)]
                if len(written) == 1:
                    out.update({key: value for key, value in written[0].items() if key not in out})
                else:
                    out["anyOf"] = list[Json](written)
        together = schema.get("allOf")
        if isinstance(together, list):
            for number, branch in enumerate(together):
                self._merge(out, self.write(branch, f"{where}.allOf[{number}]", depth + 1), where)

    def _merge(self, out: Obj, more: Obj, where: str) -> None:
        for name, value in more.items():
            old = out.get(name)
            if isinstance(old, dict) and isinstance(value, dict):
                out[name] = old | value
            elif isinstance(old, list) and isinstance(value, list):
                out[name] = [*old, *(one for one in value if one not in old)]
            elif old is None:
                out[name] = value
            elif old != value:
                self._lost.add(f"{where}.allOf", f"{name} is said twice and differs")
