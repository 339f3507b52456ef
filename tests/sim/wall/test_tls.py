"""F35: a careful client is refused by every bad certificate, accepts the good one, and sees which end lacked its goodbye."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from poise.clock import SystemClock
from poise.errors import Error
from poise.sim.wall.tls import Authority, Mute, Tls, authority_for
from poise.sim.wall.wall import Wall, serving
from tests.sim.wall.talking import WAIT_S, ask, until

SAID = {
    "expired": "certificate has expired",
    "not-yet": "not yet valid",
    "wrong-host": "IP address mismatch",
    "self-signed": "self-signed certificate",
    "unknown-authority": "unable to get local issuer|self-signed certificate",
    "old": "protocol|",  # asyncio's server resets without the alert that would say so
}


def client(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.path)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


async def fetch(port: int, context: ssl.SSLContext, plan: str) -> bytes:
    """Everything that comes for a request. Raises ssl.SSLError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(ask(plan))
        return await reader.read()
    finally:
        writer.transport.abort()


def at_tls(folder: Path, variant: Tls, use: Callable[[Wall, Authority, ssl.SSLContext], Awaitable[Any]]) -> Any:  # noqa: ANN401 - the test's own
    async def main() -> Any:  # noqa: ANN401 - the test's own
        authority = authority_for(folder, SystemClock())
        tls = authority.context(variant)
        async with asyncio.timeout(WAIT_S), serving(Wall("wall", SystemClock()), tls=tls) as wall:
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # servers log failed handshakes
            return await use(wall, authority, tls)

    return asyncio.run(main())


def test_good_certificate_is_accepted(tmp_path: Path) -> None:
    async def use(wall: Wall, authority: Authority, _: ssl.SSLContext) -> bytes:
        return await fetch(wall.port, client(authority), "cut:end")

    assert b"[DONE]" in at_tls(tmp_path, "good", use)


@pytest.mark.parametrize("variant", ["expired", "not-yet", "wrong-host", "self-signed", "unknown-authority", "old"])
def test_bad_certificate_is_refused_before_a_byte_is_sent(variant: Tls, tmp_path: Path) -> None:
    async def use(wall: Wall, authority: Authority, _: ssl.SSLContext) -> tuple[str, int]:
        with pytest.raises((ssl.SSLError, ConnectionResetError)) as refused:
            await fetch(wall.port, client(authority), "ok")
        return str(refused.value), wall.log.counts["arrived"]

    said, arrived = at_tls(tmp_path, variant, use)

    assert any(one in said for one in SAID[variant].split("|")), said
    assert 0 == arrived


def test_server_that_wants_a_client_certificate_takes_no_request(tmp_path: Path) -> None:
    """In TLS 1.3 the client may think it has shaken hands, and finds itself refused when it reads."""

    async def use(wall: Wall, authority: Authority, _: ssl.SSLContext) -> tuple[bytes, int]:
        try:
            got = await fetch(wall.port, client(authority), "ok")
        except (ssl.SSLError, ConnectionError):
            got = b""
        return got, wall.log.counts["arrived"]

    assert (b"", 0) == at_tls(tmp_path, "wants-client", use)


@pytest.mark.parametrize("variant", ["stall", "plain"])
def test_server_without_tls_says_nothing_or_something_else(variant: Tls, tmp_path: Path) -> None:
    """The stall is seen from the server: a client's hello, and nothing more of it."""

    async def main() -> tuple[str, Mute]:
        loop = asyncio.get_running_loop()
        authority = authority_for(tmp_path, SystemClock())
        mute = Mute(variant)
        server = await loop.create_server(mute.accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        task = asyncio.create_task(fetch(port, client(authority), "ok"))
        if variant == "stall":
            await until(lambda: mute.received_bytes)
            said = "silent" if not task.done() else "ended"
            task.cancel()
        else:
            said = str((await asyncio.gather(task, return_exceptions=True))[0])
        server.close()
        return said, mute

    said, mute = asyncio.run(main())

    assert said == "silent" if variant == "stall" else "WRONG_VERSION_NUMBER" in said or "wrong version" in said
    assert mute.received.startswith(b"\x16\x03")
    assert b"sk-secret" not in mute.received
    with pytest.raises(Error, match="speaks no TLS"):
        authority_for(tmp_path, SystemClock()).context(variant)


@pytest.mark.parametrize("run", [uvloop.run, asyncio.run], ids=["uvloop", "asyncio"])
@pytest.mark.parametrize(("end", "goodbye"), [("fin", True), ("bare", False)])
def test_goodbye_of_tls_is_missing_where_it_was_asked_to_be(
    end: str, goodbye: bool, run: Callable[..., Any], tmp_path: Path
) -> None:
    """F15: close_notify or not, told apart by a client that is strict about it."""

    async def main() -> list[bool]:
        authority = authority_for(tmp_path, SystemClock())
        async with serving(Wall("wall", SystemClock()), tls=authority.context("good")) as wall:
            return [await asyncio.to_thread(said_goodbye, wall.port, client(authority), f"cut:2/9,{end}")]

    assert [goodbye] == run(main())


def said_goodbye(port: int, context: ssl.SSLContext, plan: str) -> bool:
    """Whether the server closed TLS before it closed the socket."""
    import socket

    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as plain:
        tls = context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
        tls.sendall(ask(plan))
        try:
            while tls.recv(65_536):
                pass
        except ssl.SSLEOFError:
            return False
        finally:
            tls.close()
    return True


def test_certificate_is_changed_while_it_serves(tmp_path: Path) -> None:
    """The next handshake sees the new one; good, then expired, then good again."""

    async def use(wall: Wall, authority: Authority, tls: ssl.SSLContext) -> list[bool]:
        seen = []
        for variant in ("good", "expired", "good"):
            authority.rotate(tls, variant)
            try:
                seen.append(bool(await fetch(wall.port, client(authority), "cut:end")))
            except ssl.SSLError:
                seen.append(False)
        return seen

    assert [True, False, True] == at_tls(tmp_path, "good", use)


def test_http_2_by_alpn_is_not_what_was_offered(tmp_path: Path) -> None:
    """A client that offers HTTP/1.1 only shares no protocol with it."""

    async def use(wall: Wall, authority: Authority, tls: ssl.SSLContext) -> str | None:
        _reader, writer = await asyncio.open_connection("127.0.0.1", wall.port, ssl=client(authority))
        chosen: str | None = writer.get_extra_info("ssl_object").selected_alpn_protocol()
        writer.transport.abort()
        return chosen

    assert at_tls(tmp_path, "alpn-h2", use) is None
