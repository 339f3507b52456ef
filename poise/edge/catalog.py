"""What is commonly known of models: what they can do and what they cost, from catalog.yaml beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec

from poise.edge.config.leaf import TEXT, choice
from poise.edge.config.node import parse
from poise.edge.config.problem import Findings
from poise.edge.config.shape import ModelShape
from poise.edge.config.spec import ListOf, MapOf, Record
from poise.edge.config.vendors import VENDORS

PATH = Path(__file__).with_name("catalog.yaml")

_VENDOR = choice(VENDORS, "a vendor")


class EntryShape(msgspec.Struct, frozen=True):
    """A row of the catalogue as written."""

    vendor: Annotated[str, _VENDOR, "who makes it; prices and limits hold there"]
    model: Annotated[ModelShape, Record(ModelShape), "what is known of it"]
    ids: Annotated[
        dict[str, str], MapOf(lambda _: None, TEXT), "what a vendor calls it where that is another name"
    ] = {}


class CatalogShape(msgspec.Struct, frozen=True):
    """The catalogue as written."""

    as_of: Annotated[str, TEXT, "when this was known"]
    entries: Annotated[tuple[EntryShape, ...], ListOf(Record(EntryShape)), "one for each model"]


class Entry(msgspec.Struct, frozen=True):
    """What is known of a model; of its price and limits only at its own vendor."""

    vendor: str
    model: ModelShape
    ids: dict[str, str]


@cache
def catalog() -> dict[str, Entry]:
    """Every model the catalogue knows, by name."""
    findings = Findings()
    node = parse(PATH.read_bytes(), str(PATH), findings)
    assert node is not None
    shape = Record(CatalogShape).read(node, "", findings)
    findings.raise_any()
    assert isinstance(shape, CatalogShape)
    return {entry.model.name: Entry(entry.vendor, entry.model, entry.ids) for entry in shape.entries}
