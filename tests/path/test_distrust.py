"""A connection serves again after an answer, an error too, and never after what was no answer, however well it was framed."""

from __future__ import annotations

import asyncio

import pytest

from poise.errors import Error, Failure
from tests.path.fakes import ANSWER, ROLE, TOKEN, FakePool, FakeSink, Script, World, stream, whole


def attempted(script: Script, *, streams: bool = False) -> tuple[str, bool]:
    """How an only attempt failed, and whether its connection was closed for it."""
    world = World(FakePool(script))
    with pytest.raises(Error):
        asyncio.run(world.ask(FakeSink(), streams=streams))
    return world.outcome().attempts[0].failure, world.upstream_closed()


@pytest.mark.parametrize("body", [ANSWER[:40], b"<html>", b"", b'{"id":"x"}'])
def test_connection_of_a_whole_answer_that_is_none_is_closed(body: bytes) -> None:
    """What follows half an answer may be its other half."""
    assert (Failure.MALFORMED, True) == attempted(whole(body=body))


@pytest.mark.parametrize("parts", [(ROLE,), (ROLE, TOKEN), (b"data: {",)])
def test_connection_of_a_stream_that_stopped_within_sound_framing_is_closed(parts: tuple[bytes, ...]) -> None:
    assert (Failure.CUT, True) == attempted(stream(*parts), streams=True)


@pytest.mark.parametrize("status", [400, 429, 503])
def test_connection_of_an_error_that_was_said_in_full_is_kept(status: int) -> None:
    """Errors come in crowds: each that cost a connection would cost a handshake too."""
    assert not attempted(whole(status, b'{"error":{"message":"no","code":"bad"}}'))[1]


def test_connection_of_an_answer_is_kept() -> None:
    world = World(FakePool(whole()))
    asyncio.run(world.ask(FakeSink()))

    assert not world.upstream_closed()
