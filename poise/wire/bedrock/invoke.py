"""Another dialect inside Bedrock: ``invoke-with-response-stream`` carries a model's own events in binary messages.

Claude's are Anthropic's (``anthropic_version: bedrock-2023-05-31`` in the body). ``/model/{model}/invoke`` answers as the
dialect itself does.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Final

import msgspec

from poise.wire.anthropic.rest import decode
from poise.wire.bedrock.events_read import fault_of
from poise.wire.bedrock.frames import Corrupt, messages_of
from poise.wire.conversation.codec import EventReader, Manner
from poise.wire.conversation.event import Event, Fault

# The path says model and stream, and Bedrock refuses a body that says them too.
MANNER: Final = Manner(adds={"anthropic_version": "bedrock-2023-05-31"}, lacks=frozenset({"model", "stream"}))


class ChunkReader:
    """Unpacks each message and has the dialect's own reader read it (``wire.conversation.codec.EventReader``)."""

    __slots__ = ("_inner", "_over")

    def __init__(self, inner: EventReader) -> None:
        self._inner = inner
        self._over = False

    @property
    def unread(self) -> int:
        """How many events were no JSON."""
        return self._inner.unread

    def feed(self, data: bytes) -> list[Event]:
        """Whole messages in, what they mean out."""
        if self._over:
            return []
        out: list[Event] = []
        try:
            for message in messages_of(data):
                if message.kind != "event":
                    self._over = True
                    out.append(fault_of(message))
                    break
                if message.name == "chunk":
                    out += self._inner.feed(b"data: %b\n\n" % _chunk(message.payload))
        except ValueError as bad:  # Corrupt, TooLong, and base64 that is none
            self._over = True
            out.append(Fault(f"an event that cannot be unpacked: {bad}", "malformed"))
        return out

    def close(self) -> list[Event]:
        """The bytes ended."""
        return [] if self._over else self._inner.close()


def _chunk(payload: bytes) -> bytes:
    """The event in a chunk. Raises ValueError."""
    try:
        node = decode(payload)
    except (msgspec.DecodeError, RecursionError) as bad:
        raise Corrupt(f"no JSON: {bad}") from bad
    piece = node.get("bytes") if isinstance(node, dict) else None
    if not isinstance(piece, str):
        raise Corrupt("no bytes in it")
    return b64decode(piece, validate=True).replace(b"\r", b"").replace(b"\n", b" ")
