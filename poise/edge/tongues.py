"""How each target is spoken to: by the vendor's table, for callers of every dialect."""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple
from urllib.parse import quote

from msgspec import UnsetType

from poise import __version__
from poise.edge.http.address import address_of
from poise.edge.snapshot import Endpoint
from poise.edge.vendors import VENDORS, Auth, Cancel, Surface, Vendor, auth_of, surface_for
from poise.path.fleet import Forms, Tongue
from poise.path.signing import Signer, Signing
from poise.target import Target
from poise.wire.call import Dialect
from poise.wire.dialects import (
    BACKS,
    CHATS,
    COUNTS,
    DIALECTS,
    EMBEDDERS,
    EMBEDS,
    STREAM_KINDS,
    between,
    counts,
    embeddings,
    mender,
)
from poise.wire.images import EDIT_FORM, MAX_EVENT_BYTES
from poise.wire.oip import dialect as oip
from poise.wire.oip.request import INFER, SURFACES
from poise.wire.path import in_path
from poise.wire.pins_made import made_for
from poise.wire.sse import Splitter

_JSON: Final = b"content-type: application/json\r\n"


class _Site(NamedTuple):
    """A target where it is: all that its tongues have in common. signer is None where a key, or nothing, is shown."""

    target: Target
    endpoint: Endpoint
    vendor: Vendor
    signer: Signer | None


def tongues_of(target: Target, endpoint: Endpoint, signer: Signer | None = None) -> dict[str, Tongue]:
    """By the caller's dialect. A caller is answered in its own where the target speaks it at the same address; else the
    target's first dialect is spoken, and translated. Raises KeyError where none of its dialects is ours.
    """
    vendor = VENDORS.get(target.vendor, VENDORS["openai-compatible"])
    site = _Site(target, endpoint, vendor, signer)
    found: dict[str, Tongue] = {}
    first = surface_for(vendor, target.upstream_model, versioned=bool(endpoint.provider.api_version))
    if first is None:
        raise KeyError(vendor.dialect)
    if first.dialect == "oip":
        return {"oip": _tensors(site, first)}
    beside = [one for one in reversed(vendor.speaks) if one.dialect in BACKS and one.path == first.path]
    native = {BACKS[surface.dialect].same: surface for surface in beside} | {BACKS[first.dialect].same: first}
    for front in CHATS:
        surface = native.get(front, first)
        back = BACKS[surface.dialect]
        dialect = between(front, surface.dialect, vendor.manner)
        same = front == back.same
        kinds = (b"", b"") if same else (b"application/json", STREAM_KINDS.get(front, b"text/event-stream"))
        paths = {("chat", stream): _path(site, surface, back.dialect, "chat", stream) for stream in (False, True)}
        found[front] = Tongue(
            dialect,
            _heads(site, paths),
            Forms(*kinds, back.streams_as, back.splitter),
            mender(front, surface.dialect, vendor.manner),
            made=made_for(front, back.codec.name),
            drains=vendor.cancel is Cancel.BILLS,
            chained=vendor.chained,
            signing=_signing(site, paths),
        )
    others = [(name, surface_of(name), dialect) for name, dialect in counts(first.dialect).items()]
    if first.dialect in EMBEDDERS:
        others += [(name, "embeddings", embeddings(name, first.dialect)) for name in EMBEDS]
    for front, name, dialect in others:
        # A body with stream in it is read by the vendor, which knows no streams of these.
        path = _path(site, first, dialect, name, stream=False)
        paths = {(name, False): path, (name, True): path}
        kind = b"" if _as_it_came(front, first.dialect) else b"application/json"
        found[front] = Tongue(dialect, _heads(site, paths), Forms(kind, kind), signing=_signing(site, paths))
    found.update(_images(site, first))
    return found


def _images(site: _Site, first: Surface) -> dict[str, Tongue]:
    """OpenAI's images API, where the vendor has it. One event of a stream holds a whole picture."""
    found: dict[str, Tongue] = {}
    forms = Forms(splitter=partial(Splitter, MAX_EVENT_BYTES))
    for front in site.vendor.images:
        path = _path(site, first, DIALECTS[front], front, stream=False)
        paths = {(front, False): path, (front, True): path}
        heads = _heads(site, paths)
        if front == EDIT_FORM:  # the caller's own content type goes on, for its boundary stands in it
            heads = {which: head.replace(_JSON, b"", 1) for which, head in heads.items()}
        found[front] = Tongue(DIALECTS[front], heads, forms, signing=_signing(site, paths))
    return found


def surface_of(front: str) -> str:
    """The surface that a door for counts leads to."""
    return "count_tokens" if front == "anthropic-count" else "countTokens"


def _as_it_came(front: str, back: str) -> bool:
    """Whether an answer at a door beside the chats goes on without a translation: counts always, embeddings at home."""
    return front in COUNTS or (back != "gemini-vertex" and (front == "embeddings") == (back == "openai"))


def _path(site: _Site, surface: Surface, dialect: Dialect, name: str, stream: bool) -> bytes:
    """The path of one kind of call, from the host on, with its query."""
    provider, model = site.endpoint.provider, site.target.upstream_model
    _, base = address_of(provider)
    blanks = {
        "{model}": in_path(model),
        "{project}": quote(provider.project, safe=":"),
        "{location}": quote(provider.location, safe=""),
        "{api_version}": quote(provider.api_version, safe=""),
    }
    inserted, query = surface.path or "", "&".join(f"{key}={value}" for key, value in surface.query)
    for blank, value in blanks.items():
        inserted, query = inserted.replace(blank, value), query.replace(blank, value)
    path = base + inserted.encode() + dialect.upstream_path(name, model, stream)
    if query:
        path += (b"&" if b"?" in path else b"?") + query.encode()
    return path


def _heads(site: _Site, paths: dict[tuple[str, bool], bytes]) -> dict[tuple[str, bool], bytes]:
    host, _ = address_of(site.endpoint.provider)
    lines = b"".join(b"%b: %b\r\n" % (header.encode(), value.encode()) for header, value in site.vendor.headers)
    lines += auth_line(auth_of(site.vendor, key=bool(site.endpoint.key)), site.endpoint.key)
    return {
        which: b"POST %b HTTP/1.1\r\nhost: %b\r\nuser-agent: poise/%b\r\naccept-encoding: identity\r\n"
        b"content-type: application/json\r\n%b" % (path, host, __version__.encode(), lines)
        for which, path in paths.items()
    }


def _signing(site: _Site, paths: dict[tuple[str, bool], bytes]) -> Signing | None:
    if site.signer is None:
        return None
    host, _ = address_of(site.endpoint.provider)
    return Signing(site.signer, host, paths)


def _tensors(site: _Site, surface: Surface) -> Tongue:
    """The content type is the caller's, for it says whether binary tensors follow (``wire.oip.request.lines_of``)."""
    target, spoken = site.target, DIALECTS["oip"]
    host, base = address_of(site.endpoint.provider)
    model = oip.in_path(target.upstream_model, "" if isinstance(target.version, UnsetType) else target.version)
    heads = {
        (name, False): b"%b %b%b%b HTTP/1.1\r\nhost: %b\r\nuser-agent: poise/%b\r\naccept-encoding: identity\r\n%b"
        % (
            b"POST" if name == INFER else b"GET",
            base,
            (surface.path or "").encode(),
            spoken.upstream_path(name, model, stream=False),
            host,
            __version__.encode(),
            auth_line(auth_of(site.vendor, key=bool(site.endpoint.key)), site.endpoint.key),
        )
        for name in SURFACES
    }
    return Tongue(spoken, heads)


def auth_line(auth: Auth, key: str) -> bytes:
    """The header line that shows who calls; b'' without a key."""
    if not key:
        return b""
    if auth.kind == "header":
        return b"%b: %b\r\n" % (auth.name.encode(), key.encode("latin-1"))
    return b"authorization: Bearer %b\r\n" % key.encode("latin-1")
