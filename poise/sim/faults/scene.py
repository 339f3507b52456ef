"""One scene: guests, the real request path, a primary that misbehaves and a fallback, all on virtual time.

Every account is kept apart: what guests were told, what the walls saw and billed, what the record says.
"""

from __future__ import annotations

import asyncio
import errno
import os
from typing import Any, Final

import msgspec

from poise.clock import Clock
from poise.decision import AttemptRecord, Outcome, decode_outcome, read_id
from poise.edge.snapshot import Endpoint, Grant, Limits, Listener, Snapshot, hash_secret
from poise.policy import Candidate, Choose, Objective, Policy, Recover, StreamRecovery, Timers
from poise.sim.clock import EPOCH_US, VirtualClock, run
from poise.sim.faults.client import Dialect, Told, Wish, visit
from poise.sim.house import House
from poise.sim.pipe import MemoryNetwork
from poise.sim.tcpfault.link import Weather
from poise.sim.tcpfault.proxy import TcpFault
from poise.sim.wall.attempt import Attempt
from poise.sim.wall.bill import Bill, Economics
from poise.sim.wall.speech import Asked, answer_to
from poise.sim.wall.wall import Wall
from poise.target import Price, Provider, Target

KEY: Final = "key-of-the-guests"
SALT: Final = b"salt-of-the-table"
LATENCY_S: Final = 0.001  # one way; a connection takes two of them
QUIET_S: Final = 60.0  # at most watched after the last guest has gone: longer than any timer of the path
PROMPT: Final = "what is it"
# Who speaks the dialect at that address as its own, so that bytes pass as they are.
_VENDORS: Final = {"openai": "openai-compatible", "responses": "openai", "anthropic": "anthropic", "gemini": "gemini"}
_BASES: Final = {"anthropic": "", "gemini": "/v1beta"}
PLACES: Final = ("primary", "secondary")


class Case(msgspec.Struct, frozen=True):
    """What is played. primary and fallback are plans of the wall ('' for no fallback); guests arrive at these seconds.

    refused_s is a window in which nobody listens at the primary; or, by door, its packets vanish (None), or every attempt to
    connect to it ends with this error number. weather is that of the link to it. Both speak the guests' dialect.
    """

    primary: str = "ok"
    fallback: str = "ok"
    arrivals_s: tuple[float, ...] = (0.0,)
    stream: bool = True
    dialect: Dialect = "openai"
    deadline_s: float = 60.0
    attempts: int = 3
    recovery: StreamRecovery = "error"
    leaves_s: float = 0.0
    refused_s: tuple[float, float] = (-1.0, -1.0)
    door: int | None = errno.ECONNREFUSED
    economics: Economics = Economics()
    timers: Timers = Timers()
    weather: Weather = Weather()


class Seen(msgspec.Struct):
    """What came of it. ``primary`` and ``secondary`` are the walls' logs; received is how many bytes of answers they wrote."""

    case: Case
    told: list[Told]
    primary: list[Attempt]
    secondary: list[Attempt]
    primary_bill: Bill
    secondary_bill: Bill
    outcomes: dict[str, Outcome]
    busy: dict[str, int]
    surprises: list[str]
    began_us: int

    @property
    def took_s(self) -> list[float]:
        """How long each guest waited for its end."""
        return [(one.ended_us - one.at_us) / 1e6 for one in self.told]

    @property
    def ended(self) -> list[str]:
        """How it ended for each guest."""
        return [one.ended for one in self.told]

    @property
    def records(self) -> list[AttemptRecord]:
        """Every attempt on the record that was not passed over, in the order of its request and its number."""
        return [
            attempt for key in sorted(self.outcomes) for attempt in self.outcomes[key].attempts if not attempt.skipped
        ]

    def met(self, do: str) -> bool:
        """Whether the fault demonstrably happened: it stands in the primary's log, and that row has ended."""
        return any(one.fault.do == do and one.ended for one in self.primary)

    def at_s(self, attempt: Attempt) -> float:
        """When an attempt arrived at a wall, seconds since the start."""
        return (attempt.at_us - self.began_us) / 1e6


def play(case: Case, seed: int = 0) -> Seen:
    """Play a case to its end. Raises ``sim.clock.Stuck`` where the path hangs."""
    return run(lambda clock: _play(case, clock), seed)


def said(tokens: int) -> str:
    """What each wall says to the guests' question, in so many tokens."""
    asked = Asked("openai", True, "", [PROMPT], {})
    return answer_to(asked, tokens=tokens, model="", finish="", tool="", vary=False).text


async def _play(case: Case, clock: VirtualClock) -> Seen:
    surprises: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: surprises.append(_surprise(context)))
    network = MemoryNetwork(clock, latency_s=LATENCY_S)
    walls = {name: Wall(name, clock, economics=case.economics) for name in PLACES}
    for name, wall in walls.items():
        network.listen(name, wall.accept)
    if case.weather != Weather():
        network.listen("behind", walls["primary"].accept)
        link = TcpFault(clock, lambda factory: network.connect("behind", factory), weather=case.weather)
        network.listen("primary", link.accept)
    house = House(snapshot(case), network, clock)
    house.start()
    began_us = clock.now_us()
    doors = asyncio.create_task(_doors(case, network, walls["primary"], clock))
    told = await _told(case, network, clock)
    await doors
    for _ in range(int(QUIET_S)):
        if not house.busy and not any(wall.log.live for wall in walls.values()):
            break
        await clock.sleep(1)
    busy = house.busy
    house.stop()
    for wall in walls.values():
        await wall.close()
    await clock.sleep(1)
    outcomes = {str(id): decode_outcome(kept.outcomes[0]) for id, kept in house.recorder.kept.items() if kept.outcomes}
    first, second = walls["primary"], walls["secondary"]
    return Seen(
        case, told, first.log.all, second.log.all, first.bill, second.bill, outcomes, busy, surprises, began_us
    )  # fmt: skip


async def _told(case: Case, network: MemoryNetwork, clock: VirtualClock) -> list[Told]:
    """What each guest was told; one that waits for ever is told so, as ``hung``."""
    wishes = [_wish(case, at_s) for at_s in case.arrivals_s]
    visits = [asyncio.create_task(_visit(wish, network, clock)) for wish in wishes]
    _, waiting = await asyncio.wait(visits, timeout=max(case.arrivals_s) + case.deadline_s + QUIET_S)
    for one in waiting:
        one.cancel()
    now_us = clock.now_us()
    hung = [Told(wish, EPOCH_US + int(wish.arrives_s * 1e6), now_us, "hung") for wish in wishes]
    return [late if one in waiting else one.result() for one, late in zip(visits, hung, strict=True)]


def outcome_of(seen: Seen, told: Told) -> Outcome | None:
    """The record of a guest's request, None where it was given no decision."""
    decision = told.headers.get("x-poise-decision")
    return seen.outcomes.get(str(read_id(decision))) if decision else None


def _surprise(context: dict[str, Any]) -> str:
    return f"{context['message']}: {context.get('exception')!r}"


async def _doors(case: Case, network: MemoryNetwork, wall: Wall, clock: VirtualClock) -> None:
    """Nobody listens at the primary within the window, and what stands is reset when it begins."""
    from_s, to_s = case.refused_s
    if to_s <= 0:
        return
    await _until(from_s, clock)
    if case.door == errno.ECONNREFUSED:
        network.refuse("primary")
        wall.refuse()
    else:
        network.fail("primary", None if case.door is None else OSError(case.door, os.strerror(case.door)))
    await _until(to_s, clock)
    network.listen("primary", wall.accept)
    network.mend("primary")


async def _until(at_s: float, clock: VirtualClock) -> None:
    await clock.sleep(max(0.0, at_s - _since_s(clock)))


def _since_s(clock: Clock) -> float:
    return (clock.now_us() - EPOCH_US) / 1e6


def _wish(case: Case, at_s: float) -> Wish:
    return Wish(at_s, PROMPT, KEY, case.dialect, case.stream, case.leaves_s)


async def _visit(wish: Wish, network: MemoryNetwork, clock: VirtualClock) -> Told:
    await clock.sleep(wish.arrives_s)
    return await visit(wish, network, clock)


def snapshot(case: Case) -> Snapshot:
    """One workflow over both places in order; the plan stands where a vendor's name of the model does."""
    plans = {"primary": case.primary, "secondary": case.fallback}
    targets = [
        Target(f"m@{name}", "m", name, _VENDORS[case.dialect], name, plan, price=Price(1.0, 2.0))
        for name, plan in plans.items()
        if plan
    ]
    candidates = tuple(Candidate(target, place) for place, target in enumerate(targets))
    policy = Policy(
        "chat",
        candidates,
        objective=Objective(deadline_us=int(case.deadline_s * 1e6)),
        choose=Choose(mode="order"),
        timers=case.timers,
        recover=Recover(attempts=case.attempts, stream=case.recovery),
    )
    vendor = _VENDORS[case.dialect]
    base = _BASES.get(case.dialect, "/v1")
    endpoints = {
        name: Endpoint(Provider(name, vendor, name, f"http://{name}{base}"), f"secret-of-{name}") for name in PLACES
    }
    return Snapshot(
        1, "table", Listener(), "", "", {"chat": policy}, endpoints,
        {"guests": Grant("guests", {"chat": (1 << len(candidates)) - 1})},
        {hash_secret(KEY.encode(), SALT): "guests"}, SALT, limits=Limits(),
    )  # fmt: skip
