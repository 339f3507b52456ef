"""Egress through an HTTP proxy: CONNECT, then the target's own bytes, with TLS inside where it speaks TLS."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from poise.errors import AttemptFailed, Failure
from tests.http_client.peers import (
    OK,
    WAIT_S,
    Line,
    More,
    Peer,
    Runner,
    answers,
    ask,
    on_both_loops,
    peer,
    pool_for,
    provider,
)


class Proxy:
    """Tunnels to ``upstream``, whatever is asked for, and keeps what that was."""

    def __init__(self, upstream: Peer, said: bytes = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n") -> None:
        self.upstream = upstream
        self.said = said
        self.asked: list[bytes] = []

    async def play(self, line: Line) -> None:
        """One tunnel, until both sides have closed."""
        self.asked.append(await line.reader.readuntil(b"\r\n\r\n"))
        await line.say(self.said)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream.port)
        try:
            await asyncio.gather(copy(line.reader, writer), copy(reader, line.writer))
        finally:
            writer.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything, then the end."""
    while data := await reader.read(65_536):
        writer.write(data)
    if writer.can_write_eof():
        writer.write_eof()


@on_both_loops
def test_a_tunnel_is_a_connection_to_the_target(run: Runner) -> None:
    """CONNECT names the target, which the proxy resolves; credentials go to the proxy alone; the tunnel is reused."""
    seen: list[bytes] = []

    async def play(line: Line) -> None:
        for _ in range(2):
            seen.append(await line.asked())
            await line.say(OK)
        await line.gone()

    async def main() -> None:
        async with peer(play) as upstream:
            proxy = Proxy(upstream)
            async with peer(proxy.play) as front:
                url = f"http://me:p%40ss@127.0.0.1:{front.port}"
                pool = pool_for(provider("http://far.example/v1", proxy=url))
                assert [["end"], ["end"]] == [(await ask(pool)).ends, (await ask(pool)).ends]
                pool.close()

            asked = b"CONNECT far.example:80 HTTP/1.1\r\nhost: far.example:80\r\n"
            assert [asked + b"proxy-authorization: Basic bWU6cEBzcw==\r\n\r\n"] == proxy.asked
            assert 2 == len(seen)
            assert not any(b"proxy-authorization" in request for request in seen)

    run(main())


@on_both_loops
def test_tls_goes_through_the_tunnel(run: Runner, authority: trustme.CA, tmp_path: Path) -> None:
    """The target's certificate is verified by the target's name; the proxy sees the CONNECT only."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("far.example").configure_cert(context)

    async def main() -> None:
        async with peer(answers(OK), context) as upstream:
            proxy = Proxy(upstream)
            async with peer(proxy.play) as front:
                declared: More = {"proxy": f"http://127.0.0.1:{front.port}", "ca": f"file:{tmp_path}/ca.pem"}
                pool = pool_for(provider("https://far.example/v1", **declared))
                assert ["end"] == (await ask(pool)).ends
                pool.close()
                with pytest.raises(AttemptFailed) as failed:
                    await pool_for(provider("https://other.example/v1", **declared)).open(WAIT_S)

            assert b"CONNECT far.example:443 HTTP/1.1\r\nhost: far.example:443\r\n\r\n" == proxy.asked[0]
            assert Failure.TLS == failed.value.failure
            assert "its certificate is for another host name" in failed.value.text

    run(main())


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "it wants other credentials (407)"),
        (b"HTTP/1.1 502 No\r\n\r\n", "it refused the tunnel with status 502"),
        (b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "it refused the tunnel with status 101"),
        (b"SSH-2.0-x\r\n\r\n", "its answer is not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK", "spoke, or closed, before it was asked to"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"v" * 20_000, "the head of its answer passed 16384 bytes"),
        (b"HTTP/1.1 200 O", "it closed the connection (FIN)"),
    ],
)
@on_both_loops
def test_a_proxy_that_gives_no_tunnel(run: Runner, said: bytes, text: str) -> None:
    """CONNECT with the proxy's reason, without its password, and nothing is left open."""

    async def play(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.say(said)

    async def main() -> None:
        async with peer(play) as front:
            pool = pool_for(provider("http://far.example", proxy=f"http://me:secret@127.0.0.1:{front.port}"))
            with pytest.raises(AttemptFailed) as failed:
                await pool.open(WAIT_S)
            await front.quiet()

            assert Failure.CONNECT == failed.value.failure
            assert text in failed.value.text
            assert f"proxy 127.0.0.1:{front.port}" in failed.value.text
            assert "secret" not in failed.value.text
            assert (0, 0) == (pool.in_use, pool.dialling)

    run(main())


@on_both_loops
def test_a_proxy_that_stalls_ends_in_time(run: Runner) -> None:
    """The connection to it is closed with the dial."""

    async def silent(line: Line) -> None:
        await line.gone()

    async def main() -> None:
        async with peer(silent) as front:
            pool = pool_for(provider("http://far.example", proxy=f"http://127.0.0.1:{front.port}"))
            with pytest.raises(AttemptFailed, match=r"no connection within 0\.1 s"):
                await pool.open(0.1)
            await front.quiet()

            assert 0 == pool.dialling

    run(main())
