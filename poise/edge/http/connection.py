"""One client connection: bytes in, messages out, answers in order.

The parser runs ahead of the answers (pipelining), but only MAX_PIPELINED messages far. While an answer is under way
the socket is read on, because only reading shows that the client has gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, cast

import httptools

from poise.edge.http.message import Message, too_many
from poise.edge.http.repeat import Repeat, learnt
from poise.edge.http.reply import Reply
from poise.edge.http.tcp import Tcp
from poise.errors import Error

if TYPE_CHECKING:
    from poise.edge.http.server import Server

MAX_PIPELINED: Final = 32
# Above this a client counts as slow and its upstream is not read. The kernel's buffer is full by then, so a small one
# costs nothing; on top may come what uvloop reads at once (250 KiB), and together they stay below 256 KiB.
HIGH_WATER_BYTES: Final = 4096
# After a refusal the rest of what is being sent is thrown away this long, so the client can read the answer.
LINGER_S: Final = 1.0
LINGER_BYTES: Final = 1024 * 1024


class Connection(Tcp):
    """Server side of one socket."""

    __slots__ = (
        "_begun",
        "_ending",
        "_last",
        "_left",
        "_lingered",
        "_message",
        "_parser",
        "_queue",
        "_raw",
        "_refused",
        "_reply",
        "_seen",
        "_served",
        "_unsent",
        "address",
        "known",
        "lingering",
        "paused",
        "server",
        "since_s",
        "stalled_s",
    )

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server = server
        self.paused = False
        self.lingering = False
        self.since_s = server.now_s  # when the state it is in began: idle, reading a head, reading a body
        self.stalled_s = 0.0  # when it was last seen to read
        self._unsent = 0
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._message: Message | None = None
        self._last: Message | None = None
        self.known: Repeat | None = None
        self._seen: Message | None = None  # the last that the parser began
        self._begun = 0  # messages that the parser began in the newest bytes
        self._left = 0  # of a body whose head the parser has not seen
        self._queue: deque[Message] = deque()
        self._reply: Reply | None = None
        self._refused = False
        self._ending = False
        self._served = False
        self._raw = 0
        self._lingered = 0

    # -- asyncio --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = tcp = cast("asyncio.Transport", transport)  # uvloop's own class has no common ancestor
        tcp.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        peer = tcp.get_extra_info("peername")
        self.address: str = peer[0] if isinstance(peer, tuple) else ""
        self.server.joined(self)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            self._lingered += len(data)
            if self._lingered > LINGER_BYTES:
                self.abort()
            return
        if self._left:
            self._more(data)
            return
        began = self._message is None
        if began:
            self._raw = 0
            if self.known is not None and self._repeats(self.known, data):
                return
        self._raw += len(data)
        self._begun = 0
        parser = self._parser
        assert parser is not None
        try:
            parser.feed_data(data)
            if self._message is not None:
                self._message.check_pace(self._raw, self.server.limits)
            if began and self._begun == 1 and self._seen is not None and self._last is not None:
                self.known = learnt(data, self._seen, self._last)
            self._seen = None
        except httptools.HttpParserUpgrade:
            self._refuse(Error("upgrade_refused", "this server speaks HTTP/1.1 only", hint="do not send Upgrade"))
        except httptools.HttpParserCallbackError as wrapped:
            cause = wrapped.__context__
            if not isinstance(cause, Error):
                raise
            self._refuse(cause)
        except httptools.HttpParserError as bad:
            self._refuse(Error("bad_framing", f"this is not HTTP/1.1: {bad}", hint="see RFC 9112"))
        except Error as outweighed:
            self._refuse(outweighed)

    def eof_received(self) -> bool:
        """A client that stops sending is taken for gone, as nginx does."""
        if self._reply is not None and not self._reply.done:
            self.server.gone(self._reply)  # now: the socket itself stays until what is written has been sent
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.left(self)
        self.transport = None
        self._parser = None  # it holds this connection
        self._drop_unanswered()
        reply = self._reply
        if reply is None:
            return
        if not reply.done or (exc is not None and reply.unflushed):
            self.server.gone(reply)
        else:
            reply.drained()

    def pause_writing(self) -> None:
        self.paused = True
        if self._reply is not None:
            self._reply.pause()

    def resume_writing(self) -> None:
        self.paused = False
        if self._reply is not None:
            self._reply.resume()
        if self._queue:
            self.server.loop.call_soon(self._next)

    # -- what needs no parser: see ``repeat`` --------------------------------------------------------------------------

    def _repeats(self, known: Repeat, data: bytes) -> bool:
        """Take data where it begins with the known head and holds no more than this one message."""
        at = known.matches(data)
        last = known.message
        server = self.server
        if (
            not at
            or not len(data) - at <= known.size <= server.limits.body_bytes
            or not known.size
            or server.front.epoch != last.epoch
            or self._ending
            or self._occupied()
        ):
            return False
        self._message = message = Message()
        message.repeat(last)
        message.length = known.length
        self.since_s = server.now_s
        self._left = known.size
        if at < len(data):
            self._more(data[at:])
        return True

    def _more(self, data: bytes) -> None:
        """The next bytes of a body whose head was known."""
        left = self._left - len(data)
        self._left = max(left, 0)
        try:
            self.on_body(data if left >= 0 else data[:left])
        except Error as refused:
            self._left = 0
            self._refuse(refused)
            return
        if left <= 0:
            self.on_message_complete()
        if left < 0:
            self.data_received(data[left:])

    # -- the parser ---------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A message starts; none may behind the last one of the connection."""
        if self._ending:
            raise Error("bad_request", "a request after the connection's last", hint="open another connection")
        self._message = self._seen = Message()
        self._begun += 1
        self.since_s = self.server.now_s

    def on_url(self, url: bytes) -> None:
        """Part of the request target."""
        if self._message is not None:
            self._message.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line; a trailer, where the head is complete."""
        message = self._message
        assert message is not None
        if message.path:
            raise Error("bad_framing", "trailers are not read", hint="send no trailers")
        name = name.lower()
        if name == b"content-length" and not message.length and value:
            message.length = value
            return
        message.pairs.append((name, value))
        if len(message.pairs) > self.server.limits.header_count:
            raise too_many(self.server.limits)

    def on_headers_complete(self) -> None:
        """The head is there: refuse what can be refused before a body is read."""
        message = self._message
        assert message is not None
        parser = self._parser
        assert parser is not None
        server = self.server
        self.since_s = server.now_s
        if message.length:
            message.check_length(server.limits)
        last = self._last
        version, method = parser.get_http_version(), parser.get_method()
        if last is not None and message.is_like(last, method, version, server.front.epoch):
            message.repeat(last)  # what a client's library sends again and again: 2 us less than looking at it anew
            return
        message.check_head(version, method, server.limits)
        message.keep_alive = parser.should_keep_alive()
        server.screen(message)
        if message.refusal is None and not message.expects and not message.labels:
            self._last = message
        if message.refusal is not None:
            if message.expects:
                raise message.refusal
            if not self._occupied():
                message.answered = True
                self._serve(message)
        elif message.expects and not self._occupied():
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        """Part of the body."""
        message = self._message
        assert message is not None
        message.grow(data, self.server.limits)
        self.server.hold(message, len(data))

    def on_message_complete(self) -> None:
        """The message is whole: answer it, or queue it behind the one being answered."""
        message = self._message
        assert message is not None
        if len(self._queue) >= MAX_PIPELINED:
            raise Error("bad_request", f"more than {MAX_PIPELINED} pipelined requests", hint="wait for answers")
        self._message = None
        self.since_s = self.server.now_s
        self._raw = 0
        if message.answered:
            if self.lingering:
                self.close()
        elif self._occupied():
            self._queue.append(message)
        else:
            self._serve(message)

    # -- answering ----------------------------------------------------------------------------------------------------

    def answered(self, reply: Reply) -> None:
        """The answer is written: next one, or close."""
        if not reply.keep_alive or self._refused:
            self._ending = True
            if self._refused or self._message is not None:
                self._linger()
            else:
                self.close()
            return
        self.since_s = self.server.now_s
        self._served = True
        if self._queue:
            self.server.loop.call_soon(self._next)
        elif self.server.draining and self._message is None:
            self.close()

    def _occupied(self) -> bool:
        """An answer has to wait its turn; also where the client does not read, or its answers would fill the memory."""
        return bool(self._queue) or self.paused or (self._reply is not None and not self._reply.done)

    def _next(self) -> None:
        if not self._queue or self.paused or (self._reply is not None and not self._reply.done):
            return
        if not self._refused and not self.gone:
            self._serve(self._queue.popleft())

    def _serve(self, message: Message) -> None:
        reply = Reply(
            self,
            keep_alive=message.keep_alive,
            chunked=message.version != "1.0",
            decision=self.server.next_id(),
        )
        self._reply = reply
        self.server.serve(message, reply)

    def _refuse(self, error: Error) -> None:
        """Answer what cannot be understood, then close: nothing that follows on this connection can be trusted."""
        if self._refused or self.gone:
            return
        self._refused = True
        if self._ending:
            return
        answered = self._message is not None and self._message.answered
        occupied = self._occupied()
        self._drop_unanswered()
        if self._reply is not None and (occupied or answered):
            self.server.note(error)
            self._reply.keep_alive = False
            if self._reply.done:
                self._linger()  # else the answer under way is finished first
            return
        reply = Reply(self, keep_alive=False, chunked=True, decision=self.server.next_id())
        self._reply = reply
        self.server.refuse(error, reply)

    def _drop_unanswered(self) -> None:
        """Let go of what was read and will not be served, and of the bytes counted for it."""
        if self._message is not None:
            self.server.release(self._message)
            self._message = None
        for message in self._queue:
            self.server.release(message)
        self._queue.clear()

    def _linger(self) -> None:
        if not self.lingering and not self.gone:
            self.lingering = True
            self.since_s = self.server.now_s
            self.end()

    # -- the sweep ------------------------------------------------------------------------------------------------------

    def sweep(self, now_s: float) -> None:
        """Look at the bounds in time. Called once a second."""
        limits = self.server.limits
        age_s = now_s - self.since_s
        unsent = self.unsent()
        if unsent < self._unsent or not self._unsent:
            self.stalled_s = now_s
        self._unsent = unsent
        message = self._message
        if self.lingering:
            if age_s > LINGER_S:
                self.abort()
        elif unsent and now_s - self.stalled_s > limits.write_stall_s:
            self.server.count("client_too_slow")
            self.abort()
        elif message is not None and not message.path:
            if age_s > limits.header_s:
                self._refuse(
                    Error("request_timeout", f"no complete head within {limits.header_s:g} s", hint="send faster")
                )
        elif message is not None:
            if age_s <= limits.header_s:
                return
            if message.size - message.swept < age_s * limits.body_bytes_per_s:
                text = f"the body came slower than {limits.body_bytes_per_s} bytes/s"
                self._refuse(Error("request_timeout", text, hint="send faster"))
            message.swept, self.since_s = message.size, now_s  # a fast beginning is no licence to stand still after it
        elif self.idle and age_s > (limits.idle_s if self._served else limits.header_s):
            self.close()

    @property
    def idle(self) -> bool:
        """Nothing is being read or answered."""
        return self._message is None and (self._reply is None or self._reply.done) and not self._queue

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            if self._reply is not None and self._reply.unflushed:
                self.server.gone(self._reply)
            self.transport.abort()
