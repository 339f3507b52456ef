"""Through an HTTP proxy: CONNECT, after which the connection is the target's own."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import cast

import httptools

from poise.edge.http.address import Address
from poise.edge.http.connect import Dialed, Dialer, ProtocolFactory
from poise.errors import AttemptFailed, Failure

MAX_HEAD_BYTES = 16 * 1024


class TunnelDialer:
    """A tunnel to ``target`` through ``proxy``, which ``below`` reaches."""

    def __init__(self, below: Dialer, target: Address, proxy: Address) -> None:
        self._below = below
        self._shown = proxy.shown
        self._request = connect_request(target, proxy.user)

    async def dial(self, protocol_factory: ProtocolFactory, timeout_s: float) -> Dialed:
        """Raises AttemptFailed: CONNECT, LOCAL."""
        ask = _Ask(self._request, f"proxy {self._shown}", asyncio.get_running_loop().create_future())
        dialed = await self._below.dial(lambda: ask, timeout_s)
        try:
            await ask.granted
            if ask.spoiled or dialed.transport.is_closing():
                raise AttemptFailed(Failure.CONNECT, f"proxy {self._shown} spoke, or closed, before it was asked to")
        except BaseException:
            dialed.transport.abort()
            raise
        protocol = protocol_factory()
        dialed.transport.set_protocol(protocol)
        protocol.connection_made(dialed.transport)
        return Dialed(dialed.transport, protocol, dialed.wire)


def connect_request(target: Address, user: str) -> bytes:
    """The proxy's request; user is ``name:password`` or ''."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    name = f"{host}:{target.port}".encode("ascii")
    auth = b"proxy-authorization: Basic " + b64encode(user.encode()) + b"\r\n" if user else b""
    return b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (name, name, auth)


class _Ask(asyncio.Protocol):
    """Sends the request and reads the head of the answer. What follows the head of a 2xx belongs to the target."""

    def __init__(self, request: bytes, shown: str, granted: asyncio.Future[None]) -> None:
        self._request = request
        self._shown = shown
        self._head = bytearray()
        self.granted = granted
        self.spoiled = False  # bytes after the head: in HTTP and in TLS the client speaks first

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.granted.done():
            self.spoiled = True
            return
        head = self._head
        head += data
        end = head.find(b"\r\n\r\n") + 4
        if end < 4:
            if len(head) > MAX_HEAD_BYTES:
                self._refuse(f"the head of its answer passed {MAX_HEAD_BYTES} bytes")
            return
        try:
            status = _status(bytes(head[:end]))
        except httptools.HttpParserError as error:
            self._refuse(f"its answer is not HTTP/1.1: {error}")
            return
        if status == 407:
            self._refuse(
                "it wants other credentials (407); put them into the proxy's url, http://user:password@host:port"
            )
        elif not 200 <= status < 300:
            self._refuse(f"it refused the tunnel with status {status}")
        else:
            self.spoiled = len(head) > end
            self.granted.set_result(None)

    def eof_received(self) -> bool:
        self._refuse("it closed the connection (FIN)")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._refuse(f"the connection was lost ({exc or 'FIN'})")

    def _refuse(self, why: str) -> None:
        if not self.granted.done():
            self.granted.set_exception(AttemptFailed(Failure.CONNECT, f"{self._shown}: {why}"))
            # Where the caller has already been cancelled nobody fetches it, which is no news.
            self.granted.exception()


def _status(head: bytes) -> int:
    parser = httptools.HttpResponseParser(_Nothing())
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        return 101
    return parser.get_status_code()


class _Nothing:
    def on_headers_complete(self) -> None:
        """Needed by none; the parser is asked for the status afterwards."""
