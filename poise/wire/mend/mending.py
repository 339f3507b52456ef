"""What both ways to mend an answer share: events in, and out what the caller has not heard yet."""

from __future__ import annotations

from abc import abstractmethod

from poise.wire.conversation.codec import EventReader, EventWriter
from poise.wire.conversation.event import Event
from poise.wire.interpret import Listener


class Mending(Listener):
    """A ``wire.call.StreamReader``. writer stands where the caller stands: it has written what was delivered.

    ``started`` once something new went on: only from there does a failure leave the caller anywhere else than it was.
    """

    def __init__(self, reader: EventReader, writer: EventWriter) -> None:
        super().__init__(reader)
        self._writer = writer
        self._passed = False

    def feed(self, data: bytes) -> bytes:
        """What goes on to the caller."""
        return self._pass(self._feed(data))

    def close(self, tail: bytes) -> bytes:
        """The bytes ended; tail is what came of an event that was not complete."""
        return self._pass(self._last(tail))

    def _pass(self, events: list[Event]) -> bytes:
        new = self._new(events)
        passed = self._writer.write(new) if new else b""
        self.started = self._passed = bool(passed) or self._passed
        return passed

    @abstractmethod
    def _new(self, events: list[Event]) -> list[Event]:
        """Those of the events that the caller has not heard yet, as its answer counts its parts."""
