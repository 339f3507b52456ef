"""Feeds targets in turn, and judges: an exception nobody declared, time that no such input is worth, memory that stays."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType
from typing import Final, Literal, NamedTuple

from tests.fuzz.memory import Held, held
from tests.fuzz.mutate import MAX_BYTES, Mutation, mutated
from tests.fuzz.mutate_json import tree

GRACE_S: Final = 0.25  # of processor time any input may take, beside what its length allows
MAX_GROWTH: Final = Held(
    resident=24 * 1024 * 1024, blocks=20_000
)  # of one target; caches with a bound fill up within it
SLICE_S: Final = 1.0  # of one target's turn, at most

Refused = tuple[type[BaseException], ...]


class Target(NamedTuple):
    """Who reads: run takes an input, and the dice for what is not in it; refuses are the exceptions it may raise.

    full_s is the processor time that an input of MAX_BYTES may take.
    """

    name: str
    run: Callable[[bytes, Random], None]
    seeds: list[bytes]
    mutation: Mutation
    refuses: Refused = ()
    full_s: float = 1.0


class Violation(NamedTuple):
    """What was found, and the input that shows it (the last one before it was noticed, for growth)."""

    target: str
    kind: Literal["crash", "hang", "growth"]
    what: str
    data: bytes


class Tally:
    """What one target was fed so far."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.accepted = 0
        self.refused = 0
        self.slowest_s = 0.0
        self.grown = Held(0, 0)
        self.violations: list[Violation] = []
        self.warm = False

    @property
    def inputs(self) -> int:
        """All of them."""
        return self.accepted + self.refused + sum(one.kind != "growth" for one in self.violations)


class _Hang(BaseException):
    """Raised inside of what takes too long. No Exception: nobody but the engine may catch it."""


def allowed_s(target: Target, data: bytes) -> float:
    """The processor time that an input may take."""
    return GRACE_S + target.full_s * len(data) / MAX_BYTES


def fuzz(
    targets: list[Target],
    *,
    seconds: float,
    seed: int,
    inputs: int = 0,
    watch: Callable[[str, bytes], None] | None = None,
) -> list[Tally]:
    """Feed the targets in turn until the time is over, or each has had so many inputs. A target that failed gets no more.

    watch is told of each input before it is read, so that one that ends the process can be found.
    """
    tallies = [Tally(target) for target in targets]
    dice = {target.name: Random(f"{seed} {target.name}") for target in targets}
    until = time.monotonic() + seconds
    with _interrupts():
        while True:
            open_ = [one for one in tallies if not one.violations and not (inputs and one.inputs >= inputs)]
            left = until - time.monotonic()
            if not open_ or left <= 0:
                return tallies
            for tally in open_:
                turn = min(SLICE_S, max(left / len(open_), 0.05))
                _turn(tally, dice[tally.target.name], turn, inputs, watch)


def _turn(tally: Tally, rng: Random, seconds: float, inputs: int, watch: Callable[[str, bytes], None] | None) -> None:
    target = tally.target
    tree.cache_clear()  # what our own mutations remember is no target's growth
    before = held()
    end = time.monotonic() + seconds
    most = inputs if tally.warm else inputs // 4  # the first turn's memory is not judged, so it may not be all there is
    data = b""
    while time.monotonic() < end and not tally.violations and not (inputs and tally.inputs >= most):
        data = mutated(rng, target.mutation, rng.choice(target.seeds), rng.choice(target.seeds))
        if watch is not None:
            watch(target.name, data)
        one(tally, data, rng)
    tree.cache_clear()
    since = held().since(before)
    if not tally.warm:
        tally.warm = True  # imports, tables, and caches of the first turn are no growth
        return
    tally.grown = Held(tally.grown.resident + since.resident, tally.grown.blocks + since.blocks)
    if tally.grown.resident > MAX_GROWTH.resident or tally.grown.blocks > MAX_GROWTH.blocks:
        what = f"{tally.grown.resident >> 20} MiB and {tally.grown.blocks} blocks more after {tally.inputs} inputs"
        tally.violations.append(Violation(target.name, "growth", what, data))


def one(tally: Tally, data: bytes, rng: Random) -> None:
    """Feed one input."""
    target = tally.target
    allowed = allowed_s(target, data)
    ending = _Ending(target.refuses)
    started = time.process_time()
    signal.setitimer(
        signal.ITIMER_VIRTUAL, allowed * 2
    )  # the verdict is on what was measured; this ends what never would
    with ending:
        target.run(data, rng)
    took = time.process_time() - started
    tally.slowest_s = max(tally.slowest_s, took)
    if ending.wrong:
        tally.violations.append(Violation(target.name, "crash", ending.wrong, data))
    elif took > allowed:
        what = f"{took:.2f} s of processor time for {len(data)} bytes, {allowed:.2f} s allowed"
        tally.violations.append(Violation(target.name, "hang", what, data))
    elif ending.refused:
        tally.refused += 1
    else:
        tally.accepted += 1


class _Ending:
    """How the reading of one input ended: refused as declared, wrong in any other way, or well."""

    def __init__(self, refuses: Refused) -> None:
        self._refuses = refuses
        self.refused = False
        self.wrong = ""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        self.refused = isinstance(error, self._refuses)
        if isinstance(error, Exception) and not self.refused:
            self.wrong = _where(error)
        return isinstance(error, Exception | _Hang)


@contextmanager
def _interrupts() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise _Hang

    before = signal.signal(signal.SIGVTALRM, ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


def _where(error: BaseException) -> str:
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = "" if last is None else f" at {last.tb_frame.f_code.co_filename}:{last.tb_lineno}"
    return f"{type(error).__name__}: {str(error)[:200]}{place}"


def table(tallies: list[Tally]) -> str:
    """One line for each target."""
    head = f"{'target':28} {'inputs':>8} {'accepted':>8} {'refused':>8} {'slowest ms':>10} {'MiB':>6} {'blocks':>7}"
    lines = [
        f"{one.target.name:28} {one.inputs:8} {one.accepted:8} {one.refused:8} {one.slowest_s * 1e3:10.1f}"
        f" {one.grown.resident / (1 << 20):6.1f} {one.grown.blocks:7}"
        for one in tallies
    ]
    return "\n".join((head, *lines))


def save(violation: Violation, folder: Path) -> Path:
    """The input as a file that ``--replay`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{violation.target.replace(' ', '-')}.{violation.kind}"
    path.write_bytes(violation.data)
    return path
