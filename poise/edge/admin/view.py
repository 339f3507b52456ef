"""The Condition as plain data, for the admin API and the command line."""

from __future__ import annotations

from typing import Any

from poise.edge.admin.condition import WINDOW_S, Condition, Totals, success
from poise.signal import CredentialSignals, Measure, Reading

Json = dict[str, Any]


def health(condition: Condition) -> str:
    """One word for a stranger: ``ok``, ``starting``, or that the store is down."""
    if condition.report is None:
        return "starting"
    return "ok" if condition.report.up else "store down"


def workflows(condition: Condition, now_us: int) -> list[Json]:
    """Each workflow: objective, and what was attained by requests of the last minute that have ended.

    implicit: nobody wrote it down; a model, or a model at a provider, that is asked for by its own name.
    """
    minute = condition.last_minute(now_us)
    told = []
    for name, policy in sorted(condition.policies.items()):
        mine = {(target, outcome): totals for (who, target, outcome), totals in minute.items() if who == name}
        total = _sum(list(mine.values()))
        by_outcome: dict[str, Totals] = {}
        for (_, outcome), totals in mine.items():
            by_outcome[outcome] = _sum([by_outcome[outcome], totals]) if outcome in by_outcome else totals
        good, counted = success(by_outcome)
        promised = total.kept + total.missed
        told.append(
            {
                "workflow": name,
                "owner": policy.owner,
                "implicit": all(name in {c.target.model, c.target.id} for c in policy.candidates),
                "policy": policy.digest.hex(),
                "objective": {
                    "first_token_us": policy.objective.first_token_us,
                    "success_e6": policy.objective.success_e6,
                    "deadline_us": policy.objective.deadline_us,
                },
                "attained": {
                    "first_token_share": total.kept / promised if promised else None,
                    "success_share": good / counted if counted else None,
                },
                "requests": total.requests,
                "requests_per_s": total.requests / WINDOW_S,
                "outcomes": {outcome: totals.requests for outcome, totals in sorted(by_outcome.items())},
                "took_us_mean": total.took_us // total.requests if total.requests else None,
                "cost_usd": total.cost_usd_e6 / 1e6,
                "input_tokens": total.input_tokens,
                "output_tokens": total.output_tokens,
            }
        )
    return told


def targets(condition: Condition, now_us: int) -> list[Json]:
    """Each target: place, health, latency and calls in flight as the board has them; requests and cost of a minute."""
    readings = {signals.target: signals.reading for signals in condition.board.signals}
    minute: dict[str, list[Totals]] = {}
    for (_, target, _), totals in condition.last_minute(now_us).items():
        minute.setdefault(target, []).append(totals)
    return [
        {
            "target": name,
            "provider": target.provider,
            "vendor": target.vendor,
            "region": target.region,
            "model": target.model,
            **_reading(readings.get(name, Reading()), now_us),
            "requests": (total := _sum(minute.get(name, []))).requests,
            "cost_usd": total.cost_usd_e6 / 1e6,
        }
        for name, target in sorted(condition.targets.items())
    ]


def status(condition: Condition, now_us: int) -> Json:
    """Everything but what is in the store."""
    report = condition.report
    return {
        "status": health(condition),
        "ready": not condition.ready(),
        "because": condition.ready(),
        "up_s": (now_us - condition.started_us) / 1e6,
        "epoch": condition.snapshot.epoch,
        "config": condition.snapshot.digest,
        "window_s": WINDOW_S,
        "workers": [
            {"worker": view.worker, "pid": view.pid, "lag_us": view.lag_us, "counts": view.counts}
            for view in sorted(condition.views, key=lambda view: view.worker)
        ],
        "credentials": credentials(condition, now_us),
        "store": {
            "up": report is not None and report.up,
            "because": report.because if report else "starting",
            "journal_fill_ratio": report.fill_0_1 if report else 0.0,
            "behind_bytes": report.behind_bytes if report else 0,
            **condition.sums,
        },
        "workflows": workflows(condition, now_us),
        "targets": targets(condition, now_us),
    }


def credentials(condition: Condition, now_us: int) -> list[Json]:
    """Cloud credentials by provider: those of the worker that stands worst. holds_for_us is None where they never end."""
    worst: dict[str, CredentialSignals] = {}
    for view in condition.views:
        for one in view.credentials:
            other = worst.get(one.provider)
            if other is None or _ends_us(one) < _ends_us(other):
                worst[one.provider] = one
    return [
        {
            "provider": name,
            "source": one.source,
            "there": _ends_us(one) > now_us,
            "holds_for_us": max(0, one.expires_us - now_us) if one.expires_us else None,
            "failures": one.failures,
            "because": one.trouble,
        }
        for name, one in sorted(worst.items())
    ]


def _ends_us(one: CredentialSignals) -> int:
    return one.expires_us or 1 << 62


def _reading(reading: Reading, now_us: int) -> Json:
    left_us = reading.ejected_until_us - now_us
    return {
        "state": "ejected" if left_us > 0 else "in",
        "ejected_for_us": max(0, left_us),
        "evidence_e6": reading.evidence_e6,
        "in_flight": reading.in_flight,
        "first_token": _measure(reading.first_token, now_us),
        "total": _measure(reading.total, now_us),
    }


def _measure(measure: Measure, now_us: int) -> Json | None:
    if not measure.samples:
        return None
    return {
        "value_us": measure.value_us,
        "spread_us": measure.spread_us,
        "samples": measure.samples,
        "age_us": max(0, now_us - measure.at_us),
    }


def _sum(parts: list[Totals]) -> Totals:
    total = Totals()
    for part in parts:
        for field in Totals.__struct_fields__:
            setattr(total, field, getattr(total, field) + getattr(part, field))
    return total
