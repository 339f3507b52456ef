"""Changes of streams: of server-sent events, and of Bedrock's binary messages, whose checksums are made right again."""

from __future__ import annotations

from random import Random
from typing import Final

from poise.wire.bedrock import frames
from poise.wire.sse import TooLong, data_of, events_of
from tests.fuzz.mutate import MAX_BYTES, plain
from tests.fuzz.mutate_json import json_change

_ENDS: Final = (b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\n", b"\r", b"")
_ODD: Final = (
    *(
        b"\xef\xbb\xbf",
        b": comment\n\n",
        b"data\n\n",
        b"data:\n\n",
        b"id: 7\nretry: 1\n\n",
        b"data: [DONE]\n\n",
        b"\n\n\n",
    ),
    *(b"event: error\ndata: {}\n\n", b"data: null\n\n", b"data: [1]\n\n", b"data: {\ndata: }\n\n", b"event: \xff\n\n"),
)


def sse_change(rng: Random, data: bytes, other: bytes) -> bytes:
    """Events changed, moved, doubled, cut, ended otherwise."""
    events = events_of(data)
    if not events:
        return plain(rng, data, other)
    at = rng.randrange(len(events))
    kind = rng.randrange(12)
    if kind < 5:
        events[at] = _event_changed(rng, events[at], other)
    elif kind == 5:
        events[at : at + 1] = []
    elif kind == 6:
        events.insert(rng.randrange(len(events) + 1), events[at])
    elif kind == 7:
        events[at : at + 1] = _times(rng, events[at])
    elif kind == 8:
        events[at] = events[at].rstrip(b"\r\n") + rng.choice(_ENDS)
    elif kind == 9:
        end = rng.choice(_ENDS[:4])
        return b"".join(event.rstrip(b"\r\n") + end for event in events)
    elif kind == 10:
        events.insert(rng.randrange(len(events) + 1), rng.choice(_ODD) if rng.random() < 0.95 else b"x" * MAX_BYTES)
    else:
        theirs = events_of(other)
        return b"".join(events[:at] + theirs[rng.randint(0, len(theirs)) :])
    return b"".join(events)


def _event_changed(rng: Random, event: bytes, other: bytes) -> bytes:
    said = data_of(event)
    if not said or said not in event:
        return plain(rng, event, other)
    theirs = events_of(other)
    return event.replace(said, json_change(rng, said, data_of(rng.choice(theirs)) if theirs else b"null"))


def _times(rng: Random, event: bytes) -> list[bytes]:
    room = MAX_BYTES if rng.random() < 0.1 else 4_000
    return [event] * (room // len(event) + 1)


def frames_change(rng: Random, data: bytes, other: bytes) -> bytes:
    """Messages changed, moved, doubled, dropped."""
    try:
        whole = frames.Splitter().feed(data)
        messages = frames.messages_of(whole)
    except (frames.Corrupt, TooLong):
        return plain(rng, data, other)
    if not messages:
        return plain(rng, data, other)
    parts = [(message.name, message.payload, message.kind) for message in messages]
    at = rng.randrange(len(parts))
    name, payload, kind = parts[at]
    what = rng.randrange(8)
    if what < 4:
        parts[at] = (name, json_change(rng, payload, rng.choice(messages).payload), kind)
    elif what == 4:
        parts[at : at + 1] = []
    elif what == 5:
        size = len(payload) + 100
        parts[at : at + 1] = [parts[at]] * ((MAX_BYTES if rng.random() < 0.1 else 4_000) // size + 1)
    elif what == 6:
        parts[at] = (rng.choice(messages).name, payload, rng.choice(("event", "exception", "error", "odd")))
    else:
        parts.insert(rng.randrange(len(parts) + 1), parts[at])
    return b"".join(frames.write(*part) for part in parts)
