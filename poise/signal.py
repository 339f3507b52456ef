"""Signals: measured facts with an age, and the Board that holds the newest of them."""

from __future__ import annotations

import msgspec


class Measure(msgspec.Struct, frozen=True, array_like=True):
    """A smoothed duration: value and spread in microseconds, sample count, wall time of the newest sample.

    No samples means the signal is missing; its value is then not to be read.
    """

    value_us: int = 0
    spread_us: int = 0
    samples: int = 0
    at_us: int = 0


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """What one candidate's signals said when a decision was made.

    in_flight counts this worker's own calls and the other workers' last known ones; evidence_e6 is the health
    rule's evidence of failure in millionths of its ejection threshold; ejected_until_us is a wall time, 0 if not ejected.
    """

    in_flight: int = 0
    evidence_e6: int = 0
    ejected_until_us: int = 0
    first_token: Measure = Measure()
    total: Measure = Measure()


class TargetSignals(msgspec.Struct, frozen=True, array_like=True):
    """One worker's newest view of one target, as it is sent to control and as control sends the merged view back."""

    target: str
    reading: Reading


class Board(msgspec.Struct, frozen=True, array_like=True):
    """The newest signals of every target, merged over the workers by control. made_us is wall time; 0: no board yet.

    others maps a worker's index to the calls the *other* workers have in flight, by target, in ``signals`` order.
    """

    made_us: int = 0
    signals: tuple[TargetSignals, ...] = ()
    others: dict[int, tuple[int, ...]] = {}


class CredentialSignals(msgspec.Struct, frozen=True, array_like=True):
    """Where a worker stands with one provider's cloud credentials; no secrets.

    source is google, aws or azure; expires_us is a wall time, 0: never, -1: there are none; trouble says why the last
    fetch failed, '' where it did not, failures how many have in a row.
    """

    provider: str
    source: str
    expires_us: int = -1
    trouble: str = ""
    failures: int = 0


class WorkerSignals(msgspec.Struct, frozen=True, array_like=True):
    """What a worker tells control every tick: its view of each target and its own condition.

    lag_us is the event loop's lateness at the last tick; counts are cumulative since the worker started;
    stages_us holds the newest sampled time of each request stage, by name.
    """

    worker: int
    pid: int
    at_us: int
    lag_us: int
    signals: tuple[TargetSignals, ...]
    counts: dict[str, int]
    stages_us: dict[str, int]
    credentials: tuple[CredentialSignals, ...] = ()
