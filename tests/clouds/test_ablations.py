"""Each safeguard of the clouds switched off, and what it keeps away then happens: the tests of it can fail."""

from __future__ import annotations

from binascii import crc32

import pytest

from poise.edge.clouds.identities import Identities
from poise.edge.clouds.keeper import Keeper
from poise.sim.clock import VirtualClock, run
from poise.wire.bedrock import events_read, frames
from poise.wire.bedrock.frames import Message, messages_of
from poise.wire.conversation.event import Done, Event
from poise.wire.sse import MAX_EVENT_BYTES
from tests.clouds.offices import ASKED, Office, Town, clouds, endpoint, token_in
from tests.path.test_binary import DATA, TALK, asked, behind, says

Patch = pytest.MonkeyPatch


def _believing(data: bytes) -> list[Message]:
    """Messages read without a look at the checksum of their content."""
    out = b""
    while data:
        length = int.from_bytes(data[:4])
        out += data[: length - 4] + crc32(data[: length - 4]).to_bytes(4)
        data = data[length:]
    return messages_of(out)


def test_without_the_checksum_a_changed_word_reaches_the_client(monkeypatch: Patch) -> None:
    monkeypatch.setattr(events_read, "messages_of", _believing)
    at = DATA.index(b"fish")
    sink, code = asked(behind(says(DATA[:at] + b"fist" + DATA[at + 4 :])))

    assert ("", True, True) == (code, sink.done, b"fist" in sink.body)


def test_without_the_stop_reason_a_cut_stream_would_look_complete(monkeypatch: Patch) -> None:
    """At any message's end."""

    def done(self: events_read.Reader) -> list[Event]:
        return [Done()]

    monkeypatch.setattr(events_read.Reader, "close", done)
    sink, code = asked(behind(says(*TALK[:4])))

    assert ("", True, True) == (code, sink.done, b"[DONE]" in sink.body)


def test_without_the_cap_what_follows_a_giants_prelude_is_held(monkeypatch: Patch) -> None:
    """As long as it comes."""
    monkeypatch.setattr(frames, "MAX_EVENT_BYTES", 1 << 32)
    prelude = (MAX_EVENT_BYTES + 1).to_bytes(4) + (0).to_bytes(4)
    data = prelude + crc32(prelude).to_bytes(4) + b"x" * 100_000
    held = frames.Splitter()

    assert b"" == held.feed(data)
    assert data == held.tail


def test_without_the_word_of_a_refusal_a_withdrawn_token_is_shown_on(monkeypatch: Patch) -> None:
    """For the better part of an hour."""
    monkeypatch.setattr(Keeper, "refused", lambda _: None)

    async def main(clock: VirtualClock) -> None:
        office = Office(clock)
        identities = Identities(clock, Town(clouds(office)))
        identities.keep({"p0": endpoint("p0")})
        identities.start()
        await identities.first()
        signer = identities.signer("p0")
        assert signer is not None
        office.withdrawn.add("token-number-1")
        signer.refused()
        await clock.sleep(1800)

        assert not office.takes(token_in(signer.lines(*ASKED, clock.now_us())))
        await identities.close()

    run(main, 1)


def test_without_the_look_at_what_changed_each_reload_asks_every_cloud_again() -> None:
    """And calls find nothing while it answers."""

    async def main(clock: VirtualClock) -> None:
        office = Office(clock)
        for _ in range(5):
            identities = Identities(clock, Town(clouds(office)))  # as if nothing were known of the last configuration
            identities.keep({"p0": endpoint("p0")})
            identities.start()
            await identities.first()
            await identities.close()

        assert 5 == office.asked

    run(main, 1)
