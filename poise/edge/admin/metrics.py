"""Prometheus metrics, made from the Condition when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from poise.clock import Clock
from poise.edge.admin.condition import BITS, Condition

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Collector):
    """What ``/metrics`` shows."""

    def __init__(self, condition: Condition, clock: Clock) -> None:
        self._condition = condition
        self._clock = clock
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Nothing beforehand: names do not clash here."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        yield from self._requests()
        yield from self._durations()
        yield from self._workers()
        yield from self._targets()
        yield from self._store()

    def _requests(self) -> Iterator[Metric]:
        labels = ["workflow", "target", "outcome"]
        requests = CounterMetricFamily("poise_requests", "Requests that ended.", labels=labels)
        attempts = CounterMetricFamily("poise_attempts", "Attempts of those requests, at any target.", labels=labels)
        cost = CounterMetricFamily("poise_cost_usd", "What they cost, USD.", labels=labels)
        tokens = CounterMetricFamily(
            "poise_tokens", "Tokens, by direction.", labels=["workflow", "target", "direction"]
        )
        spoken: dict[tuple[str, str, str], int] = {}
        promise: dict[tuple[str, str], int] = {}
        for key, totals in self._condition.totals.items():
            requests.add_metric(key, totals.requests)
            attempts.add_metric(key, totals.attempts)
            cost.add_metric(key, totals.cost_usd_e6 / 1e6)
            for direction, amount in (("input", totals.input_tokens), ("output", totals.output_tokens)):
                spoken[*key[:2], direction] = spoken.get((*key[:2], direction), 0) + amount
            for kept, amount in (("yes", totals.kept), ("no", totals.missed)):
                promise[key[0], kept] = promise.get((key[0], kept), 0) + amount
        for where, amount in spoken.items():
            tokens.add_metric(where, amount)
        objective = CounterMetricFamily(
            "poise_first_token_objective", "Requests with a first-token objective.", labels=["workflow", "kept"]
        )
        for who, amount in promise.items():
            objective.add_metric(who, amount)
        yield from (requests, attempts, cost, tokens, objective)

    def _durations(self) -> Iterator[Metric]:
        condition = self._condition
        took = HistogramMetricFamily(
            "poise_request_seconds", "From decision to last byte.", labels=["workflow", "outcome"]
        )
        for (workflow, outcome), classes in condition.took.items():
            total = sum(t.took_us for (w, _, o), t in condition.totals.items() if (w, o) == (workflow, outcome))
            took.add_metric([workflow, outcome], _buckets(classes), total / 1e6)
        first = HistogramMetricFamily("poise_first_byte_seconds", "From decision to first byte.", labels=["workflow"])
        for workflow, classes in condition.first.items():
            total = sum(t.first_byte_us for (w, _, _), t in condition.totals.items() if w == workflow)
            first.add_metric([workflow], _buckets(classes), total / 1e6)
        yield from (took, first)

    def _workers(self) -> Iterator[Metric]:
        lag = GaugeMetricFamily("poise_loop_lag_seconds", "Lateness of a worker's event loop.", labels=["worker"])
        stage = GaugeMetricFamily(
            "poise_stage_seconds", "Newest sampled time of a stage of the request path.", labels=["worker", "stage"]
        )
        counts = GaugeMetricFamily(
            "poise_worker_count",
            "A worker's own counts since it started, and what it holds now.",
            labels=["worker", "what"],
        )
        for view in self._condition.views:
            worker = str(view.worker)
            lag.add_metric([worker], view.lag_us / 1e6)
            for name, spent_us in list(view.stages_us.items())[:50]:
                stage.add_metric([worker, name], spent_us / 1e6)
            for name, amount in list(view.counts.items())[:200]:
                counts.add_metric([worker, name], amount)
        yield GaugeMetricFamily("poise_workers", "Workers heard of.", value=len(self._condition.views))
        yield from (lag, stage, counts)

    def _targets(self) -> Iterator[Metric]:
        now_us = self._clock.now_us()
        flight = GaugeMetricFamily("poise_target_in_flight", "Calls under way.", labels=["target"])
        evidence = GaugeMetricFamily(
            "poise_target_failure_evidence", "Evidence of failure; 1 ejects.", labels=["target"]
        )
        out = GaugeMetricFamily("poise_target_ejected", "1 while a target is ejected.", labels=["target"])
        for signals in self._condition.board.signals:
            flight.add_metric([signals.target], signals.reading.in_flight)
            evidence.add_metric([signals.target], signals.reading.evidence_e6 / 1e6)
            out.add_metric([signals.target], signals.reading.ejected_until_us > now_us)
        actions = CounterMetricFamily("poise_actions", "What loops did by themselves.", labels=["subject", "action"])
        for key, amount in self._condition.actions.items():
            actions.add_metric(key, amount)
        yield from (flight, evidence, out, actions)

    def _store(self) -> Iterator[Metric]:
        sums, report = self._condition.sums, self._condition.report
        up = report is not None and report.up
        yield GaugeMetricFamily("poise_store_up", "1 while the store takes what happens.", value=up)
        yield GaugeMetricFamily(
            "poise_journal_fill_ratio", "How full the fullest journal is.", value=report.fill_0_1 if report else 0
        )
        yield GaugeMetricFamily(
            "poise_journal_behind_bytes", "Recorded, not stored yet.", value=report.behind_bytes if report else 0
        )
        for name, text in (
            ("stored", "Journal records stored."),
            ("trimmed", "Decisions deleted by retention."),
            ("crashed", "Requests settled as gateway_crash."),
            ("detail", "Records kept without their detail because a journal was full."),
            ("records", "Records not kept because a journal was full."),
        ):
            family = {"detail": "poise_detail_dropped", "records": "poise_records_dropped"}.get(name, f"poise_{name}")
            yield CounterMetricFamily(family, text, value=sums[name])
        yield CounterMetricFamily("poise_journal_cut_bytes", "Recorded and not readable.", value=sums["cut"])


def _buckets(classes: list[int]) -> list[tuple[str, float]]:
    """Cumulative buckets: a class of n bits holds what is below 2**n microseconds; the last holds the rest too."""
    found: list[tuple[str, float]] = []
    total = 0
    for bits, amount in zip(BITS, classes, strict=True):
        total += amount
        found.append((str(2**bits / 1e6), total))
    found[-1] = ("+Inf", total)
    return found
