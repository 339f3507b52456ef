"""AWS's event stream, written: binary messages with headers and checksums, with no code of the reader's."""

from __future__ import annotations

from zlib import crc32

TYPE = "application/vnd.amazon.eventstream"
_TEXT = 7


def message(name: str, payload: bytes, kind: str = "event") -> bytes:
    """One message; kind is event or exception."""
    fields = ((f":{kind}-type", name), (":content-type", "application/json"), (":message-type", kind))
    headers = b"".join(_header(field, value) for field, value in fields)
    total = 16 + len(headers) + len(payload)
    prelude = total.to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    body = prelude + crc32(prelude).to_bytes(4, "big") + headers + payload
    return body + crc32(body).to_bytes(4, "big")


def _header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + bytes([_TEXT]) + len(value).to_bytes(2, "big") + value.encode()
