"""What was measured: a round, the rules that throw one away, and the file that keeps them all."""

from __future__ import annotations

from pathlib import Path

import msgspec

from poise.sim.bench.figures import Spread, spread


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When a round says more about the load than about the peer.

    load_core_share    the load core may be busy this much, else the load was the limit; 0..1
    generator_lag_ms   the latest that a timer on the load core may fire
    foreign_share      of the peer's core, what others may use while it is measured; 0..1
    """

    load_core_share: float = 0.90
    generator_lag_ms: float = 20.0
    foreign_share: float = 0.10


class Round(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One peer measured once. values' names end in their unit; NaN is never among them.

    number      1 is the first that counts, 0 a warm-up
    discarded   why the round does not count, '' if it does
    full_load   True where the load core had to be full (client and upstream take turns), so its share says nothing
    """

    part: str
    peer: str
    number: int
    values: dict[str, float]
    load_core_share: float = 0.0
    generator_lag_ms: float = 0.0
    foreign_share: float = 0.0
    full_load: bool = False
    discarded: str = ""


class Results(msgspec.Struct, kw_only=True):
    """Everything one or several runs gave: rounds are kept raw, figures are computed when they are shown."""

    machine: dict[str, str]
    measured: dict[str, str] = msgspec.field(default_factory=dict)  # part -> when
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    missing: dict[str, str] = msgspec.field(default_factory=dict)  # peer -> why it could not run
    limits: Limits = Limits()
    rounds: list[Round] = msgspec.field(default_factory=list)


def why_discard(found: Round, limits: Limits) -> str:
    """Why a round does not count, '' if it does. Errors do not discard: they are a result and are shown as one."""
    if found.number == 0:
        return "warm-up"
    if not found.full_load and found.load_core_share > limits.load_core_share:
        return f"load core {found.load_core_share:.0%} busy, limit {limits.load_core_share:.0%}"
    if found.generator_lag_ms > limits.generator_lag_ms:
        return f"generator {found.generator_lag_ms:.1f} ms late, limit {limits.generator_lag_ms:.0f} ms"
    if found.foreign_share > limits.foreign_share:
        return f"others used {found.foreign_share:.0%} of the measured core, limit {limits.foreign_share:.0%}"
    return ""


def judged(found: Round, limits: Limits) -> Round:
    """The round with its verdict written on it."""
    return msgspec.structs.replace(found, discarded=why_discard(found, limits))


def figure(results: Results, part: str, peer: str, name: str, *, also_discarded: bool = False) -> Spread | None:
    """Median and extremes of one value over the rounds that count, None where none does."""
    return spread(
        [
            found.values[name]
            for found in results.rounds
            if found.part == part
            and found.peer == peer
            and name in found.values
            and (also_discarded or not found.discarded)
        ]
    )


def discards(results: Results, part: str = "") -> list[Round]:
    """The rounds that do not count, of one part or of all."""
    return [found for found in results.rounds if found.discarded and part in ("", found.part)]


def merged(old: Results | None, new: Results) -> Results:
    """The new results, with the parts of the old ones that were not measured again on the same machine."""
    if old is None or old.machine != new.machine:
        return new
    kept = [found for found in old.rounds if found.part not in new.measured]
    return Results(
        machine=new.machine,
        measured={**old.measured, **new.measured},
        versions={**old.versions, **new.versions},
        missing=new.missing,
        limits=new.limits,
        rounds=kept + new.rounds,
    )


def load(path: Path) -> Results | None:
    """The results in a file, None if there is no file. Raises msgspec.DecodeError for another content."""
    if not path.exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=Results)


def save(results: Results, path: Path) -> None:
    """Write the results, readable and with a stable order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
