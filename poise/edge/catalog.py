"""What is commonly known of models: what they can do and what they cost, from catalog.yaml beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Final

import msgspec

from poise.edge.config.leaf import BOOL, TEXT, choice, whole
from poise.edge.config.node import parse
from poise.edge.config.problem import Findings
from poise.edge.config.shape import ModelShape, PriceShape
from poise.edge.config.spec import ListOf, MapOf, Record
from poise.edge.vendors import VENDORS

PATH = Path(__file__).with_name("catalog.yaml")

# Said of a model anywhere; all else (context, tools, price) depends on who serves it, and how.
EVERYWHERE: Final = ("vision", "audio", "embeddings", "reasoning", "image_output", "patience")

_TOKENS = whole(1, 1_000_000_000)
_VENDOR = choice(VENDORS, "a vendor")
_TEXTS = MapOf(lambda _: None, TEXT)


class Source(msgspec.Struct, frozen=True):
    """Where facts come from."""

    url: Annotated[str, TEXT, "the page, the repository, or which recorded answers"]
    as_of: Annotated[str, TEXT, "the day for which it was true, YYYY-MM-DD"]
    read: Annotated[bool, BOOL, "it names no day itself: that of reading a stored copy stands instead"] = False


class Offer(msgspec.Struct, frozen=True):
    """A model at a vendor that is not its own, as far as its terms there are known."""

    id: Annotated[str | None, TEXT, "what the vendor calls it"] = None
    context_tokens: Annotated[int | None, _TOKENS, "most tokens of prompt and answer together"] = None
    output_tokens: Annotated[int | None, _TOKENS, "most tokens of an answer"] = None
    tools: Annotated[bool | None, BOOL, "can call tools"] = None
    json_schema: Annotated[bool | None, BOOL, "answers by a JSON Schema"] = None
    price: Annotated[PriceShape | None, Record(PriceShape), "what it costs"] = None


class Entry(msgspec.Struct, frozen=True):
    """What is known of a model: of its price and limits only at its own vendor, and where there is an offer."""

    vendor: Annotated[str, _VENDOR, "who makes it; prices and limits hold there"]
    model: Annotated[ModelShape, Record(ModelShape), "what is known of it"]
    source: Annotated[str, TEXT, "where it is known from"]
    sources: Annotated[dict[str, str], _TEXTS, "single facts that are known from elsewhere"] = {}
    aliases: Annotated[tuple[str, ...], ListOf(TEXT), "other names its own vendor knows it by"] = ()
    offers: Annotated[dict[str, Offer], MapOf(lambda _: None, Record(Offer)), "other vendors that have it"] = {}
    ends: Annotated[str, TEXT, "the day on which its own vendor stops to serve it, YYYY-MM-DD"] = ""
    note: Annotated[str, TEXT, "what else should be known"] = ""

    def at(self, vendor: str) -> ModelShape:
        """What is known of it at a vendor."""
        if vendor == self.vendor:
            return self.model
        offer = self.offers.get(vendor, Offer())
        facts: dict[str, object] = {name: getattr(self.model, name) for name in EVERYWHERE}
        return msgspec.convert({"name": self.model.name, **facts, **msgspec.structs.asdict(offer)}, ModelShape)

    def source_of(self, fact: str) -> str:
        """The name of the source of a fact, ``price.input``: its own, that of what it is part of, or the row's."""
        return self.sources.get(fact) or self.sources.get(fact.partition(".")[0]) or self.source

    def id_at(self, vendor: str, name: str) -> str | None:
        """What a vendor calls it, where the file calls it name; None where nothing says that it is not name itself.

        A name of the vendor's own (a snapshot's, ``gpt-4o-2024-08-06``) is what was asked for and stays.
        """
        if vendor == self.vendor:
            return self.model.id if name == self.model.name else None
        return self.offers.get(vendor, Offer()).id


class Catalog(msgspec.Struct, frozen=True):
    """The catalogue as written."""

    as_of: Annotated[str, TEXT, "when it was last looked through, YYYY-MM-DD"]
    sources: Annotated[dict[str, Source], MapOf(lambda _: None, Record(Source)), "where facts come from, by name"]
    entries: Annotated[tuple[Entry, ...], ListOf(Record(Entry)), "one for each model"]


@cache
def read() -> Catalog:
    """The whole catalogue. Raises Problems where the file is wrong, which a test would have found."""
    findings = Findings()
    node = parse(PATH.read_bytes(), str(PATH), findings)
    assert node is not None
    shape = Record(Catalog).read(node, "", findings)
    findings.raise_any()
    assert isinstance(shape, Catalog)
    return shape


@cache
def catalog() -> dict[str, Entry]:
    """Every model the catalogue knows, by name."""
    return {entry.model.name: entry for entry in read().entries}


def find(name: str, vendor: str) -> Entry | None:
    """What is known of a model that a provider of vendor lists under a name: ours, an alias, or the vendor's own for it."""
    return catalog().get(name) or _by_alias().get(name) or _by_id().get((vendor, name))


@cache
def _by_alias() -> dict[str, Entry]:
    return {name: entry for entry in read().entries for name in (*entry.aliases, entry.model.id or entry.model.name)}


@cache
def _by_id() -> dict[tuple[str, str], Entry]:
    return {(v, offer.id): entry for entry in read().entries for v, offer in entry.offers.items() if offer.id}
