"""``/api/v1/status`` as tables for a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from poise.edge.admin.text import duration, safe

Json = dict[str, Any]


def show(told: Json, *, clear: bool = False) -> None:
    """Print the state; clear first where it replaces what was printed before."""
    console = Console(highlight=False)  # width, colour and NO_COLOR are the terminal's to say
    if clear:
        console.clear()
    store = told["store"]
    console.print(f"Poise: {told['status']}" + (f" ({safe(told['because'])})" if told["because"] else ""), markup=False)
    how = "up" if store["up"] else f"DOWN: {safe(store['because'])}"
    console.print(
        f"up {told['up_s']:.0f} s, epoch {told['epoch']}, {len(told['workers'])} workers; store {how}, "
        f"journals {store['journal_fill_ratio']:.0%} full",
        markup=False,
    )
    lost = {name: store[name] for name in ("crashed", "detail", "records", "cut") if store[name]}
    if lost:
        console.print("not as it should be: " + ", ".join(f"{name} {n}" for name, n in lost.items()), markup=False)
    for row in told["credentials"]:
        if row["failures"] or not row["there"]:
            console.print(_credentials(row), markup=False)
    console.print(_workflows(told))
    console.print(_targets(told))


def _credentials(row: Json) -> str:
    """A cloud's credentials that are missing, or cannot be renewed."""
    if not row["there"]:
        how = "there are none"
    elif row["holds_for_us"] is None:
        how = "no new ones, the last do not expire"
    else:
        how = f"no new ones, the last hold for {duration(row['holds_for_us'])}"
    because = f" ({row['failures']} tries failed: {safe(row['because'])})" if row["failures"] else ""
    return f"credentials of {safe(row['provider'])} from {safe(row['source'])}: {how}{because}"


def _workflows(told: Json) -> Table:
    table = Table("workflow", title=f"Workflows, last {told['window_s']} s", title_justify="left", expand=False)
    for name in ("first token", "success", "req/s", "mean", "USD"):
        table.add_column(name, justify="right")
    for row in told["workflows"]:
        if row.get("implicit") and not row["requests"]:
            continue  # every model and model@provider is one: they would hide what people wrote down
        objective, attained = row["objective"], row["attained"]
        table.add_row(
            safe(row["workflow"]),
            _against(attained["first_token_share"], duration(objective["first_token_us"] or None), "within"),
            _against(attained["success_share"], f"{objective['success_e6'] / 1e4:g} %", "of", objective["success_e6"]),
            _rate(row["requests_per_s"]),
            duration(row["took_us_mean"]),
            f"{row['cost_usd']:.4f}",
        )
    return table


def _rate(per_s: float) -> str:
    """Of a slow workflow one decimal would show 0.0."""
    return f"{per_s:.2f}" if per_s < 10 else f"{per_s:.1f}"


def _against(share: float | None, promised: str, word: str, there: int | None = None) -> str:
    """What was attained beside what is promised."""
    attained = "-" if share is None else f"{share:.1%}"
    return attained if promised == "-" or there == 0 else f"{attained} {word} {promised}"


def _targets(told: Json) -> Table:
    table = Table("target", "state", title="Targets", title_justify="left", expand=False)
    for name in ("first token", "total", "in flight", "req", "USD"):
        table.add_column(name, justify="right")
    for row in told["targets"]:
        state = f"out for {duration(row['ejected_for_us'])}" if row["state"] == "ejected" else "in"
        if row["evidence_e6"] and row["state"] == "in":
            state = f"in, {row['evidence_e6'] / 1e4:.0f} % bad"
        table.add_row(
            safe(row["target"]),
            state,
            _measure(row["first_token"]),
            _measure(row["total"]),
            str(row["in_flight"]),
            str(row["requests"]),
            f"{row['cost_usd']:.4f}",
        )
    return table


def _measure(measure: Json | None) -> str:
    if measure is None:
        return "-"
    old = f" ({duration(measure['age_us'])} old)" if measure["age_us"] > 60_000_000 else ""
    return duration(measure["value_us"]) + old
