"""The table of the README, made from the results and from nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from poise.sim.bench import rounds
from poise.sim.bench.rounds import Results, discards, figure

BEGIN = "<!-- bench:start -->"
END = "<!-- bench:end -->"
_ORDER = ("poise", "nginx", "haproxy", "sglang-router", "direct")
_REFERENCE = "nginx"


class Line(NamedTuple):
    """One line of the table: a value of a part, shown with so many digits after the point.

    ratio   also show how many times the reference's median it is
    """

    title: str
    part: str
    value: str
    digits: int = 1
    ratio: bool = False


LINES = (
    Line("CPU per request, same offered rate, us", "chat-even", "cpu_us_per_request", ratio=True),
    Line("- requests/s then", "chat-even", "requests_per_s", 0),
    Line("CPU per request, as fast as it goes, us", "chat-full", "cpu_us_per_request", ratio=True),
    Line("- requests/s then", "chat-full", "requests_per_s", 0),
    Line("added latency p50, 1 connection, us", "chat-latency", "added_p50_us", 0, ratio=True),
    Line("added latency p99, 1 connection, us", "chat-latency", "added_p99_us", 0, ratio=True),
    Line("start until the first answer, ms", "chat-start", "start_ms", 0),
    Line("memory at rest, all processes, MiB", "chat-start", "rss_mib"),
    Line("memory of a worker after 100k requests, MiB", "memory", "worker_rss_mib"),
    Line("memory under lasting load, KiB/min", "memory-flat", "slope_kib_per_min"),
    Line("CPU per event, 800 streams x 50/s, us", "streams", "cpu_us_per_event", ratio=True),
    Line("- gap between events p99, ms", "streams", "gap_ms_p99"),
    Line("- lag behind the upstream p99, ms", "streams", "lag_ms_p99"),
    Line("CPU per event, 800 streams x 10/s, upstream TLS, us", "streams-tls", "cpu_us_per_event", ratio=True),
    Line("- gap between events p99, ms", "streams-tls", "gap_ms_p99"),
    Line("memory per stream, 2,000 held, KiB", "hold", "rss_kib_per_stream", ratio=True),
    Line("- events lost", "hold", "lost", 0),
    Line("memory per stream, 2,000 held, upstream TLS, KiB", "hold-tls", "rss_kib_per_stream", ratio=True),
    Line("- events lost", "hold-tls", "lost", 0),
)


def markdown(results: Results) -> str:
    """The table, what it was measured on, and what is missing from it."""
    peers = [peer for peer in _ORDER if any(found.peer == peer for found in results.rounds)]
    head = ["", *(f"{peer} {results.versions[peer]}" if peer in results.versions else peer for peer in peers)]
    rows = [head, ["---", *("--:" for _ in peers)]]
    for line in LINES:
        cells = [_cell(results, line, peer) for peer in peers]
        if any(cells):
            rows.append([line.title, *cells])
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{text}\n\n{_notes(results)}\n"


def _cell(results: Results, line: Line, peer: str) -> str:
    """Median (lowest to highest) and the ratio; in square brackets where every round was discarded."""
    shown = figure(results, line.part, peer, line.value)
    counted = shown is not None
    if shown is None:
        shown = figure(results, line.part, peer, line.value, also_discarded=True)
    if shown is None:
        return ""
    text = f"{shown.median:,.{line.digits}f}"
    if shown.rounds > 1 and shown.low != shown.high:
        text += f" ({shown.low:,.{line.digits}f} to {shown.high:,.{line.digits}f})"
    if not counted:
        return f"[{text}]"
    reference = figure(results, line.part, _REFERENCE, line.value)
    if line.ratio and reference and peer not in (_REFERENCE, "direct") and reference.median > 0:
        text += f", **{shown.median / reference.median:.2f}x**"
    return text


def _notes(results: Results) -> str:
    machine = results.machine
    thrown = discards(results)
    days = sorted({when[:10] for when in results.measured.values()})
    notes = [
        f"Measured {' and '.join(days) or 'never'} with `make bench` on {machine.get('cores', '?')} cores of "
        f"{machine.get('cpu', '?')}, Linux {machine.get('kernel', '?')}, Python {machine.get('python', '?')}: "
        "median (lowest to highest) of the rounds; **ratio to nginx**. "
        f"{len(results.rounds) - len(thrown)} rounds count, {len(thrown)} were discarded"
        + (f" ({_reasons(thrown)})" if thrown else "")
        + "; a figure in [brackets] has only discarded rounds."
    ]
    notes += [f"Missing: {peer}, {why}." for peer, why in sorted(results.missing.items())]
    notes += failures(results)
    return "\n\n".join(notes)


def _reasons(thrown: list[rounds.Round]) -> str:
    kinds: dict[str, int] = {}
    for found in thrown:
        kind = found.discarded.split(" ", 1)[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    named = {
        "warm-up": "warm-up",
        "load": "load core too busy",
        "generator": "generator late",
        "others": "others on the measured core",
    }
    return ", ".join(f"{named.get(kind, kind)}: {count}" for kind, count in sorted(kinds.items()))


def failures(results: Results) -> list[str]:
    """What went wrong in rounds that were measured: errors, lost events, decisions that are not in the store."""
    wrong = {
        "errors": "errors",
        "decisions_missing": "decisions missing",
        "decisions_open": "decisions without an outcome",
        "lost": "events lost",
        "broken": "streams broken",
    }
    totals: dict[tuple[str, str, str], float] = {}
    for found in results.rounds:
        for name, words in wrong.items():
            if found.values.get(name):
                at = (found.peer, found.part, words)
                totals[at] = totals.get(at, 0.0) + found.values[name]
    return [f"{peer}, {part}: {total:,.0f} {words}." for (peer, part, words), total in sorted(totals.items())]


def rewritten(readme: str, results: Results) -> str:
    """A README with the table between its marks replaced. Raises ValueError where the marks are not there once each."""
    if readme.count(BEGIN) != 1 or readme.count(END) != 1 or readme.index(BEGIN) > readme.index(END):
        raise ValueError(f"the README needs {BEGIN} and, after it, {END}, once each")
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{markdown(results)}{END}{after}"


def table_is_current(readme: Path, results: Path) -> bool:
    """Whether a README shows exactly the table of a results file; False where either or its marks are missing."""
    kept = rounds.load(results)
    if kept is None or not readme.exists():
        return False
    text = readme.read_text(encoding="utf-8")
    try:
        return text == rewritten(text, kept)
    except ValueError:
        return False
