"""Every setting there is, as a table and as a JSON Schema; both are read off the structs in ``shape``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from poise.edge.config.shape import FILE, Controls
from poise.edge.config.spec import Either, Field, ListOf, MapOf, Reader, Record, Schema


class Setting(NamedTuple):
    """One setting. path has * for a name and [] for an item of a list; default is '' where there is none."""

    path: str
    type: str
    default: str
    required: bool
    meaning: str


def schema() -> Schema:
    """A JSON Schema (2020-12) of the file, for editors. It allows some of what ``load`` refuses, never the reverse."""
    definitions: Schema = {}
    _define(FILE, definitions)
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "poise.yaml"}
    return {**about, **FILE.schema(), "$defs": definitions}


def default_of(field: Field) -> str:
    """A setting's default as it would be written, '' where there is none."""
    if field.required or field.default in (None, "", (), {}) or isinstance(_inner(field.reader), Record):
        return field.default if isinstance(field.default, str) else ""
    return field.reader.show(field.default)


def _rows(record: Record, prefix: str, *, within: tuple[Record, ...]) -> Iterator[Setting]:
    for name, field in record.fields().items():
        path = f"{prefix}{name}"
        yield Setting(path, field.reader.kind, default_of(field), field.required, field.meaning)
        for inner, below in _inside(field.reader, path):
            if inner.struct is not Controls and inner not in within:
                yield from _rows(inner, below + ".", within=(*within, inner))


def _inside(reader: Reader, path: str) -> Iterator[tuple[Record, str]]:
    """The records within a reader, and where they stand."""
    if isinstance(reader, Record):
        yield reader, path
    elif isinstance(reader, MapOf):
        yield from _inside(reader.item, path + ".*")
    elif isinstance(reader, ListOf):
        yield from _inside(reader.item, path + "[]")
    elif isinstance(reader, Either):
        yield from _inside(reader.other, path)


def _inner(reader: Reader) -> Reader:
    return reader.other if isinstance(reader, Either) and not isinstance(reader.other, ListOf) else reader


def _define(record: Record, definitions: Schema) -> None:
    name = record.struct.__name__
    if name in definitions:
        return
    definitions[name] = record.definition()
    for field in record.fields().values():
        for inner, _ in _inside(field.reader, ""):
            _define(inner, definitions)


SETTINGS: dict[str, Setting] = {setting.path: setting for setting in _rows(FILE, "", within=())}
"""Every setting by its path, in the order of the structs. What a profile or posture may set is listed at workflows."""
