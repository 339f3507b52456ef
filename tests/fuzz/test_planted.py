"""A fuzzer that finds nothing is worth as much as what it would have found: each kind of fault is planted here once."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from tests.fuzz.engine import Tally, Target, Violation, fuzz, save, table
from tests.fuzz.mutate_json import json_change

_SEEDS = [b'{"a": [1, "two", {"b": null}]}']


def _found(target: Target) -> list[Violation]:
    (tally,) = fuzz([target], seconds=20, seed=7, inputs=3_000)
    return tally.violations


def test_a_crash_is_found_with_its_input(tmp_path: Path) -> None:
    def run(data: bytes, rng: Random) -> None:
        if json.loads(data.decode()).get("a") is None:
            raise ZeroDivisionError("planted")

    declared = (ValueError, AttributeError, RecursionError)
    (found,) = _found(Target("planted", run, _SEEDS, json_change, declared))

    assert "crash" == found.kind
    assert "ZeroDivisionError: planted" in found.what and "test_planted.py" in found.what
    saved = save(found, tmp_path)
    tally = Tally(Target("planted", run, _SEEDS, json_change, declared))
    assert tmp_path / "planted.crash" == saved
    assert json.loads(saved.read_bytes()).get("a") is None
    assert not tally.violations


def test_a_hang_is_found_and_ended() -> None:
    """A loop that would never end is ended, and one that ends too late is told of too."""

    def never(data: bytes, rng: Random) -> None:
        while len(data) > 10:
            pass

    (found,) = _found(Target("planted", never, _SEEDS, json_change, (), 0.0))

    assert "hang" == found.kind
    assert "0.25 s allowed" in found.what


def test_growth_is_found_in_large_pieces() -> None:
    kept: list[bytes] = []

    def run(data: bytes, rng: Random) -> None:
        kept.append(rng.randbytes(40_000))

    found = [one.kind for one in _found(Target("planted", run, _SEEDS, json_change))]

    assert ["growth"] == found


def test_growth_is_found_in_small_pieces() -> None:
    kept: dict[int, list[str]] = {}

    def run(data: bytes, rng: Random) -> None:
        kept[len(kept)] = [str(rng.random()) for _ in range(20)]

    found = [one.kind for one in _found(Target("planted", run, _SEEDS, json_change))]

    assert ["growth"] == found


def test_a_target_without_fault_is_told_as_such() -> None:
    def run(data: bytes, rng: Random) -> None:
        json.loads(data)

    (tally,) = fuzz(
        [Target("sound", run, _SEEDS, json_change, (ValueError, RecursionError))], seconds=9, seed=1, inputs=500
    )

    assert not tally.violations
    assert 500 == tally.inputs == tally.accepted + tally.refused
    assert tally.accepted and tally.refused
    assert "sound" in table([tally])


def test_the_same_seed_makes_the_same_inputs() -> None:
    def seen(seed: int) -> list[bytes]:
        found: list[bytes] = []

        def run(data: bytes, rng: Random) -> None:
            found.append(data)

        fuzz([Target("t", run, _SEEDS, json_change)], seconds=9, seed=seed, inputs=50)
        return found

    assert seen(1) == seen(1) != seen(2)
