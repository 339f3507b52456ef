"""The state of one exchange: what the upstream has said so far, and what of it went on to the client.

Called from the socket's callbacks; nothing here waits. The numbers are the ways it ends, and ``_end`` is the only exit:
1 complete, 2 refused by status, 3 broken (connection, framing), 4 broken (content), 5 out of time.
"""

from __future__ import annotations

from asyncio import Future
from typing import Final

from msgspec.structs import replace

from poise.clock import Clock
from poise.decision import Usage
from poise.errors import AttemptFailed, Failure
from poise.path.gate import NOBODY, Gate, Pen
from poise.path.heard import attempts_below, faulted, left_out, passed_headers, redacted, refused
from poise.path.pulse import COLON, Pulse
from poise.path.service import Answered, Dispatch
from poise.path.upstream import Connection
from poise.policy import Hold
from poise.wire.call import StreamReader
from poise.wire.pins_made import Made
from poise.wire.sse import Splitter, Unframed

MAX_WHOLE_BYTES: Final = 32 * 1024 * 1024  # a whole answer is held until it is checked; as large as a request may be
MAX_ERROR_BYTES: Final = 64 * 1024
MAX_CODE_CHARS: Final = 100  # of an upstream's own name for an error
MAX_TEXT_CHARS: Final = 500  # of an upstream's own words, in errors and records
_DISTRUSTED: Final = (Failure.MALFORMED, Failure.CUT)  # within sound framing
LINGER_US: Final = 1_700_000  # an answer is over and its connection is not: closed within 2 s, ticks included


class Exchange:
    """Receives one answer (``path.upstream.Receiver``) and pushes it through the gate."""

    over: bool = False
    framed: bool = False  # the answer is complete by its own framing too
    status: int = 0
    streams: bool = False
    size: int = 0
    over_us: int = 0
    first_us: int = -1
    model: str = ""

    def __init__(
        self, dispatch: Dispatch, gate: Gate, clock: Clock, now_us: int, done: Future[None], connection: Connection
    ) -> None:
        self.dispatch = dispatch
        self.gate = gate
        self.clock = clock
        self.sent_us = now_us
        self.done = done
        self.connection = connection
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[bytes] = []
        self.usage: Usage | None = None
        self.reader: StreamReader | None = None
        self.splitter: Splitter | None = None
        self.pulse: Pulse | None = None
        self.hold: Hold | None = None
        self.pen: Pen | None = None  # writes to the client, from the commit point on
        self.made: Made | None = None  # where a later request may name what this stream brings

    # -- from the socket ----------------------------------------------------------------------------------------

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """The upstream's status and headers."""
        self.status = status
        self.headers = headers
        attempt = self.dispatch.attempt
        tongue = self.dispatch.tongue
        if tongue.chained:
            attempt.used = attempts_below(headers)
        if status == 200 and attempt.plan.request.call.stream:
            kind = tongue.streams_as
            for name, value in headers:
                if name == b"content-type" and value[: len(kind)].lower() == kind:
                    request = attempt.plan.request
                    self.streams = True
                    repair = attempt.repair
                    if repair is None:
                        self.hold = request.route.hold
                        self.reader = tongue.dialect.stream_reader(request.call)
                    else:
                        self.reader = repair.reader(request.call)
                    self.splitter = tongue.splitter()
                    self.pulse = Pulse(self.sent_us)
                    if request.route.pins is not None and request.route.pins.learns:
                        self.made = tongue.made

    def body(self, data: bytes) -> None:
        """The next bytes of the body."""
        self.size += len(data)
        if not self.streams:
            self._hold(data)
            return
        if self.over:
            return  # nobody waits for what follows the end of an answer
        reader, splitter, pulse = self.reader, self.splitter, self.pulse
        assert reader is not None
        assert splitter is not None
        assert pulse is not None
        try:
            events = splitter.feed(data)
        except Unframed as bad:
            self._end(AttemptFailed(Failure.MALFORMED, str(bad), status=self.status))
            return
        if not events:
            return
        if events[0] == COLON and events.find(b"data:") < 0:
            pulse.noise += len(events)
        else:
            pulse.heard += len(events)
        passed = reader.feed(events)
        if self.made is not None:
            self._keep_made(self.made, passed, whole=False)
        if self.pen is not None:
            if passed:
                self.pen.write(passed)
        elif reader.error:
            pass  # in the same breath as the first token: nothing has gone out, so nothing needs to
        elif reader.started:
            self._pass(passed)
        elif passed:
            self.chunks.append(passed)  # a role, a comment, an empty delta: not yet an answer
            if self.size > MAX_ERROR_BYTES and self.dispatch.attempt.repair is None:
                self._commit(b"")
        if reader.error:
            self._end(faulted(self.dispatch, self.status, reader))
        elif reader.over and not self.over:
            self._finish(b"")

    def end(self) -> None:
        """The body is complete by its own framing."""
        self.framed = True
        if self.over:
            return
        if self.streams:
            self._end_stream()
        elif self.status != 200 and not 200 <= self.status < 300:
            self._end(refused(self.dispatch, self.status, self.headers, b"".join(self.chunks)))
        else:
            self._end_whole()

    def failed(self, failure: AttemptFailed) -> None:
        """The connection or its framing broke."""
        self.framed = True  # there is nothing left to wait for
        failure.status = self.status
        self._end(failure)

    # -- from the ticker ------------------------------------------------------------------------------------------

    def tick(self, now_us: int) -> None:
        """Look at the timers. Called about every 100 ms, so time is not read per event."""
        attempt = self.dispatch.attempt
        request = attempt.plan.request
        if now_us >= request.deadline_us:
            self._end(AttemptFailed(Failure.TIMEOUT, "the request's deadline passed", status=self.status))
        elif request.call.stream:
            self._tick_stream(now_us, attempt.elsewhere)

    def linger(self, now_us: int) -> bool:
        """Whether the connection of an answer that is over is still waited for; past its time it is closed."""
        if self.framed:
            return False
        if not self.over_us:
            self.over_us = now_us
        if now_us - self.over_us < LINGER_US:
            return True
        self.connection.close()
        return False

    def forgive(self, late_us: int) -> None:
        """The gateway itself was late: that time is nobody's silence."""
        self.sent_us += late_us
        if self.pulse is not None:
            self.pulse.forgive(late_us)

    def _tick_stream(self, now_us: int, elsewhere: bool) -> None:
        route = self.dispatch.attempt.plan.request.route
        timers = route.policy.timers
        lane = self.dispatch.lane
        pulse = self.pulse
        waited_us = now_us - self.sent_us
        silent_us = waited_us if pulse is None else pulse.look(now_us, paused=self.gate.sink.paused)
        if pulse is not None and self.first_us >= 0:
            stall_us = max(timers.stall_us, lane.stall_us)
            if pulse.stalled(silent_us, stall_us, self.size):
                self._end(AttemptFailed(Failure.STALLED, f"nothing for {silent_us / 1e6:.1f} s", status=self.status))
                return
            if slow := pulse.slow(now_us, stall_us, route.rate_e3, self.size):
                self._end(AttemptFailed(Failure.STALLED, slow, status=self.status))
                return
            if self.hold is not None and self.pen is None:
                self._pass(b"")
        elif not self.status and waited_us >= timers.headers_us:
            self._end(AttemptFailed(Failure.TIMEOUT, f"no answer within {waited_us / 1e6:.1f} s"))
            return
        elif elsewhere and waited_us >= max(timers.first_token_us, lane.first_token_us):
            self._end(AttemptFailed(Failure.TIMEOUT, f"no token within {waited_us / 1e6:.1f} s", status=self.status))
            return
        self.gate.tick(now_us, silent=self.pen is None or silent_us > 0)

    # -- the ways it ends ------------------------------------------------------------------------------------------

    def answered(self) -> Answered:
        """What there is to know of a complete exchange."""
        attempt = self.dispatch.attempt
        late_us = self.clock.now_us() - attempt.started_us
        first_us = self.first_us - attempt.started_us if self.first_us >= 0 else -1
        return Answered(self.status, self.model, self.usage, first_us, late_us, self.size)

    def _end(self, failure: AttemptFailed | None) -> None:
        if self.over:
            return
        if failure is not None:
            # Framed to its end it leaves a sound connection, unless it was no answer: what follows may be its rest.
            if not self.framed or failure.failure in _DISTRUSTED:
                self.connection.close()
            self._learn(failure)
        self.over = True
        if self.pen is not None:
            self.gate.attach(None)  # here, not when the request wakes: by then another may be using the connection
        if not self.done.done():
            if failure is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(failure)

    def _learn(self, failure: AttemptFailed | None) -> None:
        """Keep for the record what had come of an answer that did not complete; no word of the provider's key."""
        attempt = self.dispatch.attempt
        if self.reader is not None:
            self._take(self.reader)
        attempt.status, attempt.bytes = self.status, self.size
        attempt.usage, attempt.model = self.usage, self.model
        if self.first_us >= 0:
            attempt.first_token_us = self.first_us - attempt.started_us
        if failure is not None:
            # Before it is cut: half a key is a secret too.
            failure.text = redacted(self.dispatch, failure.text.encode(errors="replace")).decode()[:MAX_TEXT_CHARS]
            failure.code = redacted(self.dispatch, failure.code.encode(errors="replace")).decode()[:MAX_CODE_CHARS]

    def _take(self, reader: StreamReader) -> None:
        """What was read of a stream."""
        self.model, self.usage = reader.model, reader.usage
        if self.usage is not None and not reader.finished:
            self.usage = replace(self.usage, sure=False)  # as far as it had come: the rest is billed too
        if reader.skipped:
            left_out(self.dispatch, reader.skipped)
            reader.skipped = 0  # said once

    def abandon(self) -> None:
        """Nobody waits for the answer any more: close the upstream, keep what is known."""
        if not self.over:
            self.over = True
            if self.pen is not None:
                self.gate.attach(None)
            self.connection.close()
            self._learn(None)

    def mute(self, done: Future[None]) -> None:
        """The client has gone, and the answer costs what it costs: it is read on, for its tokens, to nobody."""
        if self.pen is not None:
            self.gate.attach(None)
            self.connection.resume()
        self.pen = NOBODY
        self.done = done

    def abandon_drain(self) -> None:
        """Nobody waits, and it has been long enough."""
        self._end(AttemptFailed(Failure.TIMEOUT, "the client had gone", status=self.status))

    def learn(self) -> None:
        """Keep what had come, for the record."""
        self._learn(None)

    def _keep_made(self, made: Made, piece: bytes, *, whole: bool) -> None:
        """Before the caller has it: its next request may come at once."""
        pins = self.dispatch.attempt.plan.request.route.pins
        if pins is not None and pins.learns and piece:
            pins.learn(made, piece, self.dispatch.lane, whole=whole)

    def _hold(self, data: bytes) -> None:
        self.chunks.append(data)
        bound = MAX_WHOLE_BYTES if self.status == 200 else MAX_ERROR_BYTES
        if self.size > bound:
            self._end(AttemptFailed(Failure.MALFORMED, f"an answer of more than {bound} bytes", status=self.status))

    def _pass(self, events: bytes) -> None:
        """A meaningful event came. What goes out now, and what is held back, is the policy's."""
        if self.first_us < 0:
            self._begin()
        hold = self.hold
        if hold is not None:
            if events:
                self.chunks.append(events)
            if self.size > MAX_WHOLE_BYTES:
                text = f"an answer of more than {MAX_WHOLE_BYTES} bytes, too long to be held back whole"
                self._end(AttemptFailed(Failure.MALFORMED, text, status=self.status))
                return
            if hold.whole or not self._let_go(hold):
                return
            events = b""
        self._commit(events)

    def _begin(self) -> None:
        self.first_us = self.clock.now_us()
        if self.pulse is not None:
            self.pulse.begin(self.first_us)

    def _let_go(self, hold: Hold) -> bool:
        """Whether as much has come as the policy wants to see before the client sees any."""
        if hold.tokens and sum([chunk.count(b"data:") for chunk in self.chunks]) >= hold.tokens:
            return True
        return bool(hold.wait_us) and self.clock.now_us() - self.first_us >= hold.wait_us

    def _commit(self, events: bytes) -> Pen | None:
        if self.first_us < 0:
            self._begin()
        headers = passed_headers(self.dispatch, self.headers, self.dispatch.tongue.stream_kind)
        pen = self.gate.commit(headers, self.dispatch.attempt)
        if pen is None:
            self._end(AttemptFailed(Failure.LOCAL, "another attempt was first", status=self.status))
            return None
        self.pen = pen
        self.gate.attach(self.connection)
        held = b"".join(self.chunks) + events
        self.chunks.clear()
        if held:
            pen.write(held)
        return pen

    def _end_stream(self) -> None:
        """Complete only by the dialect's own terms: an upstream that closes early has not finished its answer."""
        reader, splitter = self.reader, self.splitter
        assert reader is not None
        assert splitter is not None
        owed = reader.close(splitter.tail)
        if reader.error:
            self._end(faulted(self.dispatch, self.status, reader))
        elif reader.finished:
            self._finish(owed)
        else:
            self._end(AttemptFailed(Failure.CUT, "the stream ended before its answer did", status=self.status))

    def _finish(self, owed: bytes) -> None:
        """The answer is complete: the client is told at once, whatever becomes of the connection."""
        reader, pen = self.reader, self.pen
        assert reader is not None
        self._take(reader)
        if self.made is not None:
            self._keep_made(self.made, owed, whole=False)
        if pen is None:
            pen = self._commit(owed)
            if pen is None:
                return
        elif owed:
            pen.write(owed)
        pen.finish()
        self._end(None)

    def _end_whole(self) -> None:
        request = self.dispatch.attempt.plan.request
        body = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
        self.chunks.clear()
        try:
            if request.call.stream:
                raise AttemptFailed(
                    Failure.MALFORMED, "a stream was asked for, a whole answer came", status=self.status
                )
            if request.call.tensors:
                request.call.head = self.headers
            answer = self.dispatch.tongue.dialect.read_answer(request.call, body)
        except AttemptFailed as failure:
            self._end(failure)
            return
        self.model, self.usage = answer.model, answer.usage
        if self.dispatch.tongue.made is not None:
            self._keep_made(self.dispatch.tongue.made, answer.body or body, whole=True)
        headers = passed_headers(self.dispatch, self.headers, self.dispatch.tongue.whole_kind)
        if self.gate.whole(self.status, headers, answer.body or body, self.dispatch.attempt):
            self._end(None)
        else:
            self._end(AttemptFailed(Failure.LOCAL, "another attempt was first", status=self.status))
