"""TLS to upstreams: always verified, 1.2 or newer, HTTP/1.1 only, certificates replaced without a restart."""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from poise.edge.http.address import Address
from poise.edge.http.connect import Dialed, Dialer, ProtocolFactory
from poise.errors import AttemptFailed, Failure

HANDSHAKE_S = 3.0
GOODBYE_S = 1.0  # how long a peer may take to answer our close_notify

# OpenSSL's numbers (x509_vfy.h) for what people meet.
_VERIFY_TEXTS = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed; name it as the provider's `ca` if that is intended",
    19: "its certificate is signed by an authority that is not trusted here; name that as the provider's `ca`",
    20: "its certificate is signed by an authority that is not trusted here; name that as the provider's `ca`",
    21: "its certificate cannot be traced to a trusted authority; the server may not send its chain",
    23: "its certificate has been revoked",
    62: "its certificate is for another host name",
    64: "its certificate is for another address",
}
_REASON_TEXTS = {
    "WRONG_VERSION_NUMBER": "it does not answer in TLS",
    "HTTP_REQUEST": "it does not answer in TLS",
    "UNSUPPORTED_PROTOCOL": "it speaks no TLS 1.2 or newer",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks no TLS 1.2 or newer",
    "NO_APPLICATION_PROTOCOL": "it does not speak HTTP/1.1",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": "it does not speak HTTP/1.1",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a client certificate",
}


class TlsDialer:
    """TLS on top of another way. Nothing of a request is sent before the peer has been verified."""

    def __init__(self, below: Dialer, address: Address, files: TlsFiles) -> None:
        self._below = below
        self._address = address
        self._files = files

    async def dial(self, protocol_factory: ProtocolFactory, timeout_s: float) -> Dialed:
        """Raises AttemptFailed: CONNECT, TLS, LOCAL (certificates that cannot be read)."""
        shown = self._address.shown
        context = await self._files.context()
        plain = await self._below.dial(asyncio.Protocol, timeout_s)
        protocol = protocol_factory()
        try:
            if plain.transport.is_closing():
                raise AttemptFailed(Failure.CONNECT, f"{shown} closed the connection at once (FIN)")
            transport = await asyncio.get_running_loop().start_tls(
                plain.transport,
                protocol,
                context,
                server_hostname=self._address.host,
                ssl_handshake_timeout=max(0.01, min(HANDSHAKE_S, timeout_s)),
                ssl_shutdown_timeout=GOODBYE_S,
            )
            # Both loops also return normally where the connection was lost without an error.
            if transport is None or transport.is_closing() or transport.get_extra_info("ssl_object") is None:
                raise AttemptFailed(Failure.TLS, f"TLS with {shown}: the connection was lost during the handshake")
            chosen = transport.get_extra_info("ssl_object").selected_alpn_protocol()
            if chosen not in (None, "http/1.1"):
                raise AttemptFailed(Failure.TLS, f"TLS with {shown}: the peer chose {chosen!r}, not HTTP/1.1")
        except OSError as error:
            plain.transport.abort()
            raise AttemptFailed(Failure.TLS, f"TLS with {shown}: {handshake_text(error)}") from error
        except BaseException:
            plain.transport.abort()
            raise
        protocol.connection_made(transport)
        return Dialed(transport, protocol, plain.wire)


def handshake_text(error: OSError) -> str:
    """Why a handshake failed, in words for people."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY_TEXTS.get(error.verify_code, f"its certificate was refused ({error.verify_message})")
    if isinstance(error, ssl.SSLError):
        reason = error.reason or str(error)
        return _REASON_TEXTS.get(reason, f"the handshake failed ({reason})")
    if isinstance(error, ConnectionAbortedError):
        return f"no handshake within {HANDSHAKE_S:g} s"
    return "the peer closed the connection during the handshake"


class _Stamp(NamedTuple):
    """What a file looked like when it was read; differs when it was replaced, or a link was turned."""

    inode: int
    size: int
    changed_ns: int


class TlsFiles:
    """A provider's certificates, and the context made of them: built once, and again when a file changes.

    ca, client_cert, client_key    ``file:PATH``, ``env:NAME`` (PEM text), or '' for the system's authorities and none
    """

    def __init__(self, ca: str, client_cert: str, client_key: str) -> None:
        self._references = (ca, client_cert, client_key)
        self._stamps: tuple[_Stamp | None, ...] | None = None
        self._context: ssl.SSLContext | None = None
        self._building = asyncio.Lock()

    async def context(self) -> ssl.SSLContext:
        """The context for a handshake now. Built on a thread: reading the system's authorities takes tens of ms.

        Files that are bad leave the last good context in force. Raises AttemptFailed with LOCAL where there is none.
        """
        if self._context is not None and self._stamps == self._look():
            return self._context
        async with self._building:
            stamps = self._look()
            if self._context is None or self._stamps != stamps:
                try:
                    self._context = await asyncio.to_thread(_build, *self._references, stamps)
                except (OSError, ValueError) as error:  # an SSLError is an OSError
                    if self._context is None:
                        text = f"the TLS certificates configured here cannot be used: {error}"
                        raise AttemptFailed(Failure.LOCAL, text) from error
                self._stamps = stamps
            return self._context

    def _look(self) -> tuple[_Stamp | None, ...]:
        return tuple(_stamp(reference) for reference in self._references)


@lru_cache(maxsize=64)
def _build(ca: str, client_cert: str, client_key: str, stamps: tuple[_Stamp | None, ...]) -> ssl.SSLContext:
    """Shared by providers with the same settings: the system's authorities alone take megabytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca:
        context.load_verify_locations(cadata=_read(ca).decode("ascii", "replace"))
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if client_cert:
        with ExitStack() as stack:
            cert = _as_path(client_cert, stack)
            key = _as_path(client_key, stack) if client_key else None
            context.load_cert_chain(cert, key, password=_no_password)
    return context


def _read(reference: str) -> bytes:
    kind, _, name = reference.partition(":")
    if kind == "file":
        return Path(name).read_bytes()
    if kind == "env":
        if name not in os.environ:
            raise ValueError(f"environment variable {name} is not set")
        return os.environ[name].encode()
    raise ValueError("a certificate is given as file:PATH or env:NAME")


def _as_path(reference: str, stack: ExitStack) -> str:
    """OpenSSL reads keys from files only; what comes from elsewhere is put into memory that has a file's name."""
    if reference.startswith("file:"):
        return reference.removeprefix("file:")
    number = os.memfd_create("certificate")
    stack.callback(os.close, number)
    os.write(number, _read(reference))
    return f"/proc/self/fd/{number}"


def _stamp(reference: str) -> _Stamp | None:
    if not reference.startswith("file:"):
        return None
    try:
        found = Path(reference.removeprefix("file:")).stat()
    except OSError:
        return None
    return _Stamp(found.st_ino, found.st_size, found.st_mtime_ns)


def _no_password() -> str:
    raise ValueError("the client key is encrypted; give it in plain PEM through `env:` or a protected file")
