"""Credentials of all providers in one worker: kept fresh under load, over reloads, and told without secrets."""

from __future__ import annotations

import asyncio
import logging

import pytest

from poise.edge.clouds import keeper as keeper_module
from poise.edge.clouds.identities import Identities, real_cloud
from poise.edge.snapshot import Endpoint
from poise.errors import AttemptFailed, Failure
from poise.path.signing import Signer
from poise.sim.clock import VirtualClock, run
from poise.target import Provider
from tests.clouds.offices import ASKED, HOUR_US, Office, Town, clouds, endpoint, token_in


def _signer(identities: Identities, name: str = "p0") -> Signer:
    signer = identities.signer(name)
    assert signer is not None
    return signer


async def _calls(signer: Signer, office: Office, clock: VirtualClock, for_s: int) -> tuple[int, int]:
    """Four calls a second: how many found nothing to show, and how many showed what the cloud did not take."""
    missing = refused = 0
    for _ in range(4 * for_s):
        try:
            refused += not office.takes(token_in(signer.lines(*ASKED, clock.now_us())))
        except AttemptFailed as failure:
            missing += failure.failure is Failure.AUTH
        await clock.sleep(0.25)
    return missing, refused


async def _load(clock: VirtualClock) -> tuple[int, int, int]:
    """Three hours of calls at a cloud that takes twenty seconds for a token: missing, refused, tokens asked for."""
    office = Office(clock, takes_s=20)
    identities = Identities(clock, Town(clouds(office)))
    identities.keep({"p0": endpoint("p0")})
    identities.start()
    await identities.first(60)
    missing, refused = await _calls(_signer(identities), office, clock, 3 * 3600)
    await identities.close()
    return missing, refused, office.asked


def test_no_call_notices_that_tokens_end() -> None:
    """Each is replaced in its last minutes, off the way of the calls."""
    told: list[tuple[int, int, int]] = []

    async def main(clock: VirtualClock) -> None:
        told.append(await _load(clock))

    run(main, 1)
    assert [(0, 0, 4)] == told


def test_tokens_that_are_renewed_at_their_end_would_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the lead, calls find nothing while the next token is on its way."""
    monkeypatch.setattr(keeper_module, "LEAD_US", 0)

    async def main(clock: VirtualClock) -> None:
        missing, _, _ = await _load(clock)
        assert missing >= 2 * 20 * 4

    run(main, 1)


def test_a_withdrawn_token_is_replaced_soon() -> None:
    """The cloud refuses it, the signer hears of it, and seconds later calls show another."""

    async def main(clock: VirtualClock) -> None:
        office = Office(clock)
        identities = Identities(clock, Town(clouds(office)))
        identities.keep({"p0": endpoint("p0")})
        identities.start()
        await identities.first()
        signer = _signer(identities)
        await clock.sleep(60)
        office.withdrawn.add("token-number-1")
        assert not office.takes(token_in(signer.lines(*ASKED, clock.now_us())))
        await clock.sleep(60)
        assert "token-number-1" == token_in(signer.lines(*ASKED, clock.now_us())), "as long as nobody says so"
        signer.refused()
        await clock.sleep(6)
        assert office.takes(token_in(signer.lines(*ASKED, clock.now_us())))
        await identities.close()

    run(main, 1)


def test_a_cloud_that_is_closed_ends_calls_when_the_last_token_ends(caplog: pytest.LogCaptureFixture) -> None:
    """Not before; each trouble is one line of the log, and when it is over that is said as well."""
    caplog.set_level(logging.WARNING)

    async def main(clock: VirtualClock) -> None:
        office = Office(clock)
        identities = Identities(clock, Town(clouds(office)))
        identities.keep({"p0": endpoint("p0")})
        identities.start()
        await identities.first()
        office.open = False
        missing, refused = await _calls(_signer(identities), office, clock, 3600 - 11)
        assert (0, 0) == (missing, refused)
        (standing,) = identities.signals()
        assert ("p0", "google", "the office is closed") == (standing.provider, standing.source, standing.trouble)
        missing, refused = await _calls(_signer(identities), office, clock, 60)
        assert (True, 0) == (missing >= 4 * 50, refused)
        office.open = True
        await clock.sleep(61)
        missing, refused = await _calls(_signer(identities), office, clock, 60)
        assert (0, 0) == (missing, refused)
        await identities.close()

    run(main, 1)
    lines = [record.getMessage() for record in caplog.records]
    assert any("provider p0: no new google credentials (the last ones hold for" in line for line in lines)
    assert "provider p0: google credentials are there again" == lines[-1]
    assert not any("token-number" in line for line in lines)


def test_a_reload_keeps_what_did_not_change() -> None:
    """The same signer with the same token; a provider that is another now asks anew; one that is gone is let go."""

    async def main(clock: VirtualClock) -> None:
        same, moved, gone = Office(clock), Office(clock), Office(clock)
        identities = Identities(clock, Town(clouds(same, moved, gone)))
        identities.keep({name: endpoint(name) for name in ("p0", "p1", "p2")})
        identities.start()
        await identities.first()
        before = [_signer(identities, name) for name in ("p0", "p1")]
        identities.keep({"p0": endpoint("p0"), "p1": endpoint("p1", "us-east5")})
        await clock.sleep(1)
        after = [_signer(identities, name) for name in ("p0", "p1")]
        await clock.sleep(3600)

        assert [True, False] == [old is new for old, new in zip(before, after, strict=True)]
        assert identities.signer("p2") is None
        assert (2, 3, 1) == (same.asked, moved.asked, gone.asked)
        await identities.close()

    run(main, 1)


def test_calls_under_way_end_with_what_a_provider_that_is_gone_was_granted() -> None:
    """Its signer goes on showing the last token, and asks for no more."""

    async def main(clock: VirtualClock) -> None:
        office = Office(clock)
        identities = Identities(clock, Town(clouds(office)))
        identities.keep({"p0": endpoint("p0")})
        identities.start()
        await identities.first()
        signer = _signer(identities)
        identities.keep({})
        signer.refused()
        await clock.sleep(60)

        assert office.takes(token_in(signer.lines(*ASKED, clock.now_us())))
        assert () == identities.signals()
        asked = office.asked
        await clock.sleep(2 * HOUR_US / 1e6)
        assert asked == office.asked
        await identities.close()

    run(main, 1)


def test_the_start_waits_a_little_for_the_first_token_and_no_longer() -> None:
    """A cloud that does not answer keeps nobody from serving the others."""

    async def main(clock: VirtualClock) -> None:
        quick, slow = Office(clock, takes_s=0.5), Office(clock, takes_s=600)
        identities = Identities(clock, Town(clouds(quick, slow)))
        identities.keep({"p0": endpoint("p0"), "p1": endpoint("p1")})
        identities.start()
        begun_us = clock.now_us()
        await identities.first(3)

        assert 3_000_000 == clock.now_us() - begun_us
        assert quick.takes(token_in(_signer(identities).lines(*ASKED, clock.now_us())))
        with pytest.raises(AttemptFailed, match="none yet"):
            _signer(identities, "p1").lines(*ASKED, clock.now_us())
        await clock.sleep(600)
        assert slow.takes(token_in(_signer(identities, "p1").lines(*ASKED, clock.now_us())))
        await identities.close()

    run(main, 1)


def test_without_that_wait_the_first_calls_find_nothing() -> None:
    async def main(clock: VirtualClock) -> None:
        identities = Identities(clock, Town(clouds(Office(clock, takes_s=0.5))))
        identities.keep({"p0": endpoint("p0")})
        identities.start()
        with pytest.raises(AttemptFailed, match="none yet"):
            _signer(identities).lines(*ASKED, clock.now_us())
        await identities.close()

    run(main, 1)


def test_closing_leaves_no_task_behind() -> None:
    async def main(clock: VirtualClock) -> None:
        identities = Identities(clock, Town(clouds(Office(clock), Office(clock))))
        identities.keep({"p0": endpoint("p0"), "p1": endpoint("p1")})
        identities.start()
        await identities.first()
        await identities.close()

        assert {asyncio.current_task()} == asyncio.all_tasks()

    run(main, 1)


@pytest.mark.parametrize(
    ("vendor", "key", "source"),
    [
        ("vertex", "", "google"),
        ("bedrock", "", "aws"),
        ("bedrock", "k", ""),
        ("azure", "", "azure"),
        ("azure", "k", ""),
        ("openai", "", ""),
        ("openai", "k", ""),
        ("ollama", "", ""),
        ("nobody", "k", ""),
    ],
)
def test_who_shows_a_clouds_credentials(vendor: str, key: str, source: str) -> None:
    """The clouds' vendors without a key; everybody else shows its key, or nothing."""

    async def main(clock: VirtualClock) -> None:
        cloud = real_cloud(Endpoint(Provider("p", vendor, "eu", "https://x", location="eu-central-1"), key), clock)
        assert source == (cloud.name if cloud is not None else "")

    run(main, 1)
