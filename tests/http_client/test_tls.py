"""TLS to upstreams: verified before a byte leaves, replaced without a restart, cut ends told from clean ones."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict, Unpack

import pytest
import trustme
import uvloop

from poise.edge.http.pool import UpstreamPool
from poise.edge.http.tls import TlsFiles
from poise.errors import AttemptFailed, Failure
from tests.http_client.peers import (
    ASK,
    OK,
    WAIT_S,
    Heard,
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
    says_and_closes,
)

HEAD = b"HTTP/1.1 200 OK\r\n"


class Dates(TypedDict, total=False):
    """When a certificate holds."""

    not_before: dt.datetime
    not_after: dt.datetime


def served(authority: trustme.CA, *names: str, **dates: Unpack[Dates]) -> ssl.SSLContext:
    """A server's context with a certificate for these names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names or ("localhost",), **dates).configure_cert(context)
    return context


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> str:
    """The authority as a provider names it."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return f"file:{path}"


def pool_at(upstream: Peer, host: str = "localhost", **more: Unpack[More]) -> UpstreamPool:
    """A pool for a TLS peer."""
    return pool_for(provider(f"https://{host}:{upstream.port}/v1", **more))


async def refused(pool: UpstreamPool) -> AttemptFailed:
    """The failure of an ``open`` that must fail."""
    with pytest.raises(AttemptFailed) as failed:
        await pool.open(WAIT_S)
    assert (0, 0, 0) == (pool.in_use, pool.idle, pool.dialling)
    return failed.value


@on_both_loops
def test_exchanges_over_tls(run: Runner, authority: trustme.CA, ca: str) -> None:
    """Verified by name, HTTP/1.1 offered alone, 1.2 or newer, and reused."""
    offered: list[str | None] = []

    async def play(line: Line) -> None:
        offered.append(line.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await answers(OK, OK)(line)

    async def main() -> None:
        context = served(authority)
        context.set_alpn_protocols(["h2", "http/1.1"])
        names: list[str | None] = []
        context.sni_callback = lambda _socket, name, _context: names.append(name)
        async with peer(play, context) as upstream:
            pool = pool_at(upstream, ca=ca)
            assert [200, 200] == [(await ask(pool)).status, (await ask(pool)).status]

            assert (1, 1, 0) == (upstream.lines, pool.idle, pool.in_use)
            assert ["localhost"] == names
            assert ["http/1.1"] == offered
            pool.close()

    run(main())


@on_both_loops
def test_addresses_are_verified_too(run: Runner, authority: trustme.CA, ca: str) -> None:
    """A certificate for 127.0.0.1 serves https://127.0.0.1, one for another address does not."""

    async def main() -> None:
        async with peer(answers(OK), served(authority, "127.0.0.1")) as upstream:
            pool = pool_at(upstream, "127.0.0.1", ca=ca)
            assert ["end"] == (await ask(pool)).ends
            pool.close()
        async with peer(answers(OK), served(authority, "127.0.0.2")) as upstream:
            failure = await refused(pool_at(upstream, "127.0.0.1", ca=ca))
            assert "its certificate is for another address" in failure.text

    run(main())


@pytest.mark.parametrize("case", ["expired", "not yet valid", "wrong host", "self-signed", "unknown authority"])
@on_both_loops
def test_a_peer_that_cannot_be_verified_gets_no_request(run: Runner, authority: trustme.CA, ca: str, case: str) -> None:
    """TLS with the reason in words; the peer never receives a byte of a request."""
    got: list[bytes] = []
    day = dt.timedelta(days=1)
    now = dt.datetime.now(dt.UTC)
    text = {
        "expired": "its certificate has expired",
        "not yet valid": "its certificate is not valid yet",
        "wrong host": "its certificate is for another host name",
        "self-signed": "its certificate is self-signed",
        "unknown authority": "an authority that is not trusted here",
    }[case]
    contexts: dict[str, Callable[[], ssl.SSLContext]] = {
        "expired": lambda: served(authority, "localhost", not_before=now - 2 * day, not_after=now - day),
        "not yet valid": lambda: served(authority, "localhost", not_before=now + day, not_after=now + 2 * day),
        "wrong host": lambda: served(authority, "example.org"),
        "self-signed": self_signed,
        "unknown authority": lambda: served(trustme.CA(), "localhost"),
    }

    async def play(line: Line) -> None:
        got.append(await line.gone())

    async def main() -> None:
        async with peer(play, contexts[case]()) as upstream:
            failure = await refused(pool_at(upstream, ca=ca))

            assert Failure.TLS == failure.failure
            assert text in failure.text
        assert b"" == b"".join(got)

    run(main())


def self_signed() -> ssl.SSLContext:
    """A server whose certificate vouches for itself."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.cert_pem.tempfile() as cert, authority.private_key_pem.tempfile() as key:
        context.load_cert_chain(cert, key)
    return context


@on_both_loops
def test_the_systems_authorities_are_asked_where_none_is_named(run: Runner, authority: trustme.CA) -> None:
    """They do not know the tests' own."""

    async def main() -> None:
        async with peer(answers(OK), served(authority)) as upstream:
            failure = await refused(pool_at(upstream))

            assert Failure.TLS == failure.failure
            assert "an authority that is not trusted here" in failure.text or "cannot be traced" in failure.text

    run(main())


@on_both_loops
def test_old_protocols_and_other_protocols_are_refused(run: Runner, ca: str) -> None:
    """TLS 1.1, a peer without TLS, a peer that closes: each said in words."""

    async def main() -> None:
        async with peer(speaks_old_tls) as upstream:
            assert "it speaks no TLS 1.2 or newer" in (await refused(pool_at(upstream, ca=ca))).text
        async with peer(says_plainly) as upstream:
            failure = await refused(pool_at(upstream, ca=ca))
            assert (Failure.TLS, True) == (failure.failure, "it does not answer in TLS" in failure.text)
        async with peer(hangs_up) as upstream:
            failure = await refused(pool_at(upstream, ca=ca))
            assert (Failure.TLS, True) == (
                failure.failure,
                "closed the connection during the handshake" in failure.text,
            )

    run(main())


async def speaks_old_tls(line: Line) -> None:
    """What a server of TLS 1.0 and 1.1 says to our hello: a fatal alert, protocol_version."""
    await line.reader.read(100)
    await line.say(b"\x15\x03\x01\x00\x02\x02\x46")
    await line.gone()


async def says_plainly(line: Line) -> None:
    """An HTTP server on the https port."""
    await line.reader.read(100)
    await line.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def hangs_up(line: Line) -> None:
    """Closes on the first bytes."""
    await line.reader.read(10_000)


@on_both_loops
def test_a_stalled_handshake_ends_in_time(run: Runner, ca: str) -> None:
    """A peer that accepts and says nothing: CONNECT when the time is up, and nothing is left open."""

    async def silent(line: Line) -> None:
        await line.gone()

    async def main() -> None:
        async with peer(silent) as upstream:
            pool = pool_at(upstream, ca=ca)
            with pytest.raises(AttemptFailed) as failed:
                await pool.open(0.2)
            await upstream.quiet()

            assert Failure.CONNECT == failed.value.failure
            assert "no connection within 0.2 s" == failed.value.text
            assert (0, 0) == (pool.in_use, pool.dialling)

    run(main())


@on_both_loops
def test_client_certificates(run: Runner, authority: trustme.CA, ca: str, tmp_path: Path) -> None:
    """Shown where one is named; where it is missing the peer's refusal is a TLS failure."""
    mine = authority.issue_cert("gateway.example")
    mine.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for blob in mine.cert_chain_pems:
        blob.write_to_path(str(tmp_path / "cert.pem"), append=True)
    shown: More = {"ca": ca, "client_cert": f"file:{tmp_path}/cert.pem", "client_key": f"file:{tmp_path}/key.pem"}

    context = served(authority)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    async def main() -> None:
        async with peer(answers(OK), context) as upstream:
            pool = pool_at(upstream, **shown)
            assert ["end"] == (await ask(pool)).ends
            pool.close()

        # asyncio's servers do not send the alert that says why, so this one is the standard library's own.
        with socket.create_server(("127.0.0.1", 0)) as listening:
            refusing = asyncio.create_task(asyncio.to_thread(refuse_one, listening, context))
            heard = await ask(pool_for(provider(f"https://localhost:{listening.getsockname()[1]}", ca=ca)))
            await refusing

        assert [Failure.TLS] == heard.ends  # TLS 1.3: the refusal comes after our own handshake
        assert "CERTIFICATE_REQUIRED" in heard.text

    run(main())


def refuse_one(listening: socket.socket, context: ssl.SSLContext) -> None:
    """Accept one connection whose handshake must fail, and wait for the client to go."""
    plain, _ = listening.accept()
    plain.settimeout(WAIT_S)
    with plain, pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        context.wrap_socket(plain, server_side=True)


def test_certificates_from_the_environment(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """env: holds PEM text, for the authority as for the client's own."""
    mine = authority.issue_cert("gateway.example")
    monkeypatch.setenv("CA_PEM", authority.cert_pem.bytes().decode())
    monkeypatch.setenv("CERT_PEM", mine.private_key_and_cert_chain_pem.bytes().decode())

    async def main() -> None:
        context = await TlsFiles("env:CA_PEM", "env:CERT_PEM", "").context()

        assert ssl.CERT_REQUIRED == context.verify_mode
        assert context.check_hostname
        assert 1 == context.cert_store_stats()["x509_ca"]

    asyncio.run(main())


def test_a_replaced_file_is_read_and_a_bad_one_changes_nothing(authority: trustme.CA, tmp_path: Path) -> None:
    """Rotation without a restart; half a file leaves the last good one in force."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))

    async def main() -> None:
        files = TlsFiles(f"file:{path}", "", "")
        first = await files.context()
        assert first is await files.context()
        trustme.CA().cert_pem.write_to_path(str(tmp_path / "new.pem"))
        (tmp_path / "new.pem").replace(path)
        second = await files.context()
        assert second is not first
        path.write_text("-----BEGIN CERTIFICATE-----\nhalf", "ascii")
        assert second is await files.context()
        path.unlink()
        assert second is await files.context()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("ca", "text"),
    [("file:/nowhere/ca.pem", "/nowhere/ca.pem"), ("env:NOT_SET_AT_ALL", "NOT_SET_AT_ALL is not set")],
)
def test_certificates_that_cannot_be_read_are_our_own_fault(ca: str, text: str) -> None:
    """LOCAL: no target is blamed."""

    async def main() -> None:
        with pytest.raises(AttemptFailed) as failed:
            await TlsFiles(ca, "", "").context()

        assert Failure.LOCAL == failed.value.failure
        assert text in failed.value.text

    asyncio.run(main())


def bare_fin(line: Line) -> None:
    """Close the sending side under TLS, which does not notice and says no goodbye."""
    with socket.socket(fileno=os.dup(line.writer.get_extra_info("socket").fileno())) as below:
        below.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("polite", [True, False])
def test_a_body_until_close_needs_the_goodbye_of_tls(authority: trustme.CA, ca: str, polite: bool) -> None:
    """With close_notify the answer is whole; a bare FIN could be anybody's and cuts it. asyncio hides which it was."""

    async def rude(line: Line) -> None:
        await line.asked()
        await line.say(HEAD + b"\r\nto the end")
        bare_fin(line)
        await line.gone()

    async def main() -> None:
        play = says_and_closes(HEAD + b"\r\nto the end") if polite else rude
        async with peer(play, served(authority)) as upstream:
            heard = await ask(pool_at(upstream, ca=ca))

            assert b"to the end" == heard.data
            assert (["end"] if polite else [Failure.CUT]) == heard.ends
            if not polite:
                assert "without ending TLS (no close_notify)" in heard.text

    uvloop.run(main())


@on_both_loops
def test_a_slow_reader_loses_nothing_of_an_answer_that_is_followed_by_a_close(
    run: Runner, authority: trustme.CA, ca: str
) -> None:
    """Paused while the peer finishes and closes: what was sent is all there when reading goes on."""
    paused = asyncio.Event()
    size = 60_000  # less than what TLS holds back before it stops reading the socket

    async def play(line: Line) -> None:
        await line.asked()
        await line.say(HEAD + b"content-length: %d\r\n\r\nx" % size)
        await paused.wait()
        await line.say(b"x" * (size - 1))
        bare_fin(line)
        await line.gone()

    async def main() -> None:
        async with peer(play, served(authority)) as upstream:
            connection = await pool_at(upstream, ca=ca).open(WAIT_S)

            class Slow(Heard):
                def body(self, data: bytes) -> None:
                    if not self.data:
                        connection.pause()
                    super().body(data)

            heard = Slow()
            connection.send(ASK, heard)
            await heard.begun()
            paused.set()
            for _ in range(2000):
                await asyncio.sleep(0)
            assert [] == heard.ends
            connection.resume()
            await heard.over()

            assert (size, ["end"]) == (len(heard.data), heard.ends)

    run(main())
