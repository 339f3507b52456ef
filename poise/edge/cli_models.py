"""``poise models``: what the catalogue knows of models, and what a configuration makes of them. Prints; returns the status."""

from __future__ import annotations

import fnmatch
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from poise.edge import catalog
from poise.edge.cli_config import DEFAULT_FILE
from poise.edge.config.load import load_into
from poise.edge.config.problem import Findings
from poise.edge.config.resolve import resolve_into
from poise.edge.config.shape import ModelShape, PriceShape
from poise.edge.config.targets import capabilities_of, price_of
from poise.target import Capabilities, Price, Target

UNKNOWN = "?"
_WIDE = 400  # columns, where no terminal says how many it has: no line is broken

Json = dict[str, object]


class Row(NamedTuple):
    """One line: a model of the catalogue at a vendor, or a target of the configuration."""

    name: str
    vendor: str
    can: Capabilities
    price: Price
    entry: catalog.Entry | None
    target: Target | None = None


class Wanted(NamedTuple):
    """What to list. names are patterns; None and empty ask for nothing; max_usd bounds input and output alike."""

    names: tuple[str, ...] = ()
    vendor: str = ""
    tools: bool = False
    vision: bool = False
    json_schema: bool = False
    reasoning: bool = False
    embeddings: bool = False
    max_usd: float | None = None


def models(file: Path | None, wanted: Wanted, *, json_: bool) -> int:
    """List models. 1 where the configuration cannot be read, or nothing is left to list.

    file: its targets are listed too; ./poise.yaml where it is None and there is one. A filter keeps what is known to fit:
    what is unknown is counted on stderr.
    """
    rows = rows_of_catalogue(wanted.vendor)
    path = file or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    bad = False
    if path is not None:
        configured, findings = rows_of_config(path)
        rows += configured
        for problem in findings.problems:
            bad = True
            _say(f"error: {problem}")
    kept, unknown = chosen(rows, wanted)
    if json_:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode([_json(row) for row in kept])).decode() + "\n")
    elif kept:
        _table(kept)
    _say(
        f"{len(kept)} of {len(rows)} models" + (f"; of {unknown} more it is not known whether they fit" * bool(unknown))
    )
    return 1 if bad or not kept else 0


def rows_of_catalogue(vendor: str = "") -> list[Row]:
    """One for each model at its own vendor, and one more for each that vendor has of others."""
    rows = []
    for entry in catalog.read().entries:
        for at in (entry.vendor, *({vendor} & set(entry.offers))):
            known = entry.at(at)
            can = capabilities_of(ModelShape(name=known.name), known)
            rows.append(Row(known.name, at, can, price_of(PriceShape(), known.price or PriceShape()), entry))
    return rows


def rows_of_config(path: Path) -> tuple[list[Row], Findings]:
    """One for each target, in the order of the file; what could not be read is among the findings."""
    findings = Findings()
    loaded = load_into(path, os.environ, findings)
    resolved = resolve_into(loaded, findings) if loaded is not None else None
    targets = resolved.targets.values() if resolved is not None else ()
    rows = [Row(t.id, t.vendor, t.can, t.price, catalog.find(t.model, t.vendor), t) for t in targets]
    return rows, findings


def chosen(rows: Iterable[Row], wanted: Wanted) -> tuple[list[Row], int]:
    """The rows that are known to be as wanted, and how many may be."""
    kept, unknown = [], 0
    for row in rows:
        fits = _fits(row, wanted)
        kept += [row] if fits else []
        unknown += fits is None
    return kept, unknown


def _fits(row: Row, wanted: Wanted) -> bool | None:
    """None where it is not known."""
    names = [row.name, *(row.entry.aliases if row.entry else ()), *([row.target.upstream_model] if row.target else ())]
    if wanted.names and not any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in wanted.names):
        return False
    if wanted.vendor and wanted.vendor not in {row.vendor, row.target.provider if row.target else row.vendor}:
        return False
    asked: list[bool | None] = []
    for name in ("tools", "vision", "json_schema", "reasoning", "embeddings"):
        if getattr(wanted, name):
            able = getattr(row.can, name)
            asked.append(None if able is UNSET else able)
    if wanted.max_usd is not None:
        prices = (row.price.input_usd_per_mtok, row.price.output_usd_per_mtok)
        asked += [None if price is None else price <= wanted.max_usd for price in prices]
    if False in asked:
        return False
    return None if None in asked else True


def _json(row: Row) -> Json:
    """Facts that are not known are null; the newest of them are left out instead."""
    told: Json = {"name": row.name, "vendor": row.vendor}
    if row.target is not None:
        told |= {"provider": row.target.provider, "id": row.target.upstream_model}
    told |= {"can": row.can, "price": row.price}
    if row.entry is not None:
        entry, sources = row.entry, catalog.read().sources
        told["known_from"] = {
            "": sources[entry.source],
            **{fact: sources[name] for fact, name in entry.sources.items()},
        }
        told |= {"aliases": entry.aliases, "ends": entry.ends or None, "note": entry.note}
    return told


def _table(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "vendor", box=None, pad_edge=False)
    for name in ("context", "output"):
        table.add_column(name, justify="right")
    table.add_column("takes")
    table.add_column("can")
    for name in ("in", "cached", "out"):
        table.add_column(f"$ {name}", justify="right")
    table.add_column("as of")
    table.add_column("ends")
    for row in rows:
        table.add_row(*_cells(row))
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if not sys.stdout.isatty():
        console = Console(highlight=False, markup=False, width=_WIDE)
    console.print(table)


def _cells(row: Row) -> list[str]:
    can, price, entry = row.can, row.price, row.entry
    takes: list[tuple[str, object]] = [("image", can.vision), ("audio", can.audio), ("file", can.files)]
    does: list[tuple[str, object]] = [
        ("tools", can.tools),
        ("schema", can.json_schema),
        ("prefill", can.prefill),
        ("think", can.reasoning),
        ("embed", can.embeddings or None),
        ("draw", can.image_output),
    ]
    as_of = catalog.read().sources[entry.source_of("price.input")].as_of if entry else ""
    return [
        row.name,
        row.target.provider if row.target else row.vendor,
        _count(can.context_tokens),
        _count(can.output_tokens),
        " ".join(["text", *_words(takes)]),
        " ".join(_words(does)) or UNKNOWN,
        _usd(price.input_usd_per_mtok),
        _usd(price.cached_input_usd_per_mtok),
        _usd(price.output_usd_per_mtok),
        as_of or UNKNOWN,
        entry.ends if entry else "",
    ]


def _words(abilities: list[tuple[str, object]]) -> list[str]:
    """What it can; with a question mark what is not known, of those that matter often."""
    seldom = {"prefill", "embed", "draw", "think", "file", "audio"}
    found = [name for name, able in abilities if able is True]
    return found + [f"{name}{UNKNOWN}" for name, able in abilities if able in {None, UNSET} and name not in seldom]


def _count(tokens: int | None) -> str:
    return UNKNOWN if tokens is None else f"{tokens:,}"


def _usd(price: float | None) -> str:
    return UNKNOWN if price is None else f"{price:g}"


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
