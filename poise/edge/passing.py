"""Calls that are passed through: who may, which of their headers go on, and the request as the provider is sent it.

What goes on is listed, not what stays: a header that nobody thought of cannot carry a credential, name another account,
or frame the message in a second way.
"""

from __future__ import annotations

import fnmatch
from typing import Final

from poise import __version__
from poise.decision import Outcome, show_id
from poise.edge import passing_path
from poise.edge.http.address import address_of
from poise.edge.http.message import Message
from poise.edge.snapshot import Grant, Snapshot
from poise.edge.tongues import auth_line
from poise.edge.vendors import VENDORS
from poise.errors import Error
from poise.path.fleet import Route
from poise.path.service import Request, Service, Sink
from poise.rules.prepare import PASSTHROUGH
from poise.wire.call import Call
from poise.wire.named import model_in

METHODS: Final = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE")
WITHOUT_BODY: Final = (b"GET", b"HEAD")
FORWARDED: Final = frozenset(
    {
        *(b"accept", b"accept-language", b"content-type", b"content-language", b"content-disposition", b"content-md5"),
        *(b"content-range", b"digest", b"range", b"if-match", b"if-none-match", b"if-modified-since", b"if-range"),
        *(b"if-unmodified-since", b"prefer", b"idempotency-key", b"x-idempotency-key", b"traceparent", b"tracestate"),
        *(b"anthropic-version", b"x-goog-api-client", b"x-goog-fieldmask"),
    }
)
UPLOADS: Final = b"x-goog-upload-"  # Gemini's file uploads say in such headers which step they are
MAX_LABEL_CHARS: Final = 200


class Passing:
    """The door of one worker. update follows each reload."""

    def __init__(self, serve: Service[Request, Sink, Outcome]) -> None:
        self.serve = serve
        self._snapshot: Snapshot | None = None
        self._routes: dict[str, Route] = {}

    def update(self, snapshot: Snapshot, routes: dict[str, Route]) -> None:
        """Routes are by provider."""
        self._snapshot, self._routes = snapshot, routes

    def screen(self, message: Message, grant: Grant) -> bytes:
        """Look at the head: may this key, and is the path plain. Returns the caller's header lines that go on.

        Raises Error key_not_allowed, with the same words for a provider that there is and one that there is not; bad_request.
        """
        provider, rest = passing_path.split(message.path)
        name = provider.decode("ascii")
        if name not in grant.passthrough or name not in self._routes:
            raise _not_allowed(name, grant)
        passing_path.checked(rest, message.url.partition(b"?")[2])
        headers = message.headers
        dropped = {token.strip().lower() for token in headers.get(b"connection", b"").split(b",")}
        dropped.discard(b"content-type")
        lines = [
            b"%b: %b\r\n" % (name, value) for name, value in headers.items() if _goes(name) and name not in dropped
        ]
        if message.method == b"HEAD":
            message.keep_alive = False  # an error of ours would have a body: let nothing follow it
        return b"".join(lines)

    def read(self, message: Message, grant: Grant) -> tuple[Route, Call]:
        """The provider's route, and the call as far as anybody looks. Raises Error."""
        provider, rest = passing_path.split(message.path)
        name = provider.decode("ascii")
        route = self._routes.get(name)
        if route is None:  # a reload took it away while the body came
            raise _not_allowed(name, grant)
        body = message.whole_body()
        if body and message.method in WITHOUT_BODY:
            hint = "send it with POST, or without a body"
            raise Error("bad_request", f"a {message.method.decode()} has no body to pass through", hint=hint)
        call = Call(PASSTHROUGH, {}, _model(body, rest, message, grant.passthrough.get(name)))
        return route, call

    def request_bytes(self, message: Message, decision: int) -> bytes:
        """All that is sent to the provider."""
        snapshot = self._snapshot
        assert snapshot is not None
        provider, rest = passing_path.split(message.path)
        endpoint = snapshot.endpoints[provider.decode("ascii")]
        vendor = VENDORS.get(endpoint.provider.vendor, VENDORS["openai-compatible"])
        host, base = address_of(endpoint.provider)
        target = passing_path.target_of(base, rest, message.url.partition(b"?")[2])
        said = b"\r\n" + message.forward
        more = b"".join(
            b"%b: %b\r\n" % (name.encode(), value.encode())
            for name, value in vendor.headers
            if b"\r\n%b: " % name.encode() not in said
        )
        body = message.whole_body()
        framed = b"" if message.method in WITHOUT_BODY else b"content-length: %d\r\n" % len(body)
        head = (
            b"%b %b HTTP/1.1\r\nhost: %b\r\nuser-agent: poise/%b\r\naccept-encoding: identity\r\n%b%b%b"
            b"x-client-request-id: %b\r\n%b\r\n"
        ) % (
            *(message.method, target, host, __version__.encode(), more, auth_line(vendor.auth[0], endpoint.key)),
            *(message.forward, show_id(decision).encode(), framed),
        )
        return head + body

    def label(self, message: Message) -> str:
        """What was called, for the record: no query, for there may be anything in it."""
        _, rest = passing_path.split(message.path)
        return f"{message.method.decode('ascii')} /{rest.decode('ascii')}"[:MAX_LABEL_CHARS]


def _goes(name: bytes) -> bool:
    return name in FORWARDED or name.endswith(b"-beta") or name.startswith(UPLOADS)


def _model(body: bytes, rest: bytes, message: Message, allowed: tuple[str, ...] | None) -> str:
    """The model that the call names. A key that is bound to models may name those alone, wherever a call can name one."""
    kind = message.headers.get(b"content-type", b"")
    in_path = passing_path.model_of(rest)
    if allowed is None:
        try:
            return model_in(body, kind) or in_path
        except (Error, RecursionError):
            return in_path  # it is the provider's to judge
    try:
        in_body = model_in(body, kind)
    except RecursionError as bad:
        raise Error("invalid_json", "the body is nested too deep", hint="keep JSON under 900 levels") from bad
    in_query = passing_path.model_in_query(message.url.partition(b"?")[2])
    for model in (in_body, in_path, *in_query):
        if model and not any(fnmatch.fnmatchcase(model, glob) for glob in allowed):
            hint = "add it to the key's models: in poise.yaml"
            raise Error("key_not_allowed", f"this key may not use {model[:100]!r}", hint=hint)
    return in_body or in_path


def _not_allowed(name: str, grant: Grant) -> Error:
    shown = ", ".join(sorted(grant.passthrough)[:20]) or "none"
    hint = f"providers that this key may pass calls through to: {shown}"
    return Error("key_not_allowed", f"this key may not pass calls through to {name[:64]!r}", hint=hint)
