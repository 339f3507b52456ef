"""Where things are: listening addresses, URLs, paths, and secrets by reference."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from poise.edge.config.leaf import STRING, pattern, text_of
from poise.edge.config.node import Scalar
from poise.edge.config.problem import Findings
from poise.edge.config.spec import Leaf, Wrong

SECRET_SCHEMES = ("env:", "file:")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# As shells have it. Capitals with an underscore alone: what a hint repeats must not be a password that begins with $.
_SHELL_VARIABLE = re.compile(r"\$(?=[A-Z0-9]*_)[A-Z_][A-Z0-9_]{0,63}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9.])?")


class Secret(msgspec.Struct, frozen=True):
    """Where a secret is found: ``env:NAME`` or ``file:/absolute/path``; reference ``literal`` and the secret itself
    where the file allows literals. Its repr shows no secret.
    """

    reference: str
    literal: str = ""

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach a listening address (``host:port`` or ``unix:/path``)."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _secret(node: Scalar, findings: Findings) -> object:
    text = text_of(node, "a reference to a secret", "env:NAME") if isinstance(node.value, str) else ""
    if text.startswith("env:") and _VARIABLE.fullmatch(text[4:]):
        return Secret(text)
    if text.startswith("file:") and len(text) > 5:
        return Secret("file:" + beside(node, text[5:]))
    if text.startswith(SECRET_SCHEMES):
        raise Wrong("is not a reference to a secret", "env:NAME, or file:PATH")
    if findings.literal_secrets:
        if not text:
            raise Wrong("is not text", "put it in quotes")
        return Secret("literal", text)
    if _SHELL_VARIABLE.fullmatch(text):
        raise Wrong("is not a reference to a secret", f"write env:{text[1:]}")
    raise Wrong("is a secret itself, not a reference to one", "env:NAME or file:PATH (or allow_literal_secrets: true)")


def beside(node: Scalar, path: str) -> str:
    """A path, absolute: what is relative starts at the folder of the file that says so. Raises Wrong."""
    if "\0" in path:
        raise Wrong("is not a path", "take the NUL out")
    folder = Path.cwd() / Path(node.place.file).parent
    return os.path.normpath(folder / path)  # lexical: a link on the way stays one


def _path(node: Scalar, findings: Findings) -> object:
    path = text_of(node, "a path", "/etc/poise/ca.pem").removeprefix("file:")
    if not path:
        raise Wrong("is not a path")
    return beside(node, path)


def _data(node: Scalar, findings: Findings) -> object:
    text = text_of(node, "a folder", ".poise")
    if text == "none" or text.startswith("postgresql://"):
        return "" if text == "none" else text
    if "://" in text:
        raise Wrong("is not a store that is known", "a folder, as .poise, or none")
    return beside(node, text)


def _address(node: Scalar, findings: Findings) -> object:
    text = text_of(node, "a listening address", "127.0.0.1:8700")
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path or len(path) > 100:
            raise Wrong("is not a socket's path", "unix:/path, at most 100 characters")
        return "unix:" + beside(node, path)
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise Wrong("is not host:port", "for example 127.0.0.1:8700, [::1]:8700 or unix:/run/poise.sock")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        if bracketed:
            ipaddress.IPv6Address(host[1:-1])
        elif not _HOST.fullmatch(host):
            raise Wrong("has no host that may be listened on", "for example 127.0.0.1:8700, or 0.0.0.0:8700 for all")
    except ipaddress.AddressValueError:
        raise Wrong("is not an IPv6 address and port", "for example [::1]:8700") from None
    return text


def _admin(node: Scalar, findings: Findings) -> object:
    return "" if node.value == "none" else _address(node, findings)


def _url(node: Scalar, findings: Findings) -> object:
    text = text_of(node, "a URL", "https://api.openai.com/v1")
    if text.startswith("unix:"):
        return text
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Wrong("is not a URL", "for example http://10.0.0.7:8000/v1") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise Wrong("is not a URL", "it begins with http://, https:// or unix:/ and names a host")
    if not text.isascii() or any(c <= " " or c == "\x7f" for c in text):
        raise Wrong("has characters that may not stand in a URL", "write them as %XX, a host name as xn--")
    if parts.username is not None or parts.password is not None:
        raise Wrong("holds credentials", "a key goes under key:, as env:NAME or file:PATH")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise Wrong("has a query or fragment", "the address ends with the path, as /v1")
    return text.rstrip("/")


def _proxy(node: Scalar, findings: Findings) -> object:
    if isinstance(node.value, str) and node.value.startswith(SECRET_SCHEMES):
        return _secret(node, findings)
    url = str(_url(node, findings))
    if not url.startswith("http://"):
        raise Wrong("is not an HTTP proxy", "http://host:port, or env:NAME where it needs credentials")
    return Secret("literal", url)


SECRET = Leaf("reference to a secret", "env:NAME", _secret, STRING, secret=True)
PATH = Leaf("path", "/etc/poise/ca.pem", _path, STRING)
DATA = Leaf("folder", ".poise", _data, STRING)
ADDRESS = Leaf("listening address", "127.0.0.1:8700", _address, pattern(r"^(unix:.+|.+:[0-9]{1,5})$"))
ADMIN = Leaf("listening address", "127.0.0.1:8701", _admin, pattern(r"^(none|unix:.+|.+:[0-9]{1,5})$"))
URL = Leaf("URL", "https://api.openai.com/v1", _url, pattern(r"^(https?://[^@?#\s]+|unix:/.+)$"))
PROXY = Leaf("URL of a proxy", "http://proxy:3128", _proxy, pattern(r"^(http://[^@?#\s]+|env:.+|file:.+)$"))
