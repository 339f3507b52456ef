"""How each target is spoken to: by the vendor's table, for callers of every dialect."""

from __future__ import annotations

from urllib.parse import quote

from msgspec import UnsetType

from poise import __version__
from poise.edge.http.address import address_of
from poise.edge.snapshot import Endpoint
from poise.edge.vendors import VENDORS, Auth, Cancel, Surface, Vendor
from poise.path.fleet import Tongue
from poise.target import Target
from poise.wire.call import Dialect
from poise.wire.dialects import CHATS, COUNTS, DIALECTS, EMBEDS, STREAM_KINDS, between, embeddings, mender
from poise.wire.oip.dialect import in_path
from poise.wire.oip.request import INFER, SURFACES
from poise.wire.pins_made import made_for


def tongues_of(target: Target, endpoint: Endpoint) -> dict[str, Tongue]:
    """By the caller's dialect. A caller is answered in its own where the target speaks it at the same address; else the
    target's first dialect is spoken, and translated.
    """
    vendor = VENDORS.get(target.vendor, VENDORS["openai-compatible"])
    found: dict[str, Tongue] = {}
    first = spoken_first(vendor)
    if first.dialect == "oip":
        return {"oip": _tensors(target, endpoint, vendor, first)}
    native = {surface.dialect: surface for surface in reversed(vendor.speaks) if surface.path == first.path}
    for front in CHATS:
        surface = native.get(front, first)
        spoken = DIALECTS[surface.dialect]
        heads = {
            ("chat", stream): _head(target, endpoint, vendor, surface, spoken, "chat", stream=stream)
            for stream in (False, True)
        }
        same = front == surface.dialect
        whole_kind = b"" if same else b"application/json"
        stream_kind = b"" if same else STREAM_KINDS.get(front, b"text/event-stream")
        found[front] = Tongue(
            between(front, surface.dialect, vendor.manner),
            heads,
            whole_kind,
            stream_kind,
            mender(front, surface.dialect, vendor.manner),
            made=made_for(front, surface.dialect),
            drains=vendor.cancel is Cancel.BILLS,
            chained=vendor.chained,
        )
    others: list[tuple[str, str, Dialect]] = []
    if first.dialect in ("openai", "gemini"):
        others += [(front, "embeddings", embeddings(front, first.dialect)) for front in EMBEDS]
    others += [(front, surface_of(front), DIALECTS[front]) for front, chat in COUNTS.items() if chat == first.dialect]
    for front, name, dialect in others:
        # A body with stream in it is read by the vendor, which knows no streams of these.
        head = _head(target, endpoint, vendor, first, dialect, name, stream=False)
        kind = b"" if _as_it_came(front, first.dialect) else b"application/json"
        found[front] = Tongue(dialect, {(name, False): head, (name, True): head}, kind, kind)
    return found


def surface_of(front: str) -> str:
    """The surface that a door for counts leads to."""
    return "count_tokens" if front == "anthropic-count" else "countTokens"


def _as_it_came(front: str, back: str) -> bool:
    """Whether an answer at a door beside the chats goes on without a translation: counts always, embeddings at home."""
    return front in COUNTS or (front == "embeddings") == (back == "openai")


def spoken_first(vendor: Vendor) -> Surface:
    """The first of a vendor's dialects that is ours too. Raises KeyError where none is."""
    for surface in vendor.speaks:
        if surface.dialect in DIALECTS:
            return surface
    raise KeyError(vendor.dialect)


def _head(
    target: Target, endpoint: Endpoint, vendor: Vendor, surface: Surface, dialect: Dialect, name: str, *, stream: bool
) -> bytes:
    host, base = address_of(endpoint.provider)
    model = quote(target.upstream_model, safe="/@.:-_~")
    inserted = (surface.path or "").replace("{model}", model).encode()
    path = dialect.upstream_path(name, model, stream)
    lines = b"".join(b"%b: %b\r\n" % (header.encode(), value.encode()) for header, value in vendor.headers)
    query = "&".join(f"{key}={value}" for key, value in surface.query).encode()
    if query:
        path += (b"&" if b"?" in path else b"?") + query
    return (
        b"POST %b%b%b HTTP/1.1\r\nhost: %b\r\nuser-agent: poise/%b\r\naccept-encoding: identity\r\n"
        b"content-type: application/json\r\n%b%b"
        % (base, inserted, path, host, __version__.encode(), lines, _auth(vendor.auth[0], endpoint.key))
    )


def _tensors(target: Target, endpoint: Endpoint, vendor: Vendor, surface: Surface) -> Tongue:
    """The content type is the caller's, for it says whether binary tensors follow (``wire.oip.request.lines_of``)."""
    spoken = DIALECTS["oip"]
    host, base = address_of(endpoint.provider)
    model = in_path(target.upstream_model, "" if isinstance(target.version, UnsetType) else target.version)
    heads = {
        (name, False): b"%b %b%b%b HTTP/1.1\r\nhost: %b\r\nuser-agent: poise/%b\r\naccept-encoding: identity\r\n%b"
        % (
            b"POST" if name == INFER else b"GET",
            base,
            (surface.path or "").encode(),
            spoken.upstream_path(name, model, stream=False),
            host,
            __version__.encode(),
            _auth(vendor.auth[0], endpoint.key),
        )
        for name in SURFACES
    }
    return Tongue(spoken, heads)


def _auth(auth: Auth, key: str) -> bytes:
    if not key:
        return b""
    if auth.kind == "header":
        return b"%b: %b\r\n" % (auth.name.encode(), key.encode("latin-1"))
    return b"authorization: Bearer %b\r\n" % key.encode("latin-1")
