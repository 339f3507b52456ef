"""One way into another dialect: what must arrive by the written list, and what did."""

from __future__ import annotations

import copy
import re
from typing import Generic, NamedTuple, TypeVar

from poise.errors import AttemptFailed
from poise.wire.conversation.answer import Answer
from poise.wire.conversation.ask import Ask
from poise.wire.conversation.event import Event
from tests.wire.crossing.crossing import Crossing
from tests.wire.crossing.differences import DIFFERENCES, Difference
from tests.wire.crossing.plain import of_answer, of_ask
from tests.wire.crossing.recorded import Kind
from tests.wire.crossing.translate import Arrived, answer_into, ask_into, assembled, complete, events_into

T = TypeVar("T")


class Leg(NamedTuple, Generic[T]):
    """value is what arrived, None for the failure that was expected; used are the differences that were met."""

    value: T | None
    used: tuple[Difference, ...]


def ask_leg(ask: Ask, to: str) -> Leg[Ask]:
    """A request into another dialect. Asserts that it arrives as the list says."""
    crossing, used = _expected(ask, to, "ask")
    again, arrived = ask_into(ask, to)
    _check(of_ask(crossing.ask), arrived, used)
    return Leg(again, used)


def answer_leg(answer: Answer, to: str) -> Leg[Answer]:
    """A whole answer into another dialect."""
    crossing, used = _expected(answer, to, "answer")
    try:
        again, arrived = answer_into(answer, to)
    except AttemptFailed:
        assert crossing.fails, "it arrived as a failure"
        return Leg(None, used)
    assert not crossing.fails, "it did not arrive as a failure"
    _check(of_answer(crossing.answer), arrived, used)
    return Leg(again, used)


def stream_leg(events: list[Event], spoken: str, to: str) -> Leg[list[Event]]:
    """A stream into another dialect."""
    crossing, used = _expected(assembled(spoken, events), to, "stream")
    again, arrived = events_into(events, to)
    assert complete(again) != crossing.fails, again[-3:]
    if crossing.fails:
        return Leg(None, used)
    _check(of_answer(crossing.answer), arrived, used)
    return Leg(again, used)


def _expected(value: Ask | Answer, to: str, kind: Kind) -> tuple[Crossing, tuple[Difference, ...]]:
    crossing = Crossing(copy.deepcopy(value), to, kind)
    some = [one for one in DIFFERENCES if to in one.to and kind in one.within]
    return crossing, tuple(one for one in some if one.change(crossing))


def _check(expected: list[tuple[object, ...]], arrived: Arrived, used: tuple[Difference, ...]) -> None:
    assert expected == arrived.rows
    for one in used:
        noted = [f"{loss.where} {loss.what}" for loss in arrived.losses]
        assert not one.loss or any(re.search(one.loss, note) for note in noted), (one.name, noted)
