"""Whether a request is signed as AWS wants it: Signature Version 4, read from its description, with no code of the signer's.

One account is known. A session's token is anything, but one that says ``expired`` has expired.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

from poise.sim.emulate.asked import Refused
from poise.sim.emulate.message import Request

ACCESS_KEY: Final = "AKIAEMULATED00000000"
SECRET_KEY: Final = "emulated/secret+key/of/one/account/000000"  # noqa: S105 - nobody's: it opens this emulator alone
MOST_LATE_S: Final = 300
_KIND: Final = "AWS4-HMAC-SHA256"


def check(request: Request, now_s: int, service: str = "bedrock") -> None:
    """Raise Refused: key_missing, key_wrong, expired, or signature with what should have been signed."""
    kind, _, said = request.headers.get("authorization", "").partition(" ")
    if kind != _KIND:
        raise Refused("key_missing")
    parts = dict(part.strip().partition("=")[::2] for part in said.split(","))
    access, *scope = parts.get("Credential", "").split("/")
    if access != ACCESS_KEY:
        raise Refused("key_wrong")
    if len(scope) != 4 or scope[2:] != [service, "aws4_request"]:
        raise Refused("signature", f"Credential should be scoped to the service {service}, not to {'/'.join(scope)}")
    stamp = request.headers.get("x-amz-date", "")
    _check_time(stamp, scope[0], now_s)
    if "expired" in request.headers.get("x-amz-security-token", ""):
        raise Refused("expired")
    names = parts.get("SignedHeaders", "").split(";")
    needed = {"host"} | {name for name in request.headers if name.startswith("x-amz-")}
    if missing := needed - set(names):
        raise Refused("signature", f"these headers must be signed: {', '.join(sorted(missing))}")
    wanted = canonical(request, names)
    key = b"AWS4" + SECRET_KEY.encode()
    for step in scope:
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    digest = hashlib.sha256(wanted.encode("latin-1")).hexdigest()
    signed = hmac.new(key, f"{_KIND}\n{stamp}\n{'/'.join(scope)}\n{digest}".encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signed, parts.get("Signature", "")):
        raise Refused("signature", f"The Canonical String for this request should have been\n'{wanted}'")


def canonical(request: Request, names: list[str]) -> str:
    """The request as it is described for its signature."""
    path, _, query = request.target.partition("?")
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&") if pair)
    listed = "&".join(f"{quote(unquote(name), safe='')}={quote(unquote(value), safe='')}" for name, value in pairs)
    lines = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in sorted(names))
    return "\n".join(
        (
            request.method,
            quote(path, safe="/-_.~"),  # what is escaped is escaped once more, everywhere but at S3
            listed,
            lines,
            ";".join(sorted(names)),
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def _check_time(stamp: str, day: str, now_s: int) -> None:
    try:
        at_s = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError as bad:
        raise Refused("signature", f"x-amz-date {stamp!r} is no time") from bad
    if stamp[:8] != day:
        raise Refused(
            "signature", f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: {day}"
        )
    if abs(now_s - at_s) > MOST_LATE_S:
        raise Refused("signature", f"Signature expired: {stamp} is more than {MOST_LATE_S} s from now")
