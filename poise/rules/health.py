"""Hard-failure ejection by a sequential probability ratio test (Wald's SPRT), one pure step per finished attempt.

H0: the target fails 2 % of attempts; H1: it fails 50 %. With false alarms at 1e-4 and misses at 1e-2 the threshold is
ln((1 - 0.01) / 1e-4) = 9.20; a failure adds ln(0.5 / 0.02) = 3.22, a success adds ln(0.5 / 0.98) = -0.67. So three
failures in a row eject, and scattered ones do not.
"""

from __future__ import annotations

from typing import Final, NamedTuple

THRESHOLD: Final = 9.20
FAILURE: Final = 3.22
SUCCESS: Final = -0.67

# What an ejected target comes back with. At the default spread about one request in ten tries it then; four that succeed
# bring it back whole, and one that fails ends the return at once.
ON_RETURN: Final = 2.3

FIRST_EJECTION_US: Final = 1_000_000
LONGEST_EJECTION_US: Final = 60_000_000
JITTER: Final = 0.5  # share of the wait that is left to chance, so that gateways do not come back in step


# Evidence is of the recent past: half of it is gone after this long, so that three failures in a week are not a row.
HALF_LIFE_US: Final = 30_000_000
FORGOTTEN: Final = 0.1


class Health(NamedTuple):
    """What one worker holds of one target: evidence in [0, THRESHOLD] as it stood at at_us, ejections in a row, and until
    when it is out. Times are wall time, microseconds.
    """

    evidence: float = 0.0
    ejections: int = 0
    ejected_until_us: int = 0
    at_us: int = 0

    def evidence_at(self, now_us: int) -> float:
        """The evidence that is left by now."""
        if not self.evidence:
            return 0.0
        left = self.evidence * 0.5 ** (max(0, now_us - self.at_us) / HALF_LIFE_US)
        return left if left >= FORGOTTEN else 0.0

    def evidence_e6(self, now_us: int) -> int:
        """The evidence left by now, as millionths of the threshold."""
        return int(self.evidence_at(now_us) * 1_000_000 / THRESHOLD) if self.evidence else 0


def after_success(health: Health, now_us: int) -> Health:
    """Health after an attempt that the target served. An ejection that has run out is forgiven with the evidence."""
    if not health.evidence:
        return health
    left = max(0.0, health.evidence_at(now_us) + SUCCESS)
    return Health(left, health.ejections, health.ejected_until_us, now_us) if left else Health()


def after_failure(health: Health, now_us: int, chance_0_1: float) -> Health:
    """Health after a failure that is the target's fault.

    Ejects for 1 s, doubling up to 60 s while returns keep failing; chance_0_1 in [0, 1) shortens the wait by up to JITTER.
    While a target is on its way back - ejected before, evidence not worn off - one failure ejects it again.
    """
    if health.ejected_until_us > now_us:
        return health  # late news of attempts that were under way when it was ejected
    left = health.evidence_at(now_us)
    returning = health.ejections > 0 and left > 0
    if left + FAILURE < THRESHOLD and not returning:
        return Health(left + FAILURE, 0, 0, now_us)
    tries = health.ejections if left else 0
    wait_us = min(LONGEST_EJECTION_US, FIRST_EJECTION_US << min(tries, 6))
    wait_us -= int(wait_us * JITTER * chance_0_1)
    return Health(ON_RETURN, tries + 1, now_us + wait_us, now_us + wait_us)
