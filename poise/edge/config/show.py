"""The merged configuration with where each value came from: a file and line, the catalogue, or ``default``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from poise.edge.config import units
from poise.edge.config.node import Mapping, Node, Scalar, Sequence, scalar_value
from poise.edge.config.problem import HIDDEN, Place, shown
from poise.edge.config.resolve import Resolved
from poise.edge.config.settings import default_of
from poise.edge.config.shape import FILE, WORKFLOW
from poise.edge.config.spec import Either, Leaf, ListOf, MapOf, Reader, Record
from poise.target import Patience, Target

DEFAULT = "default"
CATALOGUE = "catalogue"
_SECRET_SCHEMES = ("env:", "file:")


class Line(NamedTuple):
    """One line of the merged file. value is '' where others follow below it; source is '' there, too."""

    path: str
    depth: int
    label: str
    value: str
    source: str


def lines(resolved: Resolved) -> list[Line]:
    """The whole file, workflows over their profiles, every default filled in."""
    items = dict(resolved.root.items)
    workflows = items.get("workflows")
    if isinstance(workflows, Mapping):
        items["workflows"] = workflows._replace(items=dict(resolved.merged))
    root = resolved.root._replace(items=items)
    return list(_Walk(resolved.targets).record(FILE, root, "", 0))


def text(found: list[Line]) -> str:
    """Lines as YAML with a comment that names the source of each value."""
    bodies = ["  " * line.depth + line.label + (f" {line.value}" if line.value else "") for line in found]
    width = min(max(map(len, bodies), default=0), 72)
    return "\n".join(
        f"{body:<{width}}  # {line.source}" if line.source else body for body, line in zip(bodies, found, strict=True)
    )


class _Walk:
    def __init__(self, targets: dict[str, Target]) -> None:
        self._targets = targets

    def record(self, record: Record, node: Mapping | None, path: str, depth: int) -> Iterator[Line]:
        for name, field in record.fields().items():
            at = f"{path}.{name}" if path else name
            item = node.items.get(name) if node else None
            if item is None or (isinstance(item, Scalar) and item.value is None):
                if path.startswith("profiles."):
                    continue  # what a profile leaves open is shown where it is used
                yield from self._default(field.reader, default_of(field), field.default, at, depth, name)
            else:
                yield from self._value(field.reader, item, at, depth, name + ":")

    def _default(self, reader: Reader, said: str, default: object, path: str, depth: int, name: str) -> Iterator[Line]:
        if said:
            yield Line(path, depth, name + ":", said, DEFAULT)
        elif isinstance(reader, Record) and default is not None:
            yield Line(path, depth, name + ":", "", "")
            yield from self.record(reader, None, path, depth + 1)

    def _value(self, reader: Reader, node: Node, path: str, depth: int, label: str) -> Iterator[Line]:
        if isinstance(reader, Either):
            reader = reader.scalar if isinstance(node, Scalar) else reader.other
        if isinstance(node, Scalar):
            yield Line(path, depth, label, _written(node, reader), _source(node.place))
        elif isinstance(node, Sequence):
            yield Line(path, depth, label, "" if node.items else "[]", "" if node.items else _source(node.place))
            yield from self._items(reader, node, path, depth + 1)
        else:
            yield Line(path, depth, label, "" if node.items else "{}", "" if node.items else _source(node.place))
            yield from self._mapping(reader, node, path, depth + 1)

    def _mapping(self, reader: Reader, node: Mapping, path: str, depth: int) -> Iterator[Line]:
        if isinstance(reader, Record):
            yield from self.record(reader, node, path, depth)
            return
        inner = reader.item if isinstance(reader, MapOf) else WORKFLOW
        for name, item in node.items.items():
            yield from self._value(inner, item, f"{path}.{name}", depth, name + ":")

    def _items(self, reader: Reader, node: Sequence, path: str, depth: int) -> Iterator[Line]:
        inner = reader.item if isinstance(reader, ListOf) else reader
        provider = path.split(".")[1] if path.startswith("providers.") and path.endswith(".models") else ""
        for i, item in enumerate(node.items):
            where = f"{path}[{i}]"
            value = _flow(item, inner)
            yield Line(where, depth, "-", value, _source(item.place))
            if provider:
                yield from self._known(item, f"{provider}", where, depth + 1)

    def _known(self, item: Node, provider: str, path: str, depth: int) -> Iterator[Line]:
        """What the catalogue adds to a model as listed, as comments: it cannot stand beside a bare name."""
        said = item.items if isinstance(item, Mapping) else {}
        name = said["name"] if isinstance(item, Mapping) else item
        target = self._targets.get(f"{name.value}@{provider}") if isinstance(name, Scalar) else None
        if target is None:
            return
        for field, value in _facts(target):
            if field.partition(".")[0] in said or (field == "id" and value == target.model):
                continue
            shown_value = "unknown" if value is None else Reader().show(value)
            source = CATALOGUE if value is not None else DEFAULT
            yield Line(f"{path}.{field}", depth, f"# {field}:", shown_value, source)


def _facts(target: Target) -> Iterator[tuple[str, object]]:
    """What is known of a target; what few models have (UNSET) only where it is known."""
    price = target.price
    yield "id", target.upstream_model
    for name, fact in msgspec.structs.asdict(target.can).items():
        if fact is not UNSET:
            yield name, fact
    yield "price.input", price.input_usd_per_mtok
    yield "price.output", price.output_usd_per_mtok
    yield "price.cached_input", price.cached_input_usd_per_mtok
    seldom: dict[str, object] = {
        "price.cache_write": price.cache_write_usd_per_mtok,
        "price.cache_write_long": price.cache_write_long_usd_per_mtok,
        "price.image_input": price.image_input_usd_per_mtok,
        "price.image_output": price.image_output_usd_per_mtok,
        "price.audio_input": price.audio_input_usd_per_mtok,
        "price.audio_output": price.audio_output_usd_per_mtok,
        "price.per_thousand_requests": price.per_thousand_requests_usd,
        "price.to_tokens": price.to_tokens,
    }
    if isinstance(target.patience, Patience):
        seldom["patience.first_token"] = units.show_us(target.patience.first_token_us)
        seldom["patience.stall"] = units.show_us(target.patience.stall_us)
    yield from ((name, fact) for name, fact in seldom.items() if fact is not UNSET)


def _source(place: Place) -> str:
    return f"{place.file}:{place.line}"


def _written(node: Scalar, reader: Reader) -> str:
    value = node.text if node.plain and not isinstance(node.value, str) else str(node.value)
    if isinstance(reader, Leaf) and reader.secret and not value.startswith(_SECRET_SCHEMES):
        return HIDDEN
    return _quoted(shown(value)) if isinstance(node.value, str) else shown(value)


def _quoted(value: str) -> str:
    """As YAML wants it: in quotes where it would be read as something else."""
    plain = isinstance(scalar_value(value), str) and value[0] not in "#{}[]&*!|>'\"%@`?,- " and value[-1] not in ": "
    if plain and not set(value) & set("{}[],") and ": " not in value and " #" not in value:
        return value
    return "'" + value.replace("'", "''") + "'"


def _flow(node: Node, reader: Reader) -> str:
    """A node on one line."""
    if isinstance(reader, Either):
        reader = reader.scalar if isinstance(node, Scalar) else reader.other
    if isinstance(node, Scalar):
        return _written(node, reader)
    if isinstance(node, Sequence):
        inner = reader.item if isinstance(reader, ListOf) else reader
        return "[" + ", ".join(_flow(item, inner) for item in node.items) + "]"
    fields = reader.fields() if isinstance(reader, Record) else {}
    parts = [
        f"{name}: {_flow(item, fields[name].reader if name in fields else reader)}" for name, item in node.items.items()
    ]
    return "{" + ", ".join(parts) + "}"
