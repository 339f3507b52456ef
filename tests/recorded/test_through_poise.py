"""Every recorded exchange passes a running Poise unchanged, same dialect in and out, and is on the record as what it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import uvloop

from poise.errors import Failure
from tests.recorded.check import wrongs
from tests.recorded.conftest import MARK
from tests.recorded.exchanges import Exchange, read
from tests.recorded.expected import Expected, expected
from tests.recorded.gateway import gateway
from tests.recorded.places import place_of, why_not
from tests.recorded.rounds import DIFFERENCES, names_of, play
from tests.recordings import FOLDER

ABSENT = f"no recordings at {FOLDER}: set POISE_RECORDINGS"
FILES = {path.stem: path for path in sorted(FOLDER.glob("*.jsonl"))}
PLAYED = [stem for stem in FILES if place_of(stem) is not None]

pytestmark = pytest.mark.skipif(not FILES, reason=ABSENT)


@pytest.mark.parametrize("endpoint", PLAYED)
def test_what_was_recorded_passes_unchanged(endpoint: str, record_property: Callable[[str, object], None]) -> None:
    """Request, answer, events, errors, usage and ending of each exchange; the table below the results counts them."""
    row = play(FILES[endpoint])
    assert row is not None
    record_property(MARK, row.cells())

    assert [] == row.wrong
    assert 0 < row.seen == row.equal


def test_every_endpoint_is_played_or_has_a_reason() -> None:
    """No recording is left out in silence."""
    assert [] == [stem for stem in FILES if stem not in PLAYED and not why_not(stem)]


def test_some_endpoint_of_each_dialect_was_played() -> None:
    """Chat, responses, messages, Gemini, embeddings of two kinds, counts of two kinds."""
    dialects = {place.dialect for place in map(place_of, PLAYED) if place is not None}

    assert dialects >= {"openai", "responses", "anthropic", "gemini"}
    assert dialects >= {"embeddings", "gemini-embeds", "anthropic-count", "gemini-count"}


def test_every_difference_on_the_list_is_still_met() -> None:
    """A reason that nothing needs any more is taken out."""
    exchanges = [one for stem in PLAYED if (place := place_of(stem)) for one in read(FILES[stem], place)]

    assert set(DIFFERENCES) == {name for one in exchanges for name in names_of(one, expected(one))}


def planted(endpoint: str, kind: str) -> tuple[Exchange, Expected]:
    """The first recorded exchange of a kind."""
    place = place_of(endpoint)
    assert place is not None
    pairs = ((one, expected(one)) for one in read(FILES[endpoint], place))
    return next(pair for pair in pairs if pair[1].kind == kind and not names_of(*pair))


def played(exchange: Exchange, wanted: Expected) -> list[str]:
    """What is found wrong with one exchange."""

    async def alone() -> list[str]:
        async with gateway([exchange]) as running:
            return await wrongs(running, exchange, 0, wanted)

    return uvloop.run(alone())


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [("openai.chat", "stream"), ("anthropic.messages", "whole"), ("gemini.streamGenerateContent", "stream")],
)
def test_one_changed_letter_is_noticed(endpoint: str, kind: str) -> None:
    """The comparison is no formality: an answer other than the recorded one is told, and so is another usage."""
    exchange, wanted = planted(endpoint, kind)
    other = exchange.answer.replace(b"e", b"E", 1)
    usage = wanted._replace(usage=(1, 1))

    assert [] == played(exchange, wanted)
    assert [] != played(dataclasses.replace(exchange, answer=other), expected(exchange))
    assert [one for one in played(exchange, usage) if "counted" in one]


def test_an_error_read_as_another_is_noticed() -> None:
    """Its class is compared, not only that it is an error."""
    exchange, wanted = planted("openai.chat", "refused")
    other = Failure.CONTENT_FILTER if wanted.failure is not Failure.CONTENT_FILTER else Failure.RATE

    assert [] == played(exchange, wanted)
    assert [] != played(exchange, wanted._replace(failure=other))
