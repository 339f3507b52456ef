"""Targets that must be shown a cloud's credentials: each request is signed, and what is refused or missing goes elsewhere."""

from __future__ import annotations

import asyncio

import pytest

from poise.decision import OutcomeKind
from poise.errors import AttemptFailed, Error, Failure
from poise.path.fleet import Tongue
from poise.path.signing import Signing
from poise.wire.openai import OpenAI
from tests.path.fakes import ANSWER, DONE, STOP, TOKEN, FakePool, FakeSink, World, stream, whole

HOST = b"cloud.example"
PATHS = {("chat", False): b"/whole", ("chat", True): b"/streamed?alt=sse"}
GRANTED = "granted-secret"


class Clerk:
    """A signer that remembers what it was asked; missing: it has nothing to show."""

    def __init__(self, *, missing: bool = False, hides: bool = True) -> None:
        self.missing = missing
        self.hides = hides
        self.asked: list[tuple[bytes, bytes, bytes, bytes, int]] = []
        self.refusals = 0

    def lines(self, method: bytes, path: bytes, host: bytes, body: bytes, now_us: int) -> bytes:
        """One line with the secret in it."""
        if self.missing:
            raise AttemptFailed(Failure.AUTH, "cloud credentials: there are none yet")
        self.asked.append((method, path, host, body, now_us))
        return b"authorization: Bearer %b\r\n" % GRANTED.encode()

    def refused(self) -> None:
        """Counted."""
        self.refusals += 1

    def redacted(self, said: bytes) -> bytes:
        """Without the secret."""
        return said.replace(GRANTED.encode(), b"[key]") if self.hides else said


def signed(world: World, clerk: Clerk, index: int = 0) -> None:
    """Let a target want signatures."""
    heads = {which: b"POST %b HTTP/1.1\r\nhost: %b\r\n" % (path, HOST) for which, path in PATHS.items()}
    world.lanes[index].tongues["openai"] = Tongue(OpenAI(), heads, signing=Signing(clerk, HOST, PATHS))


@pytest.mark.parametrize("streams", [False, True])
def test_what_is_signed_is_what_is_sent(streams: bool) -> None:
    """Method, path with its query, host and body are those of the request that goes out."""
    world, sink, clerk = World(FakePool(stream(TOKEN, STOP, DONE) if streams else whole())), FakeSink(), Clerk()
    signed(world, clerk)
    asyncio.run(world.ask(sink, streams=streams))
    head, _, body = world.pools[0].connections[0].sent.partition(b"\r\n\r\n")

    assert [(b"POST", PATHS["chat", streams], HOST, body, world.clock.at_us)] == clerk.asked
    assert head.startswith(b"POST %b HTTP/1.1\r\nhost: %b\r\n" % (PATHS["chat", streams], HOST))
    assert b"\r\nauthorization: Bearer %b\r\n" % GRANTED.encode() in head


def test_each_attempt_is_signed_anew() -> None:
    """With its own moment: an old signature is refused."""
    world, sink, clerk = World(FakePool(whole())), FakeSink(), Clerk()
    signed(world, clerk)

    async def main() -> None:
        await world.ask(sink)
        world.clock.at_us += 1_000_000
        await world.ask(FakeSink())

    asyncio.run(main())

    assert 1_000_000 == clerk.asked[1][-1] - clerk.asked[0][-1]


def test_missing_credentials_send_nothing_and_go_elsewhere() -> None:
    """The attempt is on the record as auth; nobody's health suffers."""
    world, sink = World(FakePool(whole()), FakePool(whole())), FakeSink()
    signed(world, Clerk(missing=True))
    asyncio.run(world.ask(sink))

    assert (200, ANSWER) == (sink.status, sink.body)
    assert [] == world.pools[0].connections
    assert [("a@p", Failure.AUTH), ("b@p", "")] == [(row.target, row.failure) for row in world.outcome().attempts]
    assert 0 == world.lanes[0].health.evidence


def test_missing_credentials_of_the_only_target_are_told() -> None:
    """In words, with a status of the gateway's side."""
    world, sink = World(FakePool(whole())), FakeSink()
    signed(world, Clerk(missing=True))
    with pytest.raises(Error, match="there are none yet") as caught:
        asyncio.run(world.ask(sink))

    assert ("upstream_failed", 502) == (caught.value.code, caught.value.status)


@pytest.mark.parametrize(("status", "times"), [(401, 1), (403, 1), (400, 0), (404, 0), (429, 0), (500, 0)])
def test_the_signer_hears_of_a_refusal(status: int, times: int) -> None:
    """And of nothing else; another target answers meanwhile."""
    world, sink, clerk = World(FakePool(whole(status, b"{}")), FakePool(whole())), FakeSink(), Clerk()
    signed(world, clerk)
    if status == 400:
        with pytest.raises(Error):
            asyncio.run(world.ask(sink))
    else:
        asyncio.run(world.ask(sink))

    assert times == clerk.refusals


ECHO = b'{"error":{"message":"should have been: authorization:Bearer %b"}}' % GRANTED.encode()


def test_what_was_shown_is_in_no_error() -> None:
    """AWS repeats the request that it thinks should have been signed."""
    world, sink, clerk = World(FakePool(whole(403, ECHO))), FakeSink(), Clerk()
    signed(world, clerk)
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(sink))
    told = str(world.outcome())

    assert "Bearer [key]" in caught.value.text
    assert GRANTED not in caught.value.text + told


def test_without_redaction_it_would_be() -> None:
    world, sink = World(FakePool(whole(403, ECHO))), FakeSink()
    signed(world, Clerk(hides=False))
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(sink))

    assert GRANTED in caught.value.text


def test_an_error_inside_a_stream_is_redacted_too() -> None:
    """Before it is on the record."""
    error = b'data: {"error":{"message":"bad token granted-secret"}}\n\n'
    world, sink, clerk = World(FakePool(stream(TOKEN, error))), FakeSink(), Clerk()
    signed(world, clerk)
    with pytest.raises(Error) as caught:
        asyncio.run(world.ask(sink, streams=True))

    assert OutcomeKind.TRUNCATED == world.outcome().kind
    assert GRANTED not in caught.value.text + str(world.outcome())
