"""The data port: accepts connections, holds their bounds, hands messages to the front and errors back to clients."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from typing import Final, Protocol, cast

from poise.decision import show_id
from poise.edge.http.connection import Connection
from poise.edge.http.message import Message
from poise.edge.http.reply import Reply
from poise.edge.snapshot import Limits
from poise.errors import Error

log = logging.getLogger("poise.server")

BACKLOG: Final = 4096


class Front(Protocol):
    """What answers messages; ``edge.front`` provides it."""

    epoch: int  # another one with each configuration: what was found of a head under one does not hold under the next

    def screen(self, message: Message) -> None:
        """Look at the head: route and key. Sets message.refusal where it is not to be served."""

    def answer(self, message: Message, reply: Reply) -> Coroutine[object, None, object] | None:
        """Answer at once (None) or give back the work to do. Raises Error."""

    def error_body(self, error: Error, decision: str, path: bytes) -> bytes:
        """An error in the caller's dialect."""

    def error_event(self, error: Error, decision: str, path: bytes) -> bytes:
        """An error inside a stream. Here path has its query: how a stream is framed may stand there."""

    def turned_away(self, error: Error, decision: int) -> None:
        """Keep the record of a request that was refused before a decision."""


class Server:
    """All client connections of one worker. now_s is a coarse clock, good to the sweep's second."""

    def __init__(self, limits: Limits, front: Front, next_id: Callable[[], int], now_s: Callable[[], float]) -> None:
        # Kept, not asked for: on Python 3.11 each get_running_loop() is a getpid() system call.
        self.loop = asyncio.get_running_loop()
        self.limits = limits
        self.front = front
        self.next_id = next_id
        self.read_now_s = now_s
        self.now_s = now_s()
        self.draining = False
        self.date_line = b""
        self.connections: set[Connection] = set()
        self.flushing: set[Reply] = set()
        self.live: set[Reply] = set()
        self.counts: Counter[str] = Counter()
        self._by_address: dict[str, int] = {}
        self._by_key: dict[str, int] = {}
        self._body_bytes = 0
        self._listeners: list[asyncio.Server] = []
        self.sweep()

    async def listen(self, sock: socket.socket, tls: ssl.SSLContext | None = None) -> asyncio.Server:
        """Accept on a listening socket, which the server now owns; give it a duplicate to keep one's own."""
        hello_s = None if tls is None else self.limits.header_s  # a handshake is bounded as a head is
        listener = await self.loop.create_server(
            self.accept, sock=sock, backlog=BACKLOG, ssl=tls, ssl_handshake_timeout=hello_s
        )
        self._listeners.append(listener)
        return listener

    def accept(self) -> asyncio.Protocol:
        """A protocol for one more connection. It is one by its methods: a compiled class takes no base that is not."""
        return cast("asyncio.Protocol", Connection(self))

    def stop_listening(self) -> None:
        """Accept no more; connections that are open stay."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def drain(self) -> None:
        """Close what is idle and let each answer under way be its connection's last."""
        self.draining = True
        self.stop_listening()
        for connection in list(self.connections):
            if connection.idle:
                connection.close()

    # -- called by connections ------------------------------------------------------------------------------------

    def joined(self, connection: Connection) -> None:
        """A connection was accepted; one too many, of all or of its address, is closed at once and counted."""
        held = self._by_address.get(connection.address, 0)
        if len(self.connections) >= self.limits.connections or held >= self.limits.connections_per_address:
            self.count("too_many_connections")
            connection.abort()
            return
        self.connections.add(connection)
        self._by_address[connection.address] = held + 1

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        if connection in self.connections:
            self.connections.discard(connection)
            _one_less(self._by_address, connection.address)

    def screen(self, message: Message) -> None:
        """The head is complete."""
        self.front.screen(message)

    def hold(self, message: Message, size: int) -> None:
        """Count a body's bytes against the worker's bound. Raises Error too_busy."""
        if message.refusal is None:
            self._body_bytes += size
            if self._body_bytes > self.limits.bodies_bytes:
                text = f"request bodies hold {self.limits.bodies_bytes} bytes already"
                raise Error("too_busy", text, hint="try again", retry_after_s=1)

    def release(self, message: Message) -> None:
        """A body is no longer held."""
        if message.refusal is None:
            self._body_bytes -= message.size
        message.body.clear()  # its connection may keep the message, to know the next one by
        message.tail = None

    def serve(self, message: Message, reply: Reply) -> None:
        """Answer a complete message."""
        try:
            if message.refusal is not None:
                raise message.refusal
            self._check_share(message)
            work = self.front.answer(message, reply)
        except Error as error:
            self.release(message)
            self.refuse(error, reply, message.path)
            return
        except Exception:
            log.exception("a request failed inside the gateway", extra={"decision": show_id(reply.decision)})
            self.release(message)
            self.refuse(Error("internal", "the gateway failed", hint="see its log"), reply, _target(message))
            return
        if work is None:
            self.release(message)
            return
        self.live.add(reply)
        if message.grant is not None:
            self._by_key[message.grant.name] = self._by_key.get(message.grant.name, 0) + 1
        reply.task = self.loop.create_task(self._run(work, message, reply))

    def _check_share(self, message: Message) -> None:
        """No key takes the whole worker. Raises Error key_at_limit."""
        key = message.grant.name if message.grant is not None else ""
        bound = self.limits.calls_per_key
        if self._by_key.get(key, 0) >= bound:
            text = f"this key has {bound} calls under way, as many as it may"
            raise Error("key_at_limit", text, hint="wait for answers", retry_after_s=1)

    def refuse(self, error: Error, reply: Reply, path: bytes = b"") -> None:
        """Answer with an error, and keep the record of it."""
        self.front.turned_away(error, reply.decision)
        self.show(error, reply, path)

    def note(self, error: Error) -> None:
        """Keep the record of a request that is refused without an answer of its own."""
        self.counts[error.code] += 1
        self.front.turned_away(error, self.next_id())

    def gone(self, reply: Reply) -> None:
        """The client went before its answer was complete: stop the work for it."""
        if reply.task is not None:
            # Behind the task's first step: a task that is cancelled before it began runs no ``finally`` of its own.
            self.loop.call_soon(reply.task.cancel)

    def cut(self, reply: Reply) -> None:
        """The grace time is over: end an answer in-band."""
        reply.cut = True
        self.gone(reply)

    def count(self, what: str) -> None:
        """One more of something worth a metric."""
        self.counts[what] += 1

    # -- answering -------------------------------------------------------------------------------------------------

    async def _run(self, work: Coroutine[object, None, object], message: Message, reply: Reply) -> None:
        try:
            await work
        except Error as error:
            self.show(error, reply, _target(message))
        except asyncio.CancelledError:
            if not reply.cut:
                self.count("client_gone")
            elif not reply.done:
                reply.keep_alive = False
                self.show(Error("draining", "this server is shutting down", hint="try again"), reply, _target(message))
        except Exception:
            log.exception("a request failed inside the gateway", extra={"decision": show_id(reply.decision)})
            if not reply.done:
                self.show(Error("internal", "the gateway failed", hint="see its log"), reply, _target(message))
        finally:
            self.release(message)
            self.live.discard(reply)
            if message.grant is not None:
                _one_less(self._by_key, message.grant.name)

    def show(self, error: Error, reply: Reply, path: bytes) -> None:
        """An error as an HTTP answer, or inside the stream where one has begun."""
        if reply.done:
            return
        self.counts[error.code] += 1
        decision = show_id(reply.decision)
        if reply.raw:
            reply.break_off()
            return
        if reply.started:
            reply.write(self.front.error_event(error, decision, path))
            reply.finish()
            return
        headers = b"content-type: application/json\r\n"
        if error.retry_after_s is not None:
            headers += b"retry-after: %d\r\n" % error.retry_after_s
        elif error.code == "pin_unavailable":
            headers += b"x-should-retry: false\r\n"  # the vendors' own clients would try a 409 again
        if error.code == "method_not_allowed":
            headers += b"allow: GET, POST\r\n"
        reply.whole(error.status, headers, self.front.error_body(error, decision, path))

    # -- the ticker ----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Ten times a second: who waits for the kernel."""
        if self.flushing:
            self.flushing = {reply for reply in self.flushing if not reply.drained()}

    def sweep(self) -> None:
        """Once a second: the bounds in time of every connection."""
        self.now_s = now_s = self.read_now_s()
        self.date_line = b"date: %b\r\n" % formatdate(now_s, usegmt=True).encode()
        for connection in list(self.connections):
            connection.sweep(now_s)


def _one_less(held: dict[str, int], name: str) -> None:
    """Take one from a count; names that hold nothing are forgotten."""
    left = held.get(name, 0) - 1
    if left > 0:
        held[name] = left
    else:
        held.pop(name, None)


def _target(message: Message) -> bytes:
    """The path with its query."""
    return message.path + b"".join(message.url.partition(b"?")[1:])
