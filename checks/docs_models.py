"""The catalogue of models and the table of vendors, as Markdown."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from poise.edge.vendors import VENDORS, Surface
from poise.target import Price

UNKNOWN = "?"


def render() -> str:
    """Every model: terms at its own vendor, and where each fact is known from. Raises ImportError without a catalogue."""
    from poise.edge.catalog import read
    from poise.edge.cli_models import rows_of_catalogue

    rows = [
        "| model | vendor | context | output | takes | can | USD a million tokens: in / cached / out | known from | ends; notes |",
        "|---|---|--:|--:|---|---|---|---|---|",
    ]
    for row in rows_of_catalogue():
        assert row.entry is not None
        can, price, entry = row.can, row.price, row.entry
        takes: list[tuple[str, object]] = [("images", can.vision), ("sound", can.audio), ("files", can.files)]
        does: list[tuple[str, object]] = [
            ("tools", can.tools),
            ("schema", can.json_schema),
            ("prefill", can.prefill),
            ("thinks", can.reasoning),
            ("embeds", can.embeddings),
            ("draws", can.image_output),
        ]
        money = (price.input_usd_per_mtok, price.cached_input_usd_per_mtok, price.output_usd_per_mtok)
        names = [entry.source, *sorted(set(entry.sources.values()) - {entry.source})]
        ids = f" (`{entry.model.id}`)" if entry.model.id else ""
        cells = [
            f"`{row.name}`{ids}",
            row.vendor,
            UNKNOWN if can.context_tokens is None else f"{can.context_tokens:,}",
            UNKNOWN if can.output_tokens is None else f"{can.output_tokens:,}",
            _words(takes),
            _words(does),
            " / ".join(UNKNOWN if usd is None else f"{usd:g}" for usd in money) + _besides(price),
            ", ".join(names),
            "; ".join(filter(None, (entry.ends, entry.note))),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    rows += ["", "| known from | what it is | as of |", "|---|---|---|"]
    for name, source in read().sources.items():
        read_then = " (read then; it names no day)" if source.read else ""
        rows.append(f"| {name} | {source.url} | {source.as_of}{read_then} |")
    return "\n".join(rows)


def render_vendors() -> str:
    """Every vendor: where, who it wants to see, what it speaks. Raises ImportError without the table."""
    rows = [
        "| vendor | address | shown by | speaks | output limit | hanging up |",
        "|---|---|---|---|---|---|",
    ]
    for name, vendor in VENDORS.items():
        auth = " or ".join(f"`{a.name}` ({a.kind})" if a.name else a.kind for a in vendor.auth)
        speaks = ", ".join(_surface(surface) for surface in vendor.speaks)
        url = f"`{vendor.url}`" if vendor.url else "yours"
        limit = f"`{vendor.manner.limit_field}`" if vendor.manner.limit_field else ""
        rows.append(f"| `{name}` | {url} | {auth} | {speaks} | {limit} | {vendor.cancel} |")
    return "\n".join(rows)


def _surface(surface: Surface) -> str:
    """A wire format, where it is, and for which models."""
    place = "" if surface.path is None else f" at `{surface.path or '/'}`"
    models = f" for {', '.join(f'`{pattern}`' for pattern in surface.models)}" if surface.models else ""
    return f"{surface.dialect}{place}{models}"


def _besides(price: Price) -> str:
    """Prices that few models have."""
    seldom = (
        ("cache writes", price.cache_write_usd_per_mtok),
        ("for an hour", price.cache_write_long_usd_per_mtok),
        ("images read", price.image_input_usd_per_mtok),
        ("images made", price.image_output_usd_per_mtok),
        ("sound read", price.audio_input_usd_per_mtok),
        ("sound made", price.audio_output_usd_per_mtok),
        ("a thousand requests", price.per_thousand_requests_usd),
    )
    said = "".join(f"; {name} {usd:g}" for name, usd in seldom if not isinstance(usd, UnsetType))
    return said if isinstance(price.to_tokens, UnsetType) else f"{said}; prompts to {price.to_tokens:,}"


def _words(abilities: list[tuple[str, object]]) -> str:
    """What it can; what is not known with a question mark, what it cannot not at all."""
    return ", ".join(
        name if able is True else f"{name}{UNKNOWN}"
        for name, able in abilities
        if able is not False and able is not UNSET
    )
