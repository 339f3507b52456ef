"""Who may speak to the admin listener: the Host it was called by, the token it brought, and the headers of each answer.

Plain ASGI around the application, so that nothing behind it runs for a stranger.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import os
import secrets
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from pathlib import Path
from typing import Any

from poise.errors import CODES, Error

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TOKEN_FILE = "admin-token"  # noqa: S105 - a file's name
TOKEN_VARIABLE = "POISE_ADMIN_TOKEN"  # noqa: S105 - a variable's name
HOSTS_VARIABLE = "POISE_ADMIN_HOSTS"
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
MOST_HEADER_BYTES = 4096

HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


def read_token(data: Path) -> str:
    """The admin token: from POISE_ADMIN_TOKEN, else from the data folder; '' where there is none."""
    said = os.environ.get(TOKEN_VARIABLE, "")
    if said:
        return said
    try:
        return (data / TOKEN_FILE).read_text().strip()
    except OSError:
        return ""


def make_token(data: Path) -> str:
    """``read_token``, and a new one of 256 bits, readable by its owner alone, where there is none."""
    known = read_token(data)
    if known:
        return known
    path = data / TOKEN_FILE
    path.unlink(missing_ok=True)  # one that is empty or cannot be read is of no use to anybody
    token = secrets.token_urlsafe(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
    return token


class Guard:
    """Wraps an application. names are host names that may stand in ``Host`` beside loopback's and addresses."""

    def __init__(self, app: App, token: str, names: Collection[str] = ()) -> None:
        self._app = app
        self._token = token.encode()
        self._names = {"localhost", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One exchange."""
        if scope["type"] != "http":
            return
        problem = self._refusal(scope)
        if problem is not None:
            await refuse(problem, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._app(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Error | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or not self._known(hosts[0]):
            return Error(
                "bad_host",
                "the Host header names neither this machine nor an address",
                hint=f"call it by its address or as localhost, or list the name in {HOSTS_VARIABLE}",
            )
        if scope["path"] in OPEN_PATHS:
            return None
        given = [value for name, value in headers if name == b"authorization"]
        bearer = given[0] if len(given) == 1 else b""
        # The whole value in constant time, with its scheme: nothing is learnt from how far it matched.
        if not hmac.compare_digest(bearer[:MOST_HEADER_BYTES], b"Bearer " + self._token):
            return Error(
                "invalid_api_key",
                "the admin API needs its token",
                hint=f"send `Authorization: Bearer ...` with {TOKEN_VARIABLE} or the content of <data>/{TOKEN_FILE}",
            )
        return None

    def _known(self, raw: bytes) -> bool:
        """Whether a Host is one that a page of another site cannot bring about by pointing its own name here."""
        text = raw.decode("latin-1").lower()
        name, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
        if not colon:
            name = text
        elif not port.isdecimal() or not port.isascii():
            return False
        if name in self._names:
            return True
        try:
            if name.startswith("[") and name.endswith("]"):
                ipaddress.IPv6Address(name[1:-1])
            else:
                ipaddress.IPv4Address(name)
        except ValueError:
            return False
        return True


def body_of(problem: Error) -> dict[str, dict[str, str]]:
    """An error as JSON: code, text and hint."""
    return {"error": {"code": problem.code, "text": problem.text, "hint": problem.hint}}


async def refuse(problem: Error, send: Send) -> None:
    """Answer with an error."""
    body = json.dumps(body_of(problem)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *HEADERS]
    if problem.code == "invalid_api_key":
        headers.append((b"www-authenticate", b'Bearer realm="poise admin"'))
    await send({"type": "http.response.start", "status": CODES[problem.code].status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
