"""Reading the machine: core times, its description, its limits."""

from __future__ import annotations

import pytest

from poise.sim.bench.machine import CoreTimes, busy_share, describe, parse_core_times

STAT = """cpu  30 0 30 300 30 3 3 3 0 0
cpu0 10 1 20 100 5 1 2 3 0 0
cpu1 20 0 10 200 25 2 1 0 0 0
intr 12345
"""


def test_idle_and_waiting_for_disk_are_not_busy_and_stolen_time_is() -> None:
    """Busy: user 10 + nice 1 + system 20 + irq 1 + softirq 2 + steal 3 of core 0."""
    assert CoreTimes(all=142, busy=37) == parse_core_times(STAT, 0)
    assert CoreTimes(all=258, busy=33) == parse_core_times(STAT, 1)


def test_a_core_that_is_not_there_is_an_error() -> None:
    """Core 2 of two is no idle core."""
    with pytest.raises(LookupError, match="cpu2"):
        parse_core_times(STAT, 2)


def test_share_is_of_the_time_that_passed() -> None:
    """30 busy of 100 ticks; no tick at all is 0, not a division by zero."""
    before = CoreTimes(all=1000, busy=500)

    assert 0.3 == busy_share(before, CoreTimes(all=1100, busy=530))
    assert 0.0 == busy_share(before, before)


def test_a_description_says_what_a_reader_needs() -> None:
    """Every field has a value, for results without a machine mean nothing."""
    described = describe()

    assert {"cpu", "cores", "memory", "kernel", "python"} == set(described)
    assert all(described.values())
