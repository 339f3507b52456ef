"""The real path on virtual time keeps its laws under random faults, and the laws notice when one is broken."""

from __future__ import annotations

from collections import Counter
from functools import cache

import msgspec
import pytest

from poise.decision import OutcomeKind, Verdict, decode_decision, decode_outcome, encode_decision, encode_outcome
from poise.sim.__main__ import main
from poise.sim.laws import violations
from poise.sim.rehearsal import GUESTS, Rehearsed, rehearse

SEEDS = range(1, 41)


@cache
def rehearsed(seed: int) -> Rehearsed:
    """A run; taken from here it must not be changed."""
    return rehearse(seed)


def altered(seed: int) -> Rehearsed:
    """A run of its own, to be changed."""
    return rehearse(seed)


def laws_broken(run: Rehearsed) -> set[str]:
    return {broken.law for broken in violations(run)}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_law_holds(seed: int) -> None:
    """Whatever the upstreams, the network and the guests do."""
    assert [] == violations(rehearsed(seed))


def test_the_seeds_see_every_way_it_can_end() -> None:
    """A rehearsal in which nothing went wrong would prove nothing."""
    told = Counter(one.ended for seed in SEEDS for one in rehearsed(seed).told)
    kinds = Counter(
        decode_outcome(blob).kind for seed in SEEDS for kept in rehearsed(seed).kept.values() for blob in kept.outcomes
    )
    attempts = [
        attempt
        for seed in SEEDS
        for kept in rehearsed(seed).kept.values()
        for blob in kept.outcomes
        for attempt in decode_outcome(blob).attempts
    ]

    assert len(SEEDS) * GUESTS == sum(told.values())
    assert {"complete", "refused", "told", "left", "unreachable"} <= set(told)
    assert set(OutcomeKind) - {OutcomeKind.GATEWAY_CRASH} == set(kinds)
    assert {"rate", "overload", "timeout", "connect", "malformed", "cut", "stalled", "server"} <= {
        attempt.failure for attempt in attempts
    }


def test_the_same_seed_is_the_same_run() -> None:
    """Every record, byte for byte and to the microsecond; another seed is another run."""
    assert rehearsed(3).trace == rehearse(3).trace
    assert rehearsed(3).trace != rehearsed(4).trace


# -- each law can be broken --------------------------------------------------------------------------------------------


def test_an_outcome_too_many_or_too_few_is_noticed() -> None:
    """Two outcomes, none, or a decision that nobody recorded."""
    twice, never, unknown = altered(1), altered(1), altered(1)
    next(kept for kept in twice.kept.values() if kept.outcomes).outcomes *= 2
    next(kept for kept in never.kept.values() if kept.outcomes).outcomes.clear()
    del unknown.kept[next(id for id, kept in unknown.kept.items() if kept.outcomes)]

    for run in (twice, never, unknown):
        assert "exactly one outcome per accepted request" in laws_broken(run)


def test_an_attempt_that_nobody_saw_or_recorded_is_noticed() -> None:
    """The upstream's log and the record must name the same attempts."""
    unseen, unrecorded = altered(1), altered(1)
    unseen.logs["us"].clear()
    unseen.logs["eu"].clear()
    unseen.logs["ap"].clear()
    kept = next(
        kept for kept in unrecorded.kept.values() if kept.outcomes and decode_outcome(kept.outcomes[0]).attempts
    )
    outcome = decode_outcome(kept.outcomes[0])
    kept.outcomes[0] = encode_outcome(msgspec.structs.replace(outcome, attempts=()))

    for run in (unseen, unrecorded):
        assert "attempts are what the upstreams saw" in laws_broken(run)


def test_a_slot_in_use_is_noticed() -> None:
    """One connection that never came back."""
    run = altered(1)
    run.busy["connections to us"] = 1

    assert {"every slot is free when all is quiet"} == laws_broken(run)


def test_a_bug_inside_is_noticed() -> None:
    """An exception in a callback, or one that the server had to catch."""
    raised, caught = altered(1), altered(1)
    raised.surprises.append("in a callback: ValueError()")
    caught.told[0].code = "internal"

    for run in (raised, caught):
        assert {"nothing unforeseen is raised"} == laws_broken(run)


def test_a_missing_word_is_noticed() -> None:
    """A complete answer is word for word what the upstream said."""
    run = altered(1)
    told = next(told for told in run.told if told.ended == "complete" and " " in told.text)
    told.text = told.text.rsplit(" ", 1)[0]

    assert {"a truncated answer never looks complete"} == laws_broken(run)


def test_a_record_that_says_something_else_is_noticed() -> None:
    """A guest who was refused, recorded as served."""
    run = altered(2)
    told = next(told for told in run.told if told.ended == "refused" and "x-poise-decision" in told.headers)
    told.ended = "complete"

    assert "the record says what the guest saw" in laws_broken(run)


def test_a_guest_who_waited_too_long_is_noticed() -> None:
    """The deadline holds for the guest's own clock too."""
    run = altered(1)
    run.told[0].ended_us += 60_000_000

    assert {"a request ends within its deadline"} == laws_broken(run)


def test_a_wrong_count_is_noticed() -> None:
    """One token more than the upstream counted."""
    run = altered(1)
    for kept in run.kept.values():
        for at, blob in enumerate(kept.outcomes):
            outcome = decode_outcome(blob)
            more = tuple(
                msgspec.structs.replace(attempt, output_tokens=attempt.output_tokens + 1)
                for attempt in outcome.attempts
            )
            kept.outcomes[at] = encode_outcome(msgspec.structs.replace(outcome, attempts=more))

    assert {"usage is what the upstream counted"} == laws_broken(run)


def test_a_verdict_that_does_not_replay_is_noticed() -> None:
    """The recorded verdict is what choosing again gives."""
    run = altered(1)
    kept = next(kept for kept in run.kept.values() if kept.decision)
    decision = decode_decision(kept.decision)
    kept.decision = encode_decision(msgspec.structs.replace(decision, verdict=Verdict(-1, (), ())))

    assert {"each decision replays to the same bytes"} == laws_broken(run)


def test_the_command_says_how_many_held(capsys: pytest.CaptureFixture[str]) -> None:
    """One line where all is well."""
    code = main(["--seeds", "2", "--seed", "1"])
    said = capsys.readouterr().out

    assert 0 == code
    assert said.startswith(f"2 seeds, {2 * GUESTS} requests (")
    assert said.endswith("every law held\n")


def test_the_command_names_a_seed_that_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, the seed, the law, and how to run it alone."""
    from poise.sim import __main__ as command

    def with_a_slot_in_use(seed: int) -> Rehearsed:
        run = altered(seed)
        if seed == 2:
            run.busy["connections to us"] = 3
        return run

    monkeypatch.setattr(command, "rehearse", with_a_slot_in_use)
    code = main(["--seeds", "3"])
    said = capsys.readouterr().out

    assert 1 == code
    assert "seed 2: 1 violations\n  every slot is free when all is quiet: connections to us: 3\n" in said
    assert "1 seeds failed: [2]" in said
    assert "python -m poise.sim --seeds 1 --seed 2" in said
