"""The request path, as one list. Behaviour that is not on it does not exist."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from poise.clock import Clock
from poise.path.admit import Admit
from poise.path.balance import Balance
from poise.path.call import Call
from poise.path.decide import Decide
from poise.path.passage import Passage
from poise.path.recover import Recover
from poise.path.service import Recorder


class Passing(NamedTuple):
    """The path of calls that are passed through."""

    admit: Admit
    decide: Decide
    passage: Passage


class Stack(NamedTuple):
    """The path, top first, and the stages that the worker's ticker looks after; passing is the other, shorter path."""

    admit: Admit
    decide: Decide
    recover: Recover
    call: Call
    passing: Passing


def stack(recorder: Recorder, clock: Clock, future: Callable[[], asyncio.Future[None]] | None = None) -> Stack:
    """Build the path from the bottom; read it from the top.

    admit    Request             refusing must cost nothing, so it stands above the decision and its record
    decide   Request -> Plan     one Decision per request, however many attempts follow; settles the outcome
    recover  Plan -> Attempt     the only stage that tries again; below decide, so retries follow one ranking
    balance  Attempt -> Dispatch below recover: each attempt may reach another copy of its target
    call     Dispatch            one exchange; it measures

    What is passed through has one candidate and nothing to translate, so passage stands there for the last three.
    """
    call = Call(clock, future)
    balance = Balance(call)
    recover = Recover(balance, clock, future)
    decide = Decide(recover, recorder, clock)
    admit = Admit(decide, clock)
    passage = Passage(clock, future)
    pass_decide = Decide(passage, recorder, clock)
    passing = Passing(Admit(pass_decide, clock), pass_decide, passage)
    return Stack(admit, decide, recover, call, passing)
