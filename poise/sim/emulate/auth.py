"""Who calls: the header that a vendor wants its key in. Any key will do but those that say themselves that they are wrong."""

from __future__ import annotations

from poise.sim.emulate import aws_signature
from poise.sim.emulate.asked import Refused
from poise.sim.emulate.message import Request

WRONG = ("invalid", "wrong")  # a key with one of these in it is refused
FORBIDDEN = "forbidden"  # a key with this in it is known, and may do nothing


def check(request: Request, kinds: tuple[str, ...], now_s: int) -> None:
    """Raise Refused: key_missing, key_wrong or forbidden. kinds: ``bearer``, ``none``, ``sigv4``, ``?name`` in the query,
    else headers.
    """
    if "sigv4" in kinds and not _key(request, "bearer"):
        aws_signature.check(request, now_s)
        return
    key = next((found for kind in kinds if (found := _key(request, kind))), "")
    if not key:
        if "none" in kinds:
            return
        raise Refused("key_missing")
    if any(word in key for word in WRONG):
        raise Refused("key_wrong", f"{key[:3]}****{key[-4:]}")
    if FORBIDDEN in key:
        raise Refused("forbidden")


def _key(request: Request, kind: str) -> str:
    if kind == "bearer":
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    if kind.startswith("?"):
        return request.query.get(kind[1:], "")
    return request.headers.get(kind, "")
