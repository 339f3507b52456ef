"""Which fault the next request meets: by the time, by a queue, by its model, else by the standing plan.

A request takes the first of: an open window of the script; the next of its queued requests; the plan of its model in
the script; the plan that its model's name is; the standing plan. Plans count their own requests.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

import msgspec

from poise.sim.dice import Dice
from poise.sim.wall.amounts import BadPlan
from poise.sim.wall.fault import OK, Fault
from poise.sim.wall.grammar import is_plan, parse

MAX_COURSES: Final = 10_000  # plans whose place is remembered; the one not asked for longest is forgotten

Plan = str | Fault


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From from_s to to_s seconds after the start, plan holds for every request."""

    from_s: float
    to_s: float
    plan: Plan


class Door(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From from_s to to_s the door itself is odd: ``refuse`` (nobody listens), ``reset`` (accepted, then RST),
    ``deaf`` (accepted, and nothing is ever read).
    """

    from_s: float
    to_s: float
    do: str = "refuse"


class ScriptFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A script as JSON. Plans are words of the grammar, or objects with the fields of ``fault.Fault``."""

    standing: Plan = "ok"
    requests: list[Plan] = []
    models: dict[str, Plan] = {}
    windows: list[Span] = []
    doors: list[Door] = []


class Course:
    """A plan with its place in it."""

    def __init__(self, steps: tuple[Fault, ...]) -> None:
        self._windows = [step for step in steps if step.windowed]
        self._steps = deque(step for step in steps if not step.windowed)
        self._left = self._steps[0].times if self._steps else 0

    def next(self, now_s: float) -> Fault:
        """The step of the next request: an open window's, else the next in line. The last one stays, unless it counts."""
        for step in self._windows:
            if step.holds(now_s):
                return step
        if not self._steps:
            return OK
        step = self._steps[0]
        if step.times:
            self._left -= 1
            if self._left <= 0:
                self._forward()
        elif len(self._steps) > 1:
            self._forward()
        return step

    def _forward(self) -> None:
        self._steps.popleft()
        self._left = self._steps[0].times if self._steps else 0


class Script:
    """The plans of one wall. seed throws the dice of ``share=``; change it at any time, what is under way keeps its fault."""

    def __init__(self, standing: Plan = "ok", *, seed: int = 0) -> None:
        self._dice = Dice(seed)
        self._queue: deque[Fault] = deque()
        self._models: dict[str, Course] = {}
        self._names: OrderedDict[str, Course] = OrderedDict()
        self._spans: list[tuple[Span, Course]] = []
        self._standing = _course(standing)
        self.doors: list[Door] = []

    def load(self, file: ScriptFile) -> None:
        """Follow another script from here on. Raises BadPlan, and then the old one stays."""
        queue = [step for plan in file.requests for step in _counted(plan)]
        models = {name: _course(plan) for name, plan in file.models.items()}
        spans = [(span, _course(span.plan)) for span in file.windows]
        standing = _course(file.standing)
        for door in file.doors:
            if door.do not in ("refuse", "reset", "deaf"):
                raise BadPlan(f"a door cannot {door.do!r}\n  hint: refuse, reset or deaf")
        self._queue, self._models, self._spans, self._standing = deque(queue), models, spans, standing
        self._names.clear()
        self.doors = list(file.doors)

    def then(self, *plans: Plan) -> None:
        """Queue plans, one request for each of their steps (a step that counts is as many)."""
        for plan in plans:
            self._queue.extend(_counted(plan))

    def stand(self, plan: Plan) -> None:
        """What holds for requests that nothing else speaks of."""
        self._standing = _course(plan)

    def fault_for(self, model: str, texts: Iterable[str], now_s: float) -> Fault:
        """The fault of a request that has just come. Raises BadPlan where its model's name is a plan that is none."""
        fault = self._pick(model, now_s)
        if fault.marker and not any(fault.marker in text for text in texts):
            return OK
        if fault.share_e6 < 1_000_000 and self._dice.below(1_000_000) >= fault.share_e6:
            return OK
        return fault

    def door(self, now_s: float) -> str:
        """How the door is now; '' for open."""
        return next((door.do for door in self.doors if door.from_s <= now_s < door.to_s), "")

    def _pick(self, model: str, now_s: float) -> Fault:
        for span, course in self._spans:
            if span.from_s <= now_s < span.to_s:
                return course.next(now_s)
        if self._queue:
            return self._queue.popleft()
        if model in self._models:
            return self._models[model].next(now_s)
        if not is_plan(model):
            return self._standing.next(now_s)
        course = self._names.get(model) or _course(model)
        self._names[model] = course
        self._names.move_to_end(model)
        if len(self._names) > MAX_COURSES:
            self._names.popitem(last=False)
        return course.next(now_s)


def _steps(plan: Plan) -> tuple[Fault, ...]:
    return (plan,) if isinstance(plan, Fault) else parse(plan)


def _counted(plan: Plan) -> list[Fault]:
    """Each step as often as it counts."""
    return [step for step in _steps(plan) for _ in range(max(1, step.times))]


def _course(plan: Plan) -> Course:
    return Course(_steps(plan))
