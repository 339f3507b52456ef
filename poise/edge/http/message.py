"""A client's message as it arrives: its head checked line by line, its body counted.

llhttp parses; what it lets through and we do not want - two ways to frame a body, names with ``_``, odd hosts - is
refused here, so that nothing behind us can read the same bytes in another way.
"""

from __future__ import annotations

import re
from typing import Final

from poise.edge.doors import Door
from poise.edge.snapshot import Grant, Limits
from poise.errors import Error

MAX_TARGET_BYTES: Final = 8192
# Of a body, before they are joined as they come: a list of two-byte chunks takes 24 times their size.
MAX_PIECES: Final = 1024
# Framing allowed beyond the body: chunk extensions and one-byte chunks are an attack on CPU.
CHUNK_OVERHEAD_BYTES: Final = 4096
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")
_PATH: Final = re.compile(rb"/[!-~]*\Z")
_ONCE: Final = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"authorization", b"content-type", b"expect"}
)
_SEEN: Final = 64
_REASONS: Final = 64  # characters of a bad value that an error repeats

# Hosts and targets that were found well-formed: the same few come with every request.
_hosts: Final[set[bytes]] = set()
_paths: Final[dict[bytes, bytes]] = {}


class Message:
    """One request: head fields in lower case, body chunks, and how it wants to be answered."""

    method: bytes = b""
    url: bytes = b""
    path: bytes = b""
    size: int = 0
    swept: int = 0  # size when its pace was last found good
    head_bytes: int = 0
    keep_alive: bool = True
    expects: bool = False
    length: bytes = (
        b""  # the content-length line; it is not among the pairs, so that those can be told to be the last ones
    )
    forward: bytes = b""  # header lines that go upstream
    epoch: int = 0  # of the configuration by which grant was found
    answered: bool = False  # refused at its head and told so; the rest is read and thrown away
    marked: bool = False  # an x-poise-* header stands in it
    version: str = "1.1"

    def __init__(self) -> None:
        self.pairs: list[tuple[bytes, bytes]] = []
        self.headers: dict[bytes, bytes] = {}
        self.labels: list[bytes] = []
        self.body: list[bytes] = []
        self.tail: bytearray | None = None  # what follows the first MAX_PIECES of the body
        self.refusal: Error | None = None
        self.grant: Grant | None = None
        self.door: Door | None = None

    def repeat(self, last: Message) -> None:
        """Take over what was found of the last message on this connection: same line, same headers but for the length.

        Raises Error as check_head does for the length.
        """
        self.method, self.path, self.version, self.keep_alive = last.method, last.path, last.version, last.keep_alive
        self.url = last.url
        self.headers, self.head_bytes, self.marked = last.headers, last.head_bytes, last.marked
        self.grant, self.door, self.forward, self.epoch = last.grant, last.door, last.forward, last.epoch

    def is_like(self, last: Message, method: bytes, version: str, epoch: int) -> bool:
        """Whether all that check_head and the front look at is what it was of the last message on this connection."""
        return (
            self.pairs == last.pairs
            and self.url == last.url
            and method == last.method
            and version == last.version
            and epoch == last.epoch
        )

    def check_head(self, version: str, method: bytes, limits: Limits) -> None:
        """The head is complete; llhttp has refused control characters in it. Raises Error: bad_*, headers_too_large,
        uri_too_long, body_too_large, unsupported_encoding, upgrade_refused, expectation_failed.
        """
        self.method = method
        self.version = version
        if version != "1.1" and version != "1.0":  # noqa: PLR1714 - half the price of a membership test, per request
            raise Error("bad_framing", f"this is HTTP/{version}", hint="send HTTP/1.1")
        headers = self.headers = dict(self.pairs)
        names = b"\n".join(headers)
        if len(headers) != len(self.pairs):
            self._join_repeated()
        self.head_bytes = len(names) + len(b"\n".join(headers.values()))
        if self.head_bytes > limits.header_bytes:
            raise too_many(limits)
        if b"_" in names:
            bad = next(name for name in headers if b"_" in name)
            raise Error(
                "bad_header", f"header name {show(bad)} holds '_'", hint="use '-': proxies read '_' in two ways"
            )
        self.marked = b"x-poise-" in names
        _check_target(self)
        _check_host(headers.get(b"host"), version)
        self._check_framing(limits)
        if b"upgrade" in headers or method == b"CONNECT":
            raise Error("upgrade_refused", "this server speaks HTTP/1.1 only", hint="do not send Upgrade")
        expect = headers.get(b"expect")
        if expect is not None:
            if expect.lower() != b"100-continue":
                raise Error(
                    "expectation_failed", f"expect {show(expect)} is not known", hint="send 100-continue or nothing"
                )
            self.expects = version != "1.0"  # where it is to be ignored (RFC 9110, 10.1.1)

    def _check_framing(self, limits: Limits) -> None:
        """One way to tell where the body ends, or none: two are how requests are smuggled."""
        headers = self.headers
        coding = headers.get(b"transfer-encoding")
        if b"content-length" in headers:
            raise Error("bad_header", "header 'content-length' stands twice", hint="send it once")
        if coding is not None and (coding.lower() != b"chunked" or self.length or self.version != "1.1"):
            raise Error(
                "bad_framing",
                f"transfer-encoding {show(coding)} here is not a plain 'chunked'",
                hint="send content-length",
            )
        if b"content-encoding" in headers and headers[b"content-encoding"].lower() != b"identity":
            raise Error("unsupported_encoding", "compressed request bodies are not read", hint="send the body as it is")

    def check_length(self, limits: Limits) -> None:
        """Raises Error bad_framing, body_too_large."""
        length = self.length
        if not length.isdigit() or len(length) > 18:
            raise Error("bad_framing", f"content-length {show(length)} is not a number", hint="send digits only")
        if int(length) > limits.body_bytes:
            raise too_large(limits)

    def _join_repeated(self) -> None:
        """Lines of one name are one list (RFC 9110, 5.3), except where only one may be. Raises Error bad_header."""
        headers = self.headers
        headers.clear()
        for name, value in self.pairs:
            if name not in headers:
                headers[name] = value
            elif name in _ONCE:
                raise Error("bad_header", f"header {show(name)} stands twice", hint="send it once")
            elif name == b"x-poise-label":
                self.labels.append(value)
            else:
                headers[name] += b", " + value

    def check_pace(self, raw: int, limits: Limits) -> None:
        """Framing that outweighs what it frames is an attack on CPU; a head without end is one on memory.

        raw counts the bytes that came since it began. Raises Error headers_too_large, bad_framing.
        """
        if not self.path:
            if raw > limits.header_bytes + 16_384:
                raise Error("headers_too_large", f"the head has over {limits.header_bytes} bytes", hint="send less")
        elif raw > 8 * self.size + self.head_bytes + CHUNK_OVERHEAD_BYTES + len(self.url) * 2 + 65_536:
            raise Error("bad_framing", "chunk framing outweighs the body", hint="send larger chunks")

    def grow(self, data: bytes, limits: Limits) -> None:
        """The next bytes of the body. Raises Error body_too_large."""
        if self.size + len(data) > limits.body_bytes:
            raise too_large(limits)
        self.size += len(data)
        if self.refusal is not None:
            return
        if len(self.body) < MAX_PIECES:
            self.body.append(data)
        elif self.tail is None:
            self.tail = bytearray(data)
        else:
            self.tail += data

    def whole_body(self) -> bytes:
        """The body in one piece."""
        if self.tail is not None:
            return b"".join((*self.body, self.tail))
        return self.body[0] if len(self.body) == 1 else b"".join(self.body)


def too_large(limits: Limits) -> Error:
    """The body passed its bound."""
    return Error("body_too_large", f"the body is larger than {limits.body_bytes} bytes", hint="send less at once")


def too_many(limits: Limits) -> Error:
    """The head passed its bound."""
    bounds = f"at most {limits.header_count} lines and {limits.header_bytes} bytes"
    return Error("headers_too_large", f"too many headers: {bounds}", hint="send fewer or shorter headers")


def show(value: bytes) -> str:
    """A bad value, shortened and printable: no control character reaches a log or a terminal."""
    return repr(value[:_REASONS].decode("ascii", "backslashreplace"))


def _check_target(message: Message) -> None:
    url = message.url
    path = _paths.get(url)
    if path is not None:
        message.path = path
        return
    if len(url) > MAX_TARGET_BYTES:
        raise Error(
            "uri_too_long", f"the request target has {len(url)} bytes, at most {MAX_TARGET_BYTES}", hint="shorten it"
        )
    if _PATH.match(url) is None:
        raise Error("bad_request", f"the request target {show(url)} is not a path", hint="send '/v1/...'")
    message.path = path = url.partition(b"?")[0]
    if len(_paths) < _SEEN and len(url) < 256:
        _paths[url] = path


def _check_host(host: bytes | None, version: str) -> None:
    if host is None:
        if version == "1.0":
            return
        raise Error("bad_host", "there is no host header", hint="HTTP/1.1 needs one")
    if host in _hosts:
        return
    if _HOST.match(host) is None:
        raise Error("bad_host", f"host {show(host)} is not a host name", hint="send 'name' or 'name:port'")
    if len(_hosts) < _SEEN:
        _hosts.add(host)
