"""Providers as they are reached, and the targets they make with what the catalogue knows of their models."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, UnsetType

from poise.edge import catalog
from poise.edge.config import clouds
from poise.edge.config.address import Secret, is_loopback
from poise.edge.config.load import Loaded
from poise.edge.config.node import Node, Scalar
from poise.edge.config.problem import Findings, Place
from poise.edge.config.shape import ModelShape, PatienceShape, PriceShape, PriorShape, ProviderShape
from poise.edge.config.tree import find, key_place
from poise.edge.vendors import VENDORS, spoken
from poise.target import Capabilities, Patience, Price, Prior, Provider, Target

_Fact = TypeVar("_Fact")


class Link(msgspec.Struct, frozen=True):
    """A provider and where its secrets are found; None where it has none."""

    provider: Provider
    key: Secret | None = None
    proxy: Secret | None = None


_MOST_NAMED = 20  # models in one warning


def links_and_targets(loaded: Loaded, findings: Findings) -> tuple[dict[str, Link], dict[str, Target]]:
    """Every provider by name and every target by id, in the order of the file."""
    links: dict[str, Link] = {}
    targets: dict[str, Target] = {}
    for name, shape in loaded.shape.providers.items():
        links[name] = _link(loaded, name, shape, findings)
        unknown: list[str] = []
        for i, said in enumerate(shape.models):
            model = ModelShape(name=said) if isinstance(said, str) else said
            target = _target(name, shape, model)
            if model.version and target.dialect != "oip":
                node = find(loaded.root, "providers", name, "models", i, "version")
                path = f"providers.{name}.models[{i}].version"
                hint = "say the version in id, as the vendor does"
                findings.error(node.place, path, model.version, f"is nothing that {shape.vendor} knows", hint)
            if target.id in targets:
                node = find(loaded.root, "providers", name, "models", i)
                path = f"providers.{name}.models[{i}]"
                findings.error(node.place, path, model.name, "is listed twice at this provider", "keep one of them")
                continue
            targets[target.id] = target
            if target.can == Capabilities():
                unknown.append(model.name)
        _unknown(loaded, name, unknown, findings)
    return links, targets


def _unknown(loaded: Loaded, provider: str, names: list[str], findings: Findings) -> None:
    """One line for all models of a provider of which nothing is known."""
    if not names:
        return
    listed = ", ".join(names[:_MOST_NAMED]) + (f" and {len(names) - _MOST_NAMED} more" * (len(names) > _MOST_NAMED))
    text = "not in the catalogue, so what they can do is unknown; say context_tokens, tools, price, ... of them"
    place = find(loaded.root, "providers", provider, "models").place
    findings.warning(place, f"providers.{provider}.models", listed, text)


def _link(loaded: Loaded, name: str, shape: ProviderShape, findings: Findings) -> Link:
    vendor = VENDORS[shape.vendor]
    location = clouds.location_of(vendor, shape.location, shape.region)
    url = shape.url or vendor.url_at(location)

    def error(field: str, text: str, hint: str, value: str = "") -> None:
        node = find(loaded.root, "providers", name, field)
        place = node.place if field in _fields(loaded, name) else key_place(loaded.root, "providers", name)
        findings.error(place, f"providers.{name}.{field}", value, text, hint)

    there = _fields(loaded, name)  # also what is wrong, and was told of as that
    if not url and "url" not in there and spoken(shape.vendor):
        hint = "add url: http://host:port/v1" if vendor.dialect == "openai" else "add url: https://HOST"
        error("url", f"is missing: {shape.vendor} has no usual address", hint)
    if vendor.dialect == "oip" and urlsplit(url).path.rstrip("/").endswith("/v2"):
        error("url", "ends with /v2, which is said after it", "leave /v2 out", url)
    if vendor.variable and not there & {"key", "url"} and spoken(shape.vendor):
        error("key", f"is missing: {shape.vendor} asks for one", f"add key: env:{vendor.variable}")
    clouds.check(shape.vendor, {field: str(getattr(shape, field, "")) for field in there}, error)
    if odd := clouds.is_no_place(shape.vendor, location):
        field = "location" if shape.location else "region"
        findings.warning(find(loaded.root, "providers", name, field).place, f"providers.{name}.{field}", location, odd)
    if bool(shape.client_cert) != bool(shape.client_key):
        has, lacking = ("client_cert", "client_key") if shape.client_cert else ("client_key", "client_cert")
        error(has, f"is of no use without {lacking}", f"add {lacking}: PATH")
    if clouds.shows_credentials(vendor, key=bool(shape.key)) and url.startswith("http://") and not _on_loopback(url):
        node = find(loaded.root, "providers", name, "url")
        hint, what = (
            ("use https://, or leave the key out", "the key") if shape.key else ("use https://", "what is shown")
        )
        findings.warning(node.place, f"providers.{name}.url", url, f"{what} goes there unencrypted", hint)
    provider = Provider(
        name=name,
        vendor=shape.vendor,
        region=shape.region,
        url=url,
        key=shape.key.reference if shape.key else "",
        proxy=(shape.proxy.literal or shape.proxy.reference) if shape.proxy else "",
        ca=_reference(shape.ca),
        client_cert=_reference(shape.client_cert),
        client_key=_reference(shape.client_key),
        connections=shape.connections,
        project=shape.project,
        location=location,
        credentials=_reference(shape.credentials),
        profile=shape.profile,
        role=shape.role,
        api_version=shape.api_version,
    )
    return Link(provider, shape.key, shape.proxy)


def _reference(path: str) -> str:
    """A certificate's path as the reference that a Provider holds."""
    return f"file:{path}" if path else ""


def _fields(loaded: Loaded, provider: str) -> frozenset[str]:
    """What the file says of a provider, right or wrong; ``url: null`` says nothing."""
    node = find(loaded.root, "providers", provider)
    items: dict[str, Node] = getattr(node, "items", {})
    return frozenset(name for name, said in items.items() if not (isinstance(said, Scalar) and said.value is None))


def _on_loopback(url: str) -> bool:
    return is_loopback((urlsplit(url).hostname or "") + ":0")


def _target(provider: str, shape: ProviderShape, model: ModelShape) -> Target:
    entry = catalog.find(model.name, shape.vendor)
    known = entry.at(shape.vendor) if entry else ModelShape(name=model.name)
    prior = model.prior or known.prior or PriorShape()
    patience = model.patience or known.patience or PatienceShape()
    upstream = model.id or (entry.id_at(shape.vendor, model.name) if entry else None) or model.name
    can = capabilities_of(model, known)
    images = VENDORS[shape.vendor].images
    if images and entry is not None and can.image_output is UNSET:
        can = msgspec.structs.replace(can, image_output=False)  # the catalogue says of each that makes some
    return Target(
        id=f"{model.name}@{provider}",
        model=model.name,
        provider=provider,
        vendor=shape.vendor,
        region=shape.region,
        upstream_model=upstream,
        dialect=spoken(shape.vendor, upstream, versioned=bool(shape.api_version)) or VENDORS[shape.vendor].dialect,
        can=can,
        price=price_of(model.price or PriceShape(), known.price or PriceShape()),
        prior=Prior(prior.first_token, prior.total),
        concurrency=model.concurrency,
        patience=Patience(patience.first_token, patience.stall) if patience != PatienceShape() else UNSET,
        version=model.version or UNSET,
        images=images or UNSET,
    )


def price_of(said: PriceShape, known: PriceShape) -> Price:
    """Fact by fact: what the file says, else what is known. A longest prompt is one of the known prices, not of said ones."""
    facts = {name: _first(getattr(said, name), getattr(known, name)) for name in PriceShape.__struct_fields__}
    return Price(
        facts["input"],
        facts["output"],
        facts["cached_input"],
        cache_write_usd_per_mtok=_set(facts["cache_write"]),
        cache_write_long_usd_per_mtok=_set(facts["cache_write_long"]),
        image_input_usd_per_mtok=_set(facts["image_input"]),
        image_output_usd_per_mtok=_set(facts["image_output"]),
        audio_input_usd_per_mtok=_set(facts["audio_input"]),
        audio_output_usd_per_mtok=_set(facts["audio_output"]),
        per_thousand_requests_usd=_set(facts["per_thousand_requests"]),
        to_tokens=_set(facts["to_tokens"] if said.input is None and said.output is None else said.to_tokens),
    )


def capabilities_of(said: ModelShape, known: ModelShape) -> Capabilities:
    """Fact by fact, likewise. The newest of them are left out where they are not known: see target.py."""
    names = Capabilities.__struct_fields__
    facts: dict[str, object] = {name: _first(getattr(said, name), getattr(known, name)) for name in names}
    facts = {name: fact for name, fact in facts.items() if fact is not None}
    return msgspec.convert(facts, Capabilities)


def _first(said: _Fact | None, known: _Fact | None) -> _Fact | None:
    return known if said is None else said


def _set(value: _Fact | None) -> _Fact | UnsetType:
    return UNSET if value is None else value


def place_of_model(loaded: Loaded, target: Target) -> Place:
    """Where a provider lists a target's model."""
    provider = loaded.shape.providers[target.provider]
    names = [said if isinstance(said, str) else said.name for said in provider.models]
    return find(loaded.root, "providers", target.provider, "models", names.index(target.model)).place
