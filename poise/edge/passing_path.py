"""Where a call that is passed through goes: the rest of its path, behind the provider's own address and never beside it.

Servers differ in what they make of ``..``, ``//``, ``%2f`` and of escapes that are escaped once more, so none of them is
sent on. Pure.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from poise.errors import Error

PREFIX: Final = b"/passthrough/"
MAX_DECODED: Final = 4  # times that a path is decoded to see what it may mean to somebody

_REST: Final = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})+\Z")
_QUERY: Final = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]|-]|%[0-9A-Fa-f]{2})*\Z")
_VERSION: Final = re.compile(rb"v[0-9][A-Za-z0-9]*\Z")
# Keys of callers; a provider's own never stands there.
_CREDENTIALS: Final = frozenset({b"key", b"access_token", b"api-key", b"api_key", b"subscription-key"})
# Where a path names a model: Gemini's models/NAME, Azure's deployments/NAME, Bedrock's model/NAME.
_MODEL: Final = re.compile(rb"(?:\A|/)(?:models|deployments|model|tunedModels|engines)/([^/:]+)")


def split(path: bytes) -> tuple[bytes, bytes]:
    """Provider and rest of a path that begins with PREFIX; b'' for what is not there."""
    provider, _, rest = path[len(PREFIX) :].partition(b"/")
    return provider, rest


def checked(rest: bytes, query: bytes) -> None:
    """Raises Error bad_request where the path could leave the provider's own, or is no path."""
    if _REST.match(rest) is None or _QUERY.match(query) is None:
        raise _bad("it is not plain: percent-encode what is neither a letter, a digit nor a path's own sign")
    seen = rest
    for _ in range(MAX_DECODED):
        _check_segments(seen)
        decoded = unquote_to_bytes(seen)
        if decoded == seen:
            return
        if decoded.count(b"/") != seen.count(b"/") or b"\\" in decoded:
            raise _bad("it hides a slash in an escape")
        if any(c < 0x20 or c == 0x7F for c in decoded):
            raise _bad("it hides a control character in an escape")
        seen = decoded
    raise _bad("its escapes are escaped again and again")


def target_of(base: bytes, rest: bytes, query: bytes) -> bytes:
    """The request target at the provider: its base path, the rest, and the query without a caller's key.

    A version that ends the base and begins the rest is said once, so that a client whose base URL ends in ``/v1`` gets
    where it wants, whether the provider's url ends so or not.
    """
    first, slash, after = rest.partition(b"/")
    if slash and _VERSION.match(first) is not None and base.rpartition(b"/")[2] == first:
        rest = after
    kept = b"&".join([pair for pair in query.split(b"&") if not _is_key(pair)])
    return b"%b/%b%b%b" % (base, rest, b"?" if kept else b"", kept)


def model_of(rest: bytes) -> str:
    """The model that a path names, '' where it names none."""
    found = _MODEL.search(rest)
    return "" if found is None else unquote_to_bytes(found[1]).decode("utf-8", "replace")


def model_in_query(query: bytes) -> list[str]:
    """Models that a query names."""
    found = []
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if value and unquote_to_bytes(name) in (b"model", b"deployment"):
            found.append(unquote_to_bytes(value.replace(b"+", b" ")).decode("utf-8", "replace"))
    return found


def _is_key(pair: bytes) -> bool:
    name = unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" "))
    return name.strip().lower() in _CREDENTIALS


def _check_segments(path: bytes) -> None:
    segments = path.split(b"/")
    for at, segment in enumerate(segments):
        plain = segment.partition(b";")[0]  # some servers cut parameters off first: ..;x
        if plain in (b".", b"..") or (not plain and at < len(segments) - 1):
            raise _bad("a part of it is empty, . or ..")


def _bad(what: str) -> Error:
    return Error(
        "bad_request", f"this path cannot be passed through: {what}", hint="send /passthrough/NAME/a/plain/path"
    )
