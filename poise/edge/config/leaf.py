"""The kinds of scalars a configuration holds: text, numbers, quantities, names, addresses, secrets, conditions."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from poise.edge.config import units
from poise.edge.config.node import Scalar
from poise.edge.config.problem import Findings, did_you_mean
from poise.edge.config.spec import REFERENCE, Leaf, Schema, Wrong

MAX_TEXT = 1024  # characters of any text
MAX_WHEN = 2000  # characters of a condition
MAX_US = 365 * 86_400 * 1_000_000
SECRET_SCHEMES = ("env:", "file:")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,127}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_GLOB = re.compile(r"[A-Za-z0-9*?\[\]._:/+@!-]{1,192}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9.])?")
_REPLICAS = re.compile(r"([0-9]{1,4})(?:\.\.([0-9]{1,4}))?")


class Secret(msgspec.Struct, frozen=True):
    """Where a secret is found: ``env:NAME`` or ``file:/absolute/path``; reference ``literal`` and the secret itself
    where the file allows literals. Its repr shows no secret."""

    reference: str
    literal: str = ""

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"


class Replicas(msgspec.Struct, frozen=True):
    """How many copies of a hosted model, from low to high."""

    low: int
    high: int


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


def check_name(name: str) -> None:
    """A model's, workflow's or alias's name. Raises Wrong."""
    if not _NAME.fullmatch(name):
        raise Wrong("is not a name", "letters, digits and . _ : / + - ; it begins with a letter or digit, without @")


def check_plain_name(name: str) -> None:
    """A provider's, key's, profile's or posture's name. Raises Wrong."""
    if not _PLAIN_NAME.fullmatch(name):
        raise Wrong("is not a name", "letters, digits and . _ - ; it begins with a letter or digit, at most 64")


def _text_of(node: Scalar, wanted: str, example: str) -> str:
    value = node.value
    if isinstance(value, str) and value and len(value) <= MAX_TEXT:
        return value
    if isinstance(value, str):
        raise Wrong(f"is longer than {MAX_TEXT} characters" if value else "is empty", f"for example {example}")
    if value is None:
        raise Wrong(f"is empty, not {wanted}", f"for example {example}")
    raise Wrong(f"is not {wanted}: YAML reads it as {_word(value)}", f'put it in quotes: "{node.text}"')


def _word(value: bool | float) -> str:
    return "true or false" if isinstance(value, bool) else "a number"


def _text(node: Scalar, findings: Findings) -> object:
    return _text_of(node, "text", '"text"')


def _name(node: Scalar, findings: Findings) -> object:
    name = _text_of(node, "a name", "gpt-5.2")
    check_name(name)
    return name


def _plain_name(node: Scalar, findings: Findings) -> object:
    name = _text_of(node, "a name", "eu")
    check_plain_name(name)
    return name


def _model(node: Scalar, findings: Findings) -> object:
    name = _text_of(node, "a model", "gpt-5.2 or gpt-5.2@openai-eu")
    model, at, provider = name.partition("@")
    check_name(model)
    if at:
        check_plain_name(provider)
    return name


def _glob(node: Scalar, findings: Findings) -> object:
    glob = _text_of(node, "a name or pattern", "support-*")
    if not _GLOB.fullmatch(glob):
        raise Wrong("is not a name or pattern", "letters, digits, . _ : / + - @ and the wildcards * ? [abc]")
    return glob


def _bool(node: Scalar, findings: Findings) -> object:
    if not isinstance(node.value, bool):
        raise Wrong("is not true or false", "write true or false, without quotes")
    return node.value


def whole(low: int, high: int, *, what: str = "number") -> Leaf:
    """A whole number from low to high."""

    def parse(node: Scalar, findings: Findings) -> object:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int):
            raise Wrong("is not a whole number", f"from {low} to {high}, without quotes")
        if not low <= value <= high:
            raise Wrong(f"is not from {low} to {high}", f"choose {low if value < low else high}, or between")
        return value

    schema: Schema = {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, REFERENCE]}
    return Leaf(f"whole {what}", str(low), parse, schema)


def number(low: float, high: float) -> Leaf:
    """A number from low to high."""

    def parse(node: Scalar, findings: Findings) -> object:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Wrong("is not a number", f"from {low:g} to {high:g}, without quotes")
        if not low <= value <= high:
            raise Wrong(f"is not from {low:g} to {high:g}", f"choose {low if value < low else high:g}, or between")
        return float(value)

    schema: Schema = {"anyOf": [{"type": "number", "minimum": low, "maximum": high}, REFERENCE]}
    return Leaf("number", f"{low:g}", parse, schema)


def duration(low_us: int = 1_000, high_us: int = MAX_US) -> Leaf:
    """A duration as microseconds."""

    def parse(node: Scalar, findings: Findings) -> object:
        value = units.duration_us(node.value) if isinstance(node.value, str) else None
        if value is None:
            raise Wrong("is not a duration", f"a number and a unit: us ms s m h d{_unit_hint(node, 's')}")
        return _between(value, low_us, high_us, units.show_us)

    return Leaf("duration", "30s", parse, _pattern(r"^[0-9]+(\.[0-9]+)?\s?(us|ms|s|m|h|d)$"))


def size(low: int = 1, high: int = 1 << 50) -> Leaf:
    """A size as bytes."""

    def parse(node: Scalar, findings: Findings) -> object:
        value = units.size_bytes(node.value) if isinstance(node.value, str) else None
        if value is None:
            raise Wrong("is not a size", f"a number and a unit: B KiB MiB GiB TiB{_unit_hint(node, 'MiB')}")
        return _between(value, low, high, units.show_bytes)

    return Leaf("size", "4MiB", parse, _pattern(r"^[0-9]+(\.[0-9]+)?\s?(B|[KMGT]iB|k?B|[KMGT]B)$"))


def _unit_hint(node: Scalar, unit: str) -> str:
    bare = isinstance(node.value, int) and not isinstance(node.value, bool)
    return f"; perhaps {node.value}{unit}" if bare else ""


def _between(value: int, low: int, high: int, show: object) -> int:
    assert callable(show)
    if not low <= value <= high:
        raise Wrong(f"is not from {show(low)} to {show(high)}", f"choose {show(low if value < low else high)}, or between")
    return value


def _percent(node: Scalar, findings: Findings) -> object:
    value = units.percent_e6(node.value) if isinstance(node.value, str) else None
    if value is None:
        raise Wrong("is not a percentage", "a number and %, as 99.9%")
    return _between(value, 0, 1_000_000, units.show_e6)


def money(high: float) -> Leaf:
    """An amount of USD."""

    def parse(node: Scalar, findings: Findings) -> object:
        value = node.value
        if isinstance(value, str):
            value = units.money_usd(value)
        if value is None or isinstance(value, bool):
            raise Wrong("is not an amount of USD", "a number, as 0.05")
        if not 0 <= value <= high:
            raise Wrong(f"is not from 0 to {high:g} USD", "amounts are in USD; prices per million tokens")
        return float(value)

    either: list[object] = [{"type": "number", "minimum": 0, "maximum": high}]
    either.append({"type": "string", "pattern": r"^\$?\s?[0-9]+(\.[0-9]+)?(\s?USD)?$|\$\{"})
    return Leaf("amount of USD", "0.05", parse, {"anyOf": either})


def choice(values: Iterable[str], what: str) -> Leaf:
    """One of a closed list of words."""
    known = tuple(values)

    def parse(node: Scalar, findings: Findings) -> object:
        word = _text_of(node, what, known[0])
        if word not in known:
            raise Wrong(f"is not {what} that is known", did_you_mean(word, known))
        return word

    return Leaf(what, known[0], parse, {"anyOf": [{"enum": list(known)}, REFERENCE]})


def _secret(node: Scalar, findings: Findings) -> object:
    text = _text_of(node, "a reference to a secret", "env:NAME") if isinstance(node.value, str) else ""
    if text.startswith("env:") and _VARIABLE.fullmatch(text[4:]):
        return Secret(text)
    if text.startswith("file:") and len(text) > 5:
        return Secret("file:" + beside(node, text[5:]))
    if text.startswith(SECRET_SCHEMES):
        raise Wrong("is not a reference to a secret", "env:NAME, or file:PATH")
    if findings.literal_secrets and node.value is not None:
        return Secret("literal", node.text if node.plain and not isinstance(node.value, str) else text)
    raise Wrong("is a secret itself, not a reference to one", "env:NAME or file:PATH (or allow_literal_secrets: true)")


def beside(node: Scalar, path: str) -> str:
    """A path, absolute: what is relative starts at the folder of the file that says so."""
    folder = os.path.dirname(os.path.abspath(node.place.file))  # noqa: PTH100, PTH120  # lexical: a link stays a link
    return os.path.normpath(os.path.join(folder, os.path.expanduser(path)))  # noqa: PTH111, PTH118


def _path(node: Scalar, findings: Findings) -> object:
    path = _text_of(node, "a path", "/etc/poise/ca.pem").removeprefix("file:")
    if not path or "\0" in path:
        raise Wrong("is not a path")
    return beside(node, path)


def _data(node: Scalar, findings: Findings) -> object:
    text = _text_of(node, "a folder", ".poise")
    if text == "none" or text.startswith("postgresql://"):
        return "" if text == "none" else text
    if "://" in text:
        raise Wrong("is not a store that is known", "a folder, as .poise, or none")
    return beside(node, text)


def _address(node: Scalar, findings: Findings) -> object:
    text = _text_of(node, "a listening address", "127.0.0.1:8700")
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
    text = _text_of(node, "a URL", "https://api.openai.com/v1")
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


def _when(node: Scalar, findings: Findings) -> object:
    from poise.rules.prepare import compile_when  # loads CEL; most files have no condition

    return _compiled(node, compile_when)


def _posture_when(node: Scalar, findings: Findings) -> object:
    import cel

    return _compiled(node, cel.compile)


def _compiled(node: Scalar, compile_it: object) -> str:
    assert callable(compile_it)
    text = node.value if isinstance(node.value, str) else node.text
    if not text or len(text) > MAX_WHEN:
        raise Wrong(f"is not a condition of 1 to {MAX_WHEN} characters", "for example facts.tokens < 8000")
    try:
        compile_it(text)
    except ValueError as error:
        said = str(error)
        if "names " in said:
            raise Wrong(f"names {said.rpartition('names ')[2].partition(';')[0]}", said.rpartition("; ")[2]) from None
        raise Wrong(f"is not CEL: {_cel_reason(said)}", "for example facts.tokens < 8000") from None
    return text


def _cel_reason(said: str) -> str:
    match = re.search(r"ERROR: <input>:([0-9]+):([0-9]+): ([^\n{]*)", said)
    return f"at character {match[2]}: {match[3].strip()}" if match else said.splitlines()[0][:120]


def _replicas(node: Scalar, findings: Findings) -> object:
    match = _REPLICAS.fullmatch(node.text)
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise Wrong("is not a number of replicas", "as 2, or 0..4")
    return Replicas(int(match[1]), int(match[2] or match[1]))


def _pattern(pattern: str) -> Schema:
    return {"type": "string", "pattern": rf"({pattern})|\$\{{"}


_STRING: Schema = {"type": "string", "minLength": 1}

TEXT = Leaf("text", '"text"', _text, _STRING | {"maxLength": MAX_TEXT})
NAME = Leaf("name", "gpt-5.2", _name, _pattern(rf"^{_NAME.pattern}$"))
PLAIN_NAME = Leaf("name", "eu", _plain_name, _pattern(rf"^{_PLAIN_NAME.pattern}$"))
MODEL = Leaf("model", "gpt-5.2 or gpt-5.2@openai-eu", _model, _pattern(r"^[A-Za-z0-9][^@\s]*(@[A-Za-z0-9][^@\s]*)?$"))
GLOB = Leaf("name or pattern", "support-*", _glob, _pattern(rf"^{_GLOB.pattern}$"))
BOOL = Leaf("true or false", "true", _bool, {"anyOf": [{"type": "boolean"}, REFERENCE]})
PERCENT = Leaf("percentage", "99.9%", _percent, _pattern(r"^[0-9]+(\.[0-9]+)?\s?%$"))
SECRET = Leaf("reference to a secret", "env:NAME", _secret, _STRING, secret=True)
PATH = Leaf("path", "/etc/poise/ca.pem", _path, _STRING)
DATA = Leaf("folder", ".poise", _data, _STRING)
ADDRESS = Leaf("listening address", "127.0.0.1:8700", _address, _pattern(r"^(unix:.+|.+:[0-9]{1,5})$"))
ADMIN = Leaf("listening address", "127.0.0.1:8701", _admin, _pattern(r"^(none|unix:.+|.+:[0-9]{1,5})$"))
URL = Leaf("URL", "https://api.openai.com/v1", _url, _pattern(r"^(https?://[^@?#\s]+|unix:/.+)$"))
PROXY = Leaf("URL of a proxy", "http://proxy:3128", _proxy, _pattern(r"^(http://[^@?#\s]+|env:.+|file:.+)$"))
WHEN = Leaf("condition", "facts.tokens < 8000", _when, _STRING | {"maxLength": MAX_WHEN})
POSTURE_WHEN = Leaf("condition", "workflow.error_share > 0.05", _posture_when, _STRING | {"maxLength": MAX_WHEN})
REPLICAS = Leaf("number of replicas", "0..4", _replicas, {"anyOf": [{"type": "integer", "minimum": 0}, _pattern(_REPLICAS.pattern)]})

