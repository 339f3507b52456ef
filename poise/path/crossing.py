"""One answer on its way through (``path.upstream.Receiver``): its head without what is the account's, its bytes as they are.

The provider's key never passes, should the provider echo it: it is blotted out with as many stars, so no length changes.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from typing import Final

from poise.clock import Clock
from poise.errors import AttemptFailed, Failure
from poise.path.fleet import Lane
from poise.path.service import NO_BODY, UNKNOWN_SIZE, Plan, Sink
from poise.path.upstream import Connection
from poise.wire import failures
from poise.wire.metered import Meter

MAX_ERROR_BYTES: Final = 64 * 1024  # of an error's body that are kept to see what it means; all of it passes
# Hop-by-hop (RFC 9110, 7.6.1), said anew by us, or about the account and its sessions.
DROPPED: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        *(b"proxy-authenticate", b"proxy-authentication-info", b"www-authenticate", b"authentication-info"),
        *(b"content-length", b"date", b"server", b"via", b"alt-svc", b"strict-transport-security"),
        *(b"set-cookie", b"set-cookie2", b"clear-site-data", b"report-to", b"nel", b"expect-ct"),
        *(b"openai-organization", b"openai-project", b"anthropic-organization-id", b"x-goog-user-project"),
    }
)
OURS: Final = b"x-poise-"

Learn = Callable[[str, str, Lane], None]


class Crossing:
    """What has come of one answer so far. ``begin`` binds it to a connection, at most twice."""

    def __init__(self, plan: Plan, lane: Lane, sink: Sink, clock: Clock, learn: Learn | None = None) -> None:
        self.plan = plan
        self.lane = lane
        self.sink = sink
        self.clock = clock
        self._learn = learn
        self.begun_us = clock.now_us()
        self.head_us = -1
        self.status = 0
        self.size = 0
        self.meter: Meter | None = None
        self.over = False
        self._secret = lane.secret.encode("latin-1", "replace")
        self._held = b""  # the end of what came, where it may be the beginning of the secret
        self._quiet_us = self.begun_us
        self._seen = 0
        self._error: list[bytes] = []
        self._headers: list[tuple[bytes, bytes]] = []
        self.connection: Connection
        self.done: Future[None]

    def begin(self, connection: Connection, done: Future[None]) -> None:
        """An exchange starts on this connection; done tells of its end."""
        self.connection, self.done = connection, done
        self.over = False
        self._quiet_us = self.clock.now_us()
        self.sink.attach(connection)

    # -- from the socket ----------------------------------------------------------------------------------------------

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """The provider's head, and from here on its answer is the client's."""
        self.status = status
        self.head_us = self.clock.now_us()
        self._headers = headers
        named: dict[bytes, bytes] = {}
        for name, value in headers:
            named.setdefault(name, value)
        self.meter = Meter(named.get(b"content-type", b""))
        length = named.get(b"content-length", b"")
        bodiless = self.plan.request.forward.startswith(b"HEAD ")
        size = int(length) if length.isdigit() and len(length) < 19 else UNKNOWN_SIZE
        lines = self._passed(headers)
        if status in (204, 304) or bodiless:
            if bodiless and size != UNKNOWN_SIZE:
                lines += b"content-length: %d\r\n" % size
            size = NO_BODY
        self.sink.through(status, lines, size)
        if bodiless:  # llhttp would wait for the body that the length speaks of; the connection cannot be used again
            self.connection.close()
            self.sink.finish()
            self._end(None)

    def body(self, data: bytes) -> None:
        """The next bytes."""
        self.size += len(data)
        if self.meter is not None:
            self.meter.feed(data)
        if self.status >= 400 and self.size <= MAX_ERROR_BYTES:
            self._error.append(data)
        passed = self._blotted(data)
        if passed:
            self.sink.write(passed)

    def end(self) -> None:
        """The answer is complete by its own framing."""
        self.sink.attach(None)  # first: by now another may be using the connection
        if self.meter is not None:
            self.meter.close()
            made = self.meter.made
            if made is not None and self._learn is not None and 200 <= self.status < 300:
                self._learn(*made, self.lane)  # before the client has all of it: its next request may come at once
        if self._held:
            self.sink.write(self._held)
            self._held = b""
        self.sink.finish()
        self._end(None)

    def failed(self, failure: AttemptFailed) -> None:
        """The connection or its framing broke."""
        self._end(failure)

    # -- from the ticker ----------------------------------------------------------------------------------------------

    def tick(self, now_us: int) -> None:
        """Look at the timers."""
        request = self.plan.request
        if self.size != self._seen or self.sink.paused:
            self._seen = self.size
            self._quiet_us = now_us
        if now_us >= request.deadline_us:
            self._end(AttemptFailed(Failure.TIMEOUT, "the request's deadline passed", status=self.status))
        elif self.status and now_us - self._quiet_us >= request.route.policy.timers.stall_us:
            silent_s = (now_us - self._quiet_us) / 1e6
            self._end(AttemptFailed(Failure.STALLED, f"nothing for {silent_s:.1f} s", status=self.status))

    def forgive(self, late_us: int) -> None:
        """The gateway itself was late: that time is nobody's silence."""
        self._quiet_us += late_us

    # -- what is known of it ------------------------------------------------------------------------------------------

    def refusal(self) -> AttemptFailed | None:
        """What a complete answer with an error's status means; None for all others."""
        if self.status < 400:
            return None
        return failures.classify(self.status, dict(self._headers), b"".join(self._error), self.lane.target.vendor)

    def clean(self, text: str) -> str:
        """Words of the provider without its key."""
        return text.replace(self.lane.secret, "[key]") if self.lane.secret else text

    def abandon(self) -> None:
        """Nobody waits for the answer any more, or it is over: let go of the connection."""
        if not self.over:
            self.over = True
            self.sink.attach(None)
            self.connection.close()

    def _end(self, failure: AttemptFailed | None) -> None:
        if self.over:
            return
        self.over = True
        if failure is not None:
            self.connection.close()
        self.sink.attach(None)
        if not self.done.done():
            if failure is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(failure)

    def _passed(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        also = {
            token.strip().lower() for name, value in headers if name == b"connection" for token in value.split(b",")
        }
        lines = [
            b"%b: %b\r\n" % pair
            for pair in headers
            if pair[0] not in DROPPED and pair[0] not in also and not pair[0].startswith(OURS)
        ]
        lines.append(self.lane.poise_head)
        lines.append(b"x-poise-attempts: 1\r\n")
        joined = b"".join(lines)
        return joined.replace(self._secret, b"*" * len(self._secret)) if self._secret else joined

    def _blotted(self, data: bytes) -> bytes:
        """The bytes that may go on; what may be the beginning of the secret waits for what follows."""
        secret = self._secret
        if not secret:
            return data
        data = self._held + data
        if data.find(secret) >= 0:
            data = data.replace(secret, b"*" * len(secret))
        most = min(len(data), len(secret) - 1)
        at = data.find(secret[:1], len(data) - most) if most else -1
        while at >= 0 and not secret.startswith(data[at:]):
            at = data.find(secret[:1], at + 1)
        if at < 0:
            self._held = b""
            return data
        self._held = data[at:]
        return data[:at]
