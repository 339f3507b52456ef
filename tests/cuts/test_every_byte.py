"""Answers cut at every byte, by FIN, RST and silence: no stock client takes one for whole that is not."""

from __future__ import annotations

import random
import re
from functools import cache

import pytest

from poise.edge import front as front_module
from tests import recordings
from tests.cuts.judges import verdict
from tests.cuts.stage import Cut, Got, How, received
from tests.wire.mend.streams import said, streamed

DIALECTS = ("openai", "responses", "anthropic", "gemini")
ENDPOINTS = {
    "openai": (
        "openai.chat",
        "mistral.chat",
        "deepseek.chat",
        "groq.chat",
        "cerebras.chat",
        "ollama.openai_chat",
        "qwen.chat",
    ),
    "responses": ("openai.responses", "azure.responses", "xai.responses"),
    "anthropic": ("anthropic.messages",),
    "gemini": ("gemini.streamGenerateContent",),
}
HOWS: tuple[How, ...] = ("fin", "rst", "stall")
_ID = re.compile(rb"d-[0-9a-f]{16}")
MADE = said("The ", "answer ", "is ", "forty", "-two.")
CALLED = said("I ", "look.", call=True)


@cache
def _judged(front: str, got: tuple[int, str, bytes, bool]) -> str | None:
    status, kind, body, framed = got
    return verdict(front, Got(status, {"content-type": kind}, body, framed))


def _taken(front: str, got: Got) -> str | None:
    """What an SDK makes of it; the same bytes but for the decision's name are judged once."""
    return _judged(front, (got.status, got.headers.get("content-type", ""), _ID.sub(b"d-0", got.body), got.framed))


def _wrong(
    front: str, back: str, answer: bytes, places: list[int], hows: tuple[How, ...] = HOWS
) -> list[tuple[int, How, str]]:
    """Places at which an SDK took for whole what is not: it was given less than the whole answer's text."""
    cuts = [Cut(answer, at, how) for at in places for how in hows]
    whole, *broken = received(front, back, [Cut(answer, len(answer), "whole"), *cuts])
    text = _taken(front, whole)
    assert text is not None, "the SDK does not take even the whole answer"
    assert len(broken) == len(cuts)
    return [
        (cut.at, cut.how, took)
        for cut, got in zip(cuts, broken, strict=True)
        if (took := _taken(front, got)) is not None and took != text
    ]


@cache
def _recorded(dialect: str) -> list[tuple[str, bytes]]:
    """Those that the SDK takes for whole when nothing is cut (some end in an error), the shortest first."""
    found = [row for endpoint in ENDPOINTS[dialect] for row in recordings.streams(endpoint) if len(row[1]) < 30_000]
    cuts = [Cut(answer, len(answer), "whole") for _, answer in found]
    taken = [_taken(dialect, got) is not None for got in received(dialect, dialect, cuts)]
    return sorted((row for row, good in zip(found, taken, strict=True) if good), key=lambda row: (len(row[1]), row[0]))


@pytest.mark.parametrize("front", DIALECTS)
@pytest.mark.parametrize("back", DIALECTS)
@pytest.mark.parametrize("events", [MADE, CALLED], ids=["text", "call"])
def test_made_answers_at_every_byte(front: str, back: str, events: list[object]) -> None:
    """Every pair of dialects."""
    answer = b"".join(streamed(back, MADE if events is MADE else CALLED))
    if back == "responses" != front:
        pytest.skip("no vendor speaks only this: others' callers are answered by its chat completions")

    assert [] == _wrong(front, back, answer, list(range(0, len(answer), 1 if front == back else 11)), ("fin",))
    assert [] == _wrong(front, back, answer, list(range(0, len(answer), 31)), ("rst",))
    assert [] == _wrong(front, back, answer, list(range(0, len(answer), 211)), ("stall",))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_answers_at_every_byte(dialect: str) -> None:
    """The shortest that real providers sent, at every byte by FIN, at some by RST and silence."""
    rows = _recorded(dialect)[:2]
    assert rows
    for name, answer in rows:
        assert [] == _wrong(dialect, dialect, answer, list(range(len(answer))), ("fin",)), name
        assert [] == _wrong(dialect, dialect, answer, list(range(0, len(answer), 97)), ("rst", "stall")), name


@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_answers_at_random_bytes(dialect: str) -> None:
    """All the others, at a few places each."""
    dice = random.Random(4)
    rows = _recorded(dialect)[2:42]
    assert rows
    for name, answer in rows:
        places = sorted({dice.randrange(len(answer)) for _ in range(3)} | {len(answer) - 1 - dice.randrange(40)})
        assert [] == _wrong(dialect, dialect, answer, places, ("fin",)), name


@pytest.mark.parametrize("front", DIALECTS)
def test_cut_answers_that_are_run_again_are_whole(front: str) -> None:
    """With ``restart`` and a second target: the whole text, once, wherever the first broke off."""
    answer = b"".join(streamed(front, MADE))
    cuts = [Cut(answer, at, how) for at in range(0, len(answer), 5) for how in ("fin", "rst")]
    found = received(front, front, cuts, ("restart",))

    assert {"The answer is forty-two."} == {_taken(front, got) for got in found}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_the_error_event_clients_take_cut_answers_for_whole(
    dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests above can fail: framing that ends cleanly is all that most SDKs look at."""
    monkeypatch.setattr(front_module.Front, "error_event", lambda *_: b"")
    answer = b"".join(streamed(dialect, MADE))

    assert [] != _wrong(dialect, dialect, answer, list(range(len(answer) // 2, len(answer) * 3 // 4, 11)), ("fin",))
