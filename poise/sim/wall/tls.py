"""Certificates that are good or bad on purpose, all of one local authority, and servers whose TLS is bad before any of it.

Needs the package ``cryptography``; nothing is written but the files that are asked for.
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast, get_args

from poise.clock import Clock
from poise.errors import Error

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate

Tls = Literal[
    "good",  # what a careful client accepts once it trusts authority.pem
    "expired",
    "not-yet",
    "wrong-host",  # for another name
    "self-signed",  # its own authority
    "unknown-authority",  # signed by one that nobody was told of
    "old",  # TLS 1.1 at most
    "alpn-h2",  # speaks HTTP/2 only, as far as ALPN says
    "wants-client",  # asks for a client's certificate
    "stall",  # accepts, reads, and never says a word
    "plain",  # answers the handshake in plain HTTP
]
Foreign: TypeAlias = Any  # modules of a library that need not be there
VARIANTS: Final = get_args(Tls)
_DAY: Final = timedelta(days=1)


class Authority:
    """A local authority and what it signs. folder gets ``authority.pem``, which clients are to trust, and a PEM file with
    key and certificate for each variant that is asked for. now_s is wall time, by which things are valid or not.
    """

    def __init__(self, folder: Path, now_s: int, *, names: tuple[str, ...] = ("localhost", "127.0.0.1")) -> None:
        self._folder = folder
        self._now = datetime.fromtimestamp(0, UTC) + timedelta(seconds=now_s)
        self._names = names
        self._own: tuple[EllipticCurvePrivateKey, Certificate] | None = None

    @property
    def path(self) -> Path:
        """The file that a client trusts."""
        path = self._folder / "authority.pem"
        if self._own is None:
            self._own = self._signed("wall authority", (), None, authority=True)
            path.write_bytes(_pem(self._own[1]))
        return path

    def context(self, variant: Tls) -> ssl.SSLContext:
        """A server's context. Raises Error for ``stall`` and ``plain``, which have none: see ``mute``."""
        if variant in ("stall", "plain"):
            raise Error("internal", f"{variant} speaks no TLS", hint="listen with tls.mute instead")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._file(variant))
        context.set_alpn_protocols(["h2"] if variant == "alpn-h2" else ["http/1.1"])
        if variant == "old":
            context.set_ciphers("DEFAULT@SECLEVEL=0")
            _limit_to_tls_1_1(context)
        if variant == "wants-client":
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.path)
        return context

    def rotate(self, context: ssl.SSLContext, variant: Tls = "good") -> None:
        """Give a server that runs another certificate: its next handshakes show it."""
        context.load_cert_chain(self._file(variant))

    def _file(self, variant: Tls) -> Path:
        trusted = self.path  # made first, whatever is signed by it
        names = ("elsewhere.invalid",) if variant == "wrong-host" else self._names
        issuer = self._own
        if variant == "self-signed":
            issuer = None
        elif variant == "unknown-authority":
            issuer = self._signed("nobody's authority", (), None, authority=True)
        away = {"expired": -30 * _DAY, "not-yet": 30 * _DAY}.get(variant, timedelta())
        key, certificate = self._signed("wall", names, issuer, shift=away)
        path = trusted.with_name(f"{variant}.pem")
        path.write_bytes(_key_pem(key) + _pem(certificate))
        return path

    def _signed(
        self,
        name: str,
        names: tuple[str, ...],
        issuer: tuple[EllipticCurvePrivateKey, Certificate] | None,
        *,
        authority: bool = False,
        shift: timedelta = timedelta(),
    ) -> tuple[EllipticCurvePrivateKey, Certificate]:
        """A key and its certificate, by issuer or by itself; shift moves the week in which it is valid."""
        x509, hashes, ec = _library()
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer[1].subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now + shift - _DAY)
            .not_valid_after(self._now + shift + 6 * _DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            alternatives = [x509.IPAddress(ip_address(one)) if one[0].isdigit() else x509.DNSName(one) for one in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return key, builder.sign(issuer[0] if issuer else key, hashes.SHA256())


class MuteConnection(asyncio.Protocol):
    """Accepts, counts what comes, and says nothing, or something that is no TLS."""

    def __init__(self, server: Mute) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections += 1

    def data_received(self, data: bytes) -> None:
        self._server.received += data[: 4096 - len(self._server.received)]
        self._server.received_bytes += len(data)
        if self._server.says and self._transport is not None:
            self._transport.write(self._server.says)
            self._transport.close()


class Mute:
    """A server without TLS where TLS is expected. received is the beginning of what came, for a look at what was let out."""

    def __init__(self, variant: Tls) -> None:
        self.says = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n" if variant == "plain" else b""
        self.connections = 0
        self.received = b""
        self.received_bytes = 0

    def accept(self) -> MuteConnection:
        """The server side of a new connection."""
        return MuteConnection(self)


def authority_for(folder: Path, clock: Clock) -> Authority:
    """An authority as of now."""
    return Authority(folder, clock.now_us() // 1_000_000)


def _limit_to_tls_1_1(context: ssl.SSLContext) -> None:
    """Python marks the old versions as deprecated, which is the point of this variant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1


def _library() -> tuple[Foreign, Foreign, Foreign]:
    try:
        from cryptography import x509  # noqa: PLC0415 - no part of the base install
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above
    except ModuleNotFoundError as missing:
        text = "certificates are made with the package cryptography, which is not installed"
        raise Error("internal", text, hint="pip install cryptography") from missing
    return x509, hashes, ec


def _pem(certificate: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - as above

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - as above
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
