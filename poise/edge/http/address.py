"""A provider's url, taken apart: where to connect to, what to send as ``host``, what stands before each path."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from poise.target import Provider

_BASE = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?\Z")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}\Z|[0-9A-Fa-f:.]{2,45}\Z")
_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """One of: host and port, or the path of a Unix socket ('' where it is none).

    user is ``name:password`` as written before the host, percent-decoded, '' for none.
    """

    host: str
    port: int
    base: str
    secure: bool = False
    path: str = ""
    user: str = ""

    @property
    def shown(self) -> str:
        """``host``, or ``host:port`` where the port is not the scheme's own; IPv6 in brackets."""
        if self.path:
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


def parse_url(url: str) -> Address:
    """``http(s)://[user:password@]host[:port][/base]`` or ``unix:/path.sock[:/base]``. Raises ValueError."""
    if any(character <= " " for character in url):
        raise ValueError(f"url {url!r} holds a space or a control character; percent-encode it")  # urlsplit drops some
    if url.startswith("unix:"):
        path, _, base = url.removeprefix("unix:").partition(":")
        if not path.startswith("/"):
            raise ValueError(f"url {url!r}: the path of a Unix socket starts with '/', as in unix:/run/model.sock:/v1")
        return Address("localhost", 0, _checked_base(url, base), path=path)
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError(f"url {url!r} starts with none of http://, https://, unix:")
    if parts.query or parts.fragment:
        raise ValueError(f"url {url!r}: nothing may follow the path; remove '?' and '#'")
    user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username is not None else ""
    port = _port(url, parts)
    return Address(_host(url, parts), port, _checked_base(url, parts.path), secure=parts.scheme == "https", user=user)


def address_of(provider: Provider) -> tuple[bytes, bytes]:
    """What to send as ``host``, and what to put before each path ('' or ``/base`` without a slash at its end).

    Raises ValueError for a url that cannot be used.
    """
    address = parse_url(provider.url)
    if address.user:
        raise ValueError(f"provider {provider.name}: a url with a password in it; say `key:` instead")
    return address.shown.encode("ascii"), address.base.encode("ascii")


def _host(url: str, parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise ValueError(f"url {url!r}: host {host!r} is no host name ({error})") from error
    if _HOST.match(host) is None:
        raise ValueError(f"url {url!r}: host {host!r} is no host name")
    return host


def _port(url: str, parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError as error:
        raise ValueError(f"url {url!r}: the port is not in 1..65535") from error
    if port == 0:
        raise ValueError(f"url {url!r}: the port is not in 1..65535")
    return port or _PORTS[parts.scheme]


def _checked_base(url: str, base: str) -> str:
    if _BASE.match(base) is None:
        raise ValueError(f"url {url!r}: {base!r} is not a path; percent-encode what is not plain ASCII")
    return base.rstrip("/")
