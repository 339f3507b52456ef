"""AWS's event stream: binary messages, each with its length, headers, a payload, and checksums over both.

    total length | length of headers | CRC of these two | headers | payload | CRC of all before      (each number 4 bytes)

Source: the Amazon Event Stream encoding, as in Smithy's documentation.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

from poise.wire import sse
from poise.wire.sse import MAX_EVENT_BYTES, TooLong, Unframed

OVERHEAD: Final = 16  # bytes of a message that is empty
MAX_HEADER_BYTES: Final = 128 * 1024  # of one message; AWS's own clients refuse more too
MAX_KNOWN: Final = 64  # header blocks remembered: a vendor sends the same few, over and over
_THREE: Final = Struct("!III").unpack_from
_ONE: Final = Struct("!I").unpack_from
_FILL: Final = Struct("!II").pack
_LAST: Final = Struct("!I").pack
_SIZES: Final = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # of header values that say no length
_BYTES, _TEXT = 6, 7


class Corrupt(Unframed):
    """Bytes that are no event stream, or were changed on the way."""


class Message(NamedTuple):
    """kind is event, exception or error; name what happened (``contentBlockDelta``, ``throttlingException``); text is
    what an error's headers say of it.
    """

    kind: str
    name: str
    payload: bytes
    text: str = ""


class Splitter(sse.Splitter):
    """Cuts a stream of bytes after its last complete message."""

    __slots__ = ("_want",)

    def __init__(self) -> None:
        super().__init__()
        self._want = 0  # bytes of the message under way, 0 while its length has not come

    def feed(self, data: bytes) -> bytes:
        """The complete messages so far, b'' if none. Raises TooLong, Corrupt (a length that its checksum denies)."""
        if self._pieces:
            self._pieces.append(data)
            self._size += len(data)
            if self._want and self._size < self._want:
                return b""
            data = b"".join(self._pieces)
            self._pieces = []
        end = 0
        size = len(data)
        self._want = 0
        while size - end >= 12:
            length = _length(data, end)
            if length > size - end:
                self._want = length
                break
            end += length
        if end < size:
            self._pieces = [data[end:]]
        self._size = size - end
        return data[:end]


def messages_of(data: bytes) -> list[Message]:
    """Complete messages, read. Raises TooLong, Corrupt."""
    found: list[Message] = []
    at = 0
    while at < len(data):
        if len(data) - at < OVERHEAD:
            raise Corrupt("a message that is cut short")
        length = _length(data, at)
        end = at + length
        if end > len(data):
            raise Corrupt("a message that is cut short")
        if crc32(data[at : end - 4]) != _ONE(data, end - 4)[0]:
            raise Corrupt("a message whose checksum is not that of its bytes")
        body = at + 12 + _ONE(data, at + 4)[0]
        found.append(_headed(data[at + 12 : body], data[body : end - 4]))
        at = end
    return found


def write(name: str, payload: bytes, kind: str = "event") -> bytes:
    """One message."""
    headers = _WRITTEN.get((kind, name))
    if headers is None:
        fields = ((f":{kind}-type", name), (":content-type", "application/json"), (":message-type", kind))
        headers = b"".join(_header(field, value) for field, value in fields)
        if len(_WRITTEN) < MAX_KNOWN:
            _WRITTEN[kind, name] = headers
    prelude = _FILL(OVERHEAD + len(headers) + len(payload), len(headers))
    whole = b"".join((prelude, _LAST(crc32(prelude)), headers, payload))
    return whole + _LAST(crc32(whole))


def _length(data: bytes, at: int) -> int:
    """The length of the message that begins at. Raises TooLong, Corrupt."""
    length: int
    length, headers, checksum = _THREE(data, at)
    if crc32(data[at : at + 8]) != checksum:
        raise Corrupt("a message whose length is not what its checksum says")
    if length < OVERHEAD + headers or headers > MAX_HEADER_BYTES:
        raise Corrupt("a message that is shorter than its headers")
    if length > MAX_EVENT_BYTES:
        raise TooLong(f"an event of more than {MAX_EVENT_BYTES} bytes")
    return length


def _headed(headers: bytes, payload: bytes) -> Message:
    known = _READ.get(headers)
    if known is None:
        fields = _fields(headers)
        kind = fields.get(":message-type", "event")
        if kind == "error":
            known = Message(kind, fields.get(":error-code", ""), b"", fields.get(":error-message", ""))
        else:
            known = Message(kind, fields.get(f":{kind}-type", ""), b"")
        if kind != "error" and len(_READ) < MAX_KNOWN and len(headers) < 1024:
            _READ[headers] = known
    return Message(known.kind, known.name, payload, known.text)


def _fields(headers: bytes) -> dict[str, str]:
    """Headers that are text; others are passed over. Raises Corrupt."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(headers):
            after = at + 1 + headers[at]
            name = headers[at + 1 : after].decode()
            kind = headers[after]
            at = after + 1
            if kind in {_BYTES, _TEXT}:
                start = at + 2
                at = start + int.from_bytes(headers[at:start])
                if name in found or start > len(headers):
                    raise Corrupt(f"headers that say {name} twice, or not to the end")
                found[name] = headers[start:at].decode() if kind == _TEXT else ""
            else:
                at += _SIZES[kind]
    except (IndexError, KeyError, UnicodeDecodeError) as bad:
        raise Corrupt("headers that cannot be read") from bad
    if at != len(headers):
        raise Corrupt("headers that are cut short")
    return found


def _header(name: str, value: str) -> bytes:
    said = value.encode()
    return b"%c%b%c%b%b" % (len(name), name.encode(), _TEXT, len(said).to_bytes(2), said)


_READ: Final[dict[bytes, Message]] = {}
_WRITTEN: Final[dict[tuple[str, str], bytes]] = {}
