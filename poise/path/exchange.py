"""The state of one exchange: what the upstream has said so far, and what of it went on to the client.

Called from the socket's callbacks; nothing here waits. The numbers are the ways it ends, and ``_end`` is the only exit:
1 complete, 2 refused by status, 3 broken (connection, framing), 4 broken (content), 5 out of time.
"""

from __future__ import annotations

from asyncio import Future

from poise.clock import Clock
from poise.decision import Usage
from poise.errors import AttemptFailed, Failure
from poise.path.gate import Gate
from poise.path.service import Answered, Dispatch, Sink
from poise.path.upstream import Connection
from poise.wire.call import StreamReader
from poise.wire.sse import Splitter, TooLong

MAX_WHOLE_BYTES = 32 * 1024 * 1024  # a whole answer is held until it is checked; as large as a request may be
MAX_ERROR_BYTES = 64 * 1024

# What goes on of an upstream's own headers: what a client of the dialect reads, nothing that speaks of the account.
_PASSED = frozenset({b"content-type", b"openai-processing-ms", b"openai-version", b"x-request-id", b"content-language"})


class Exchange:
    """Receives one answer (``path.upstream.Receiver``) and pushes it through the gate."""

    __slots__ = (
        "_clock",
        "_chunks",
        "_first_us",
        "_headers",
        "_model",
        "_quiet_us",
        "_reader",
        "_seen",
        "_sent_us",
        "_size",
        "_splitter",
        "_streams",
        "_usage",
        "_write",
        "connection",
        "dispatch",
        "done",
        "gate",
        "over",
        "status",
    )

    done: Future[None]
    connection: Connection

    def __init__(self, dispatch: Dispatch, gate: Gate, clock: Clock) -> None:
        self.dispatch = dispatch
        self.gate = gate
        self._clock = clock
        self.over = False
        self.status = 0
        self._streams = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        self._size = 0
        self._seen = 0
        self._sent_us = self._quiet_us = clock.now_us()
        self._first_us = -1
        self._usage: Usage | None = None
        self._model = ""
        self._reader: StreamReader | None = None
        self._splitter: Splitter | None = None
        self._write: Sink | None = None

    # -- from the socket ----------------------------------------------------------------------------------------

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """The upstream's status and headers."""
        self.status = status
        self._headers = headers
        if status == 200 and self.dispatch.attempt.plan.request.call.stream:
            for name, value in headers:
                if name == b"content-type" and value.startswith(b"text/event-stream"):
                    request = self.dispatch.attempt.plan.request
                    self._streams = True
                    self._reader = request.dialect.stream_reader(request.call)
                    self._splitter = Splitter()

    def body(self, data: bytes) -> None:
        """The next bytes of the body."""
        self._size += len(data)
        if not self._streams:
            self._hold(data)
            return
        reader, splitter = self._reader, self._splitter
        assert reader is not None
        assert splitter is not None
        try:
            events = splitter.feed(data)
        except TooLong as long:
            self._end(AttemptFailed(Failure.MALFORMED, str(long), status=self.status))
            return
        if not events:
            return
        passed = reader.feed(events)
        if self._write is not None:
            if passed:
                self._write.write(passed)
        elif reader.started:
            self._commit(passed)
        elif passed:
            self._chunks.append(passed)  # a role, a comment, an empty delta: not yet an answer
            if self._size > MAX_ERROR_BYTES:
                self._commit(b"")
        if reader.error:
            self._end(self._in_stream(reader.error))

    def end(self) -> None:
        """The body is complete by its own framing."""
        if self._streams:
            self._end_stream()
        elif self.status != 200 and not 200 <= self.status < 300:
            self._end(self._refused())
        else:
            self._end_whole()

    def failed(self, failure: AttemptFailed) -> None:
        """The connection or its framing broke."""
        failure.status = self.status
        self._end(failure)

    # -- from the ticker ------------------------------------------------------------------------------------------

    def tick(self, now_us: int) -> None:
        """Look at the timers. Called about every 100 ms, so time is not read per event."""
        attempt = self.dispatch.attempt
        request = attempt.plan.request
        if self._size != self._seen:
            self._seen = self._size
            self._quiet_us = now_us
        if now_us >= request.deadline_us:
            self._end(AttemptFailed(Failure.TIMEOUT, "the request's deadline passed", status=self.status))
        elif request.call.stream:
            self._tick_stream(now_us, attempt.elsewhere)

    def forgive(self, late_us: int) -> None:
        """The gateway itself was late: that time is nobody's silence."""
        self._sent_us += late_us
        self._quiet_us += late_us

    def _tick_stream(self, now_us: int, elsewhere: bool) -> None:
        timers = self.dispatch.attempt.plan.request.route.policy.timers
        silent_us = now_us - self._quiet_us
        waited_us = now_us - self._sent_us
        if self._write is not None:
            if silent_us >= timers.stall_us and not self.gate.sink.paused:
                self._end(AttemptFailed(Failure.STALLED, f"nothing for {silent_us / 1e6:.1f} s", status=self.status))
                return
        elif not self.status and waited_us >= timers.headers_us:
            self._end(AttemptFailed(Failure.TIMEOUT, f"no answer within {waited_us / 1e6:.1f} s"))
            return
        elif elsewhere and waited_us >= timers.first_token_us:
            self._end(AttemptFailed(Failure.TIMEOUT, f"no token within {waited_us / 1e6:.1f} s", status=self.status))
            return
        self.gate.tick(now_us, silent=self._write is None or silent_us > 0)

    # -- the ways it ends ------------------------------------------------------------------------------------------

    def answered(self) -> Answered:
        """What there is to know of a complete exchange."""
        attempt = self.dispatch.attempt
        late_us = self._clock.now_us() - attempt.started_us
        first_us = self._first_us - attempt.started_us if self._first_us >= 0 else -1
        return Answered(self.status, self._model, self._usage, first_us, late_us, self._size)

    def _end(self, failure: AttemptFailed | None) -> None:
        if self.over:
            return
        if failure is not None:
            self.connection.close()
        self.over = True
        if not self.done.done():
            if failure is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(failure)

    def _hold(self, data: bytes) -> None:
        self._chunks.append(data)
        bound = MAX_WHOLE_BYTES if self.status == 200 else MAX_ERROR_BYTES
        if self._size > bound:
            self._end(AttemptFailed(Failure.MALFORMED, f"an answer of more than {bound} bytes", status=self.status))

    def _commit(self, events: bytes) -> None:
        self._first_us = self._clock.now_us()
        self._write = self.gate.commit(self._passed_headers())
        held = b"".join(self._chunks) + events
        self._chunks.clear()
        if held:
            self._write.write(held)

    def _end_stream(self) -> None:
        """Complete only by the dialect's own terms: an upstream that closes early has not finished its answer."""
        reader, splitter = self._reader, self._splitter
        assert reader is not None
        assert splitter is not None
        self._model, self._usage = reader.model, reader.usage
        if reader.finished and not splitter.tail:
            if self._write is None:
                self._commit(b"")
            assert self._write is not None
            self._write.finish()
            self._end(None)
        else:
            self._end(AttemptFailed(Failure.CUT, "the stream ended before its answer did", status=self.status))

    def _end_whole(self) -> None:
        request = self.dispatch.attempt.plan.request
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        try:
            if request.call.stream:
                raise AttemptFailed(Failure.MALFORMED, "a stream was asked for, a whole answer came", status=self.status)
            answer = request.dialect.read_answer(request.call, body)
        except AttemptFailed as failure:
            self._end(failure)
            return
        self._model, self._usage = answer.model, answer.usage
        self.gate.whole(self.status, self._passed_headers(), body)
        self._end(None)

    def _refused(self) -> AttemptFailed:
        dialect = self.dispatch.attempt.plan.request.dialect
        return dialect.failure(self.status, dict(self._headers), b"".join(self._chunks))

    def _in_stream(self, error: str) -> AttemptFailed:
        reader = self._reader
        assert reader is not None
        self._model, self._usage = reader.model, reader.usage
        return AttemptFailed(Failure.SERVER, f"error in the stream: {error}", status=self.status)

    def _passed_headers(self) -> bytes:
        lines = [b"%s: %s\r\n" % pair for pair in self._headers if pair[0] in _PASSED]
        attempt = self.dispatch.attempt
        lines.append(attempt.lane.poise_head)
        lines.append(b"x-poise-attempts: %d\r\n" % attempt.number)
        return b"".join(lines)
