"""Which events of a stream a client's own parser can read."""

from __future__ import annotations

from typing import Final

import msgspec

from poise.wire.sse import data_of, events_of

MOST_UNREAD: Final = 3  # events of one stream that may be left out; a stream of more is none

_any: Final = msgspec.json.Decoder().decode
_BOM: Final = b"\xef\xbb\xbf"
_FIELDS: Final = (b":", b"event:", b"id:", b"retry:", b"data:")


def legible(events: bytes) -> bytes:
    """The events without those whose data is no JSON in UTF-8, and those that are no fields of an event at all."""
    return b"".join([event for event in events_of(events) if _legible(event)])


def is_field(data: bytes) -> bool:
    """Whether an event without data is one that says nothing: a comment, a name, an id, a time."""
    return data.startswith(_FIELDS)


def _legible(event: bytes) -> bool:
    said = event.removeprefix(_BOM).strip()
    data = data_of(said + b"\n\n").strip()
    if not data:
        if not said or is_field(said):
            return True
        data = said  # an error instead of a stream stands bare
    return data == b"[DONE]" or readable(data)


def readable(data: bytes) -> bool:
    """Whether it is JSON in UTF-8."""
    try:
        _any(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True
