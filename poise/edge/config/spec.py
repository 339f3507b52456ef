"""What may stand where: readers that turn nodes into typed values, tell all that is wrong, and describe themselves.

A struct of the file's shape names its readers in its annotations: ``Annotated[type, reader, "meaning"]``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple, get_type_hints

import msgspec

from poise.edge.config.node import Mapping, Node, Scalar, Sequence, show
from poise.edge.config.problem import HIDDEN, Findings, shown

Schema = dict[str, object]


class Bad:
    """What a reader returns where there was nothing it could use; the reason is among the findings."""


BAD: Final = Bad()

# A JSON Schema cannot say what a reference to the environment will hold.
REFERENCE: Schema = {"type": "string", "pattern": r"\$\{"}


class Reader:
    """Reads one node. kind is what people call the type."""

    kind: str = ""

    def read(self, node: Node, path: str, findings: Findings) -> object:
        """The typed value, or BAD with the reason told."""
        raise NotImplementedError

    def schema(self) -> Schema:
        """The same, as far as JSON Schema can say it."""
        raise NotImplementedError

    def show(self, value: object) -> str:
        """A typed value as it would be written."""
        if isinstance(value, bool):
            return "true" if value else "false"
        return f"{value:g}" if isinstance(value, float) else str(value)


class Wrong(Exception):
    """A leaf's value cannot be used: why, and a hint."""

    def __init__(self, text: str, hint: str = "") -> None:
        super().__init__(text)
        self.text, self.hint = text, hint


class Leaf(Reader):
    """A scalar. parse gets its value and where it stands (paths are relative to their file), and raises Wrong."""

    def __init__(
        self,
        kind: str,
        example: str,
        parse: Callable[[Scalar, Findings], object],
        schema: Schema,
        *,
        secret: bool = False,
    ) -> None:
        self.kind, self.example, self.secret = kind, example, secret
        self._parse = parse
        self._schema = schema
        self._show: Callable[[int], str] | None = None

    def shown_by(self, show: Callable[[int], str]) -> Leaf:
        """The same leaf, for whole numbers that stand for a quantity."""
        self._show = show
        return self

    def show(self, value: object) -> str:
        return self._show(value) if self._show and isinstance(value, int) else super().show(value)

    def read(self, node: Node, path: str, findings: Findings) -> object:
        if not isinstance(node, Scalar):
            findings.error(node.place, path, show(node), f"is not {self.kind}", f"for example {self.example}")
            return BAD
        try:
            return self._parse(node, findings)
        except Wrong as wrong:
            hint = wrong.hint or f"for example {self.example}"
            findings.error(node.place, path, HIDDEN if self.secret else show(node), wrong.text, hint)
            return BAD

    def schema(self) -> Schema:
        return self._schema


class ListOf(Reader):
    """A list of between least and most items."""

    def __init__(self, item: Reader, *, least: int = 0, most: int = 1000) -> None:
        self.kind = f"list of {item.kind}"
        self.item, self._least, self._most = item, least, most

    def read(self, node: Node, path: str, findings: Findings) -> object:
        if not isinstance(node, Sequence):
            value = HIDDEN if getattr(self.item, "secret", False) else show(node)
            findings.error(node.place, path, value, "is not a list", "write it in brackets: [a, b]")
            return BAD
        count = len(node.items)
        if not self._least <= count <= self._most:
            text = f"has {count} items, not {self._least} to {self._most}"
            findings.error(
                node.place, path, show(node), text, "add what is missing" if count < self._least else "shorten it"
            )
            return BAD
        found = [self.item.read(item, f"{path}[{i}]", findings) for i, item in enumerate(node.items)]
        return BAD if BAD in found else tuple(found)

    def schema(self) -> Schema:
        return {"type": "array", "items": self.item.schema(), "minItems": self._least, "maxItems": self._most}


class MapOf(Reader):
    """Names, which name checks, to values. What cannot be read is left out, with the reason told."""

    def __init__(self, name: Callable[[str], None], item: Reader, *, most: int = 10_000) -> None:
        self.kind = f"names to {item.kind}"
        self._name, self.item, self._most = name, item, most

    def read(self, node: Node, path: str, findings: Findings) -> object:
        if not isinstance(node, Mapping):
            findings.error(node.place, path, show(node), "is not a mapping", "write name: value below it")
            return BAD
        if len(node.items) > self._most:
            findings.error(node.place, path, show(node), f"has {len(node.items)} names, not at most {self._most}")
            return BAD
        found: dict[str, object] = {}
        for name, item in node.items.items():
            try:
                self._name(name)
            except Wrong as wrong:
                findings.error(node.keys[name], f"{path}.{shown(name)}", shown(name), wrong.text, wrong.hint)
                continue
            value = self.item.read(item, f"{path}.{name}", findings)
            if value is not BAD:
                found[name] = value
        return found

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": self.item.schema(), "maxProperties": self._most}


class Field(NamedTuple):
    """One setting of a record."""

    reader: Reader
    meaning: str
    default: object
    required: bool
    attribute: str  # its name in the struct, where the file's is a word of Python


class Record(Reader):
    """A mapping with the fields of a struct. ``key: null`` is as good as no key: the default holds."""

    def __init__(self, struct: type[msgspec.Struct], *, kind: str = "mapping") -> None:
        self.kind = kind
        self.struct = struct

    def fields(self) -> dict[str, Field]:
        """The settings by name, in the struct's order."""
        return _fields(self.struct)

    def read(self, node: Node, path: str, findings: Findings) -> object:
        if not isinstance(node, Mapping):
            names = ", ".join(list(self.fields())[:4])
            findings.error(node.place, path, show(node), f"is not a {self.kind}", f"it holds settings: {names}, ...")
            return BAD
        values: dict[str, object] = {}
        known = self.fields()
        prefix = f"{path}." if path else ""
        for name, item in node.items.items():
            field = known.get(name)
            if field is None:
                findings.error(node.keys[name], prefix + shown(name), shown(name), "is not a setting here", known=known)
            elif not (isinstance(item, Scalar) and item.value is None):
                values[name] = field.reader.read(item, prefix + name, findings)
        missing = [name for name, field in known.items() if field.required and name not in values]
        for name in missing:
            findings.error(node.place, prefix + name, "", "is missing", f"add {name}: {known[name].meaning}")
        if missing or any(values[name] is BAD and known[name].required for name in values):
            return BAD
        return self.struct(**{known[name].attribute: value for name, value in values.items() if value is not BAD})

    def schema(self) -> Schema:
        return {"$ref": f"#/$defs/{self.struct.__name__}"}  # by name, for a posture's overlay holds what it stands in

    def definition(self) -> Schema:
        """What ``schema`` refers to."""
        properties: Schema = {}
        for name, field in self.fields().items():
            said = field.reader.schema()
            properties[name] = {"description": field.meaning, "anyOf": [said, {"type": "null"}]}
        required = [name for name, field in self.fields().items() if field.required]
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return schema | ({"required": required} if required else {})


class Either(Reader):
    """One of two shapes, told apart by the kind of node."""

    def __init__(self, kind: str, *, scalar: Reader, other: Reader) -> None:
        self.kind = kind
        self.scalar, self.other = scalar, other

    def read(self, node: Node, path: str, findings: Findings) -> object:
        reader = self.scalar if isinstance(node, Scalar) else self.other
        return reader.read(node, path, findings)

    def schema(self) -> Schema:
        return {"anyOf": [self.scalar.schema(), self.other.schema()]}

    def show(self, value: object) -> str:
        return self.scalar.show(value)


class Anything(Reader):
    """What has no shape yet."""

    kind = "anything"

    def read(self, node: Node, path: str, findings: Findings) -> object:
        return None

    def schema(self) -> Schema:
        return {}


@cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, Field]:
    hints = get_type_hints(struct, include_extras=True)
    found: dict[str, Field] = {}
    for field in msgspec.structs.fields(struct):
        reader, meaning = hints[field.name].__metadata__
        default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory
        if default is not msgspec.NODEFAULT and field.default is msgspec.NODEFAULT:
            default = default()
        found[field.encode_name] = Field(reader, meaning, default, field.required, field.name)
    return found
