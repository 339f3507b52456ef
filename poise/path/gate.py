"""The commit point. Attempts write into a gate; until the first meaningful event passes, all can still be repaired."""

from __future__ import annotations

from poise.path.service import Flow, Sink


class Gate:
    """Stands between the attempts of one request and its client. The first attempt past it owns the client."""

    __slots__ = ("committed", "keepalive_us", "said_us", "sink")

    def __init__(self, sink: Sink, keepalive_us: int, now_us: int) -> None:
        self.sink = sink
        self.committed = False
        self.keepalive_us = keepalive_us
        self.said_us = now_us

    def commit(self, headers: bytes) -> Sink:
        """A streamed answer begins: from here on a failure is told in-band. Returns the sink to write to."""
        self.committed = True
        self.sink.start(200, headers)
        return self.sink

    def whole(self, status: int, headers: bytes, body: bytes) -> None:
        """A whole, checked answer."""
        self.committed = True
        self.sink.whole(status, headers, body)

    def attach(self, flow: Flow | None) -> None:
        """The upstream that a slow client pauses."""
        self.sink.attach(flow)

    def tick(self, now_us: int, *, silent: bool) -> None:
        """Send a keep-alive comment where nothing went to the client for as long as the policy allows."""
        if not silent:
            self.said_us = now_us
        elif now_us - self.said_us >= self.keepalive_us:
            self.said_us = now_us
            self.sink.comment()
