"""An explained decision as text: 80 columns, no colour needed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

Json = dict[str, Any]

WIDTH = 80
_BAR = 30


def page(told: Json) -> str:
    """The whole of ``explain`` for one decision."""
    blocks = [_head(told)]
    decision = told["decision"]
    if decision is not None:
        blocks += [_facts(told, decision), _candidates(decision), _losers(decision), _signals(decision)]
    elif not told["detail_kept"]["decision"]:
        blocks.append("The decision's detail was not kept: the journal was short of space.")
    else:
        blocks.append("Nothing was decided: the request was turned away before.")
    blocks += [_attempts(told), _outcome(told), _flips(told)]
    return "\n\n".join(block for block in blocks if block)


def duration(us: int | None) -> str:
    """A duration for people: three digits and a unit."""
    if us is None or us < 0:
        return "-"
    for size, unit in ((1_000_000, "s"), (1_000, "ms")):
        if us >= size:
            return f"{us / size:.3g} {unit}" if us < 1000 * size else f"{us / size:,.0f} {unit}"
    return f"{us} us"


def usd(cost_usd_e6: int | None) -> str:
    """An amount of money."""
    return "-" if cost_usd_e6 is None else f"{cost_usd_e6 / 1e6:.6f} USD"


def safe(text: object) -> str:
    """Text that came from outside, with nothing in it that a terminal would act on."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def _head(told: Json) -> str:
    lines = [f"{told['id']}  {told['kind']}  {told['at']}"]
    lines.append(f"workflow {safe(told['workflow'])}, key {safe(told['key']) or '-'}, policy {told['policy'] or '-'}")
    decision = told["decision"]
    if decision is not None:
        rules = "these rules" if decision["rules_current"] else "other rules than this version has"
        lines.append(f"decided by {rules} ({decision['rules']})")
        if not decision["policy_known"]:
            lines.append("the policy's content is not in the store: candidates are shown by number")
    return "\n".join(lines)


def _facts(told: Json, decision: Json) -> str:
    facts = decision["facts"]
    said = [facts["surface"], "stream" if facts["stream"] else "whole answer", f"about {facts['tokens']} tokens in"]
    said.append(f"at most {facts['max_output']} out" if facts["max_output"] else "no limit on output")
    said += [name for name in ("tools", "json_output") if facts[name]] + list(facts["modalities"])
    for name in ("conversation", "channel", "user"):
        if facts[name]:
            said.append(f"{name} {safe(facts[name])}")
    said += [f"{safe(k)}={safe(v)}" for k, v in facts["labels"].items()]
    spend = decision["spend_left_usd_e6"]
    left = decision["time_left_us"]
    budget = [f"{duration(left)} left" if left >= 0 else "no deadline", f"{facts['priority']} priority"]
    budget.append(f"{usd(spend)} left" if spend >= 0 else "no bound on spend")
    age = decision["board_age_us"]
    posture = ", ".join(decision["postures"])
    posture = f"{posture}: {decision['posture_because']}" if posture else decision["posture_because"]
    pins = [safe(pin["because"]) for pin in decision["pins"]]
    rows = (
        ("Facts", ", ".join(said)),
        *([("Pins", "; ".join(pins))] if pins else []),
        ("Budget", ", ".join(budget)),
        ("Posture", posture),
        ("Board", f"{duration(age)} old" if age >= 0 else "none yet: this worker's own signals only"),
    )
    return "\n".join(_wrapped(f"{name:<9}", text) for name, text in rows)


def _candidates(decision: Json) -> str:
    lines = [f"{'Candidates':<32} {'score':>6} {'health':>7} {'latency':>7} {'load':>6} {'cost':>6} {'chance':>8}"]
    for candidate in decision["candidates"]:
        name = safe(candidate["target"])
        if candidate["state"] == "dropped":
            lines.append(_wrapped(f"   {name:<29} ", f"dropped, {candidate['reason']}: {candidate['because']}"))
            continue
        if len(name) > 29:
            lines.append(f"{candidate['rank']:>2} {name}")
            name = ""
        parts = [candidate[f"{part}_e6"] / 1e6 for part in ("score", "health", "latency", "load", "cost")]
        row = "{:>6.3f} {:>7.3f} {:>7.3f} {:>6.3f} {:>6.3f}".format(*parts)
        rank = f"{candidate['rank']:>2}" if name else "  "
        lines.append(f"{rank} {name:<29} {row} {candidate['probability_e6'] / 1e4:>6.1f} %")
    if decision["panic"]:
        lines.append("All that could serve were ejected; ejection was set aside rather than refuse everyone.")
    return "\n".join(lines)


def _losers(decision: Json) -> str:
    """Why not that one: from the verdict's own figures."""
    ranked = [c for c in decision["candidates"] if c["state"] != "dropped"]
    if not ranked:
        return "Nothing could serve: every candidate was dropped."
    chosen, *rest = ranked
    name = safe(chosen["target"])
    if not rest:
        return _wrapped("Chosen   ", f"{name}: the only one left")
    if decision["choose"] == "order":
        lines = [_wrapped("Chosen   ", f"{name}: listed first among those that can serve (choose: order)")]
        lines += [_wrapped("  not    ", f"{safe(loser['target'])}: listed behind it") for loser in rest]
        return "\n".join(lines)
    lines = [_wrapped("Chosen   ", f"{name}, drawn highest at {chosen['draw_e6'] / 1e6:.3f}")]
    lines += [_wrapped("  not    ", f"{safe(loser['target'])}: {_against(loser, chosen)}") for loser in rest]
    return "\n".join(lines)


def _against(loser: Json, chosen: Json) -> str:
    worse = [
        f"{part} {loser[f'{part}_e6'] / 1e6:.3f} against {chosen[f'{part}_e6'] / 1e6:.3f}"
        for part in ("health", "latency", "load", "cost")
        if loser[f"{part}_e6"] < chosen[f"{part}_e6"]
    ]
    text = f"drawn at {loser['draw_e6'] / 1e6:.3f}"
    if loser["score_e6"] > chosen["score_e6"]:
        return f"{text}; its score is higher, the dice of this request went the other way"
    return f"{text}; worse in {', '.join(worse)}" if worse else text


def _signals(decision: Json) -> str:
    lines = ["Signals"]
    for candidate in decision["candidates"]:
        signals = candidate["signals"]
        text = [f"{signals['in_flight']} in flight", f"evidence of failure {signals['evidence_e6'] / 1e4:.0f} %"]
        if signals["ejected_for_us"]:
            text.append(f"ejected for {duration(signals['ejected_for_us'])} more")
        text += [f"{name.replace('_', ' ')} {_measure(signals[name])}" for name in ("first_token", "total")]
        lines += [f"   {safe(candidate['target'])}", _wrapped("      ", "; ".join(text))]
    return "\n".join(lines)


def _measure(measure: Json) -> str:
    assumed = f"assumed {duration(measure['assumed_us'])}" if measure.get("assumed_us") is not None else "assumed prior"
    if measure["state"] == "missing":
        return f"missing ({assumed})"
    value = f"{duration(measure['value_us'])} +-{duration(measure['spread_us'])}"
    about = f"{measure['samples']} samples, {duration(measure['age_us'])} old"
    if measure["state"] == "stale":
        return f"stale: {value} ({about}; {assumed})"
    return f"{value} (fresh: {about})"


def _attempts(told: Json) -> str:
    ended = told["ended"]
    if ended is None or not ended["attempts"]:
        return ""
    whole = max([ended["took_us"], *(a["started_us"] + a["took_us"] for a in ended["attempts"]), 1])
    lines = [f"Attempts, over {duration(whole)}   (. waiting, - before the first token, # after it)"]
    for number, attempt in enumerate(ended["attempts"], 1):
        lines.append(f"{number:>2} {safe(attempt['target'])}")
        lines.append(f"   |{_bar(attempt, whole)}| {attempt_line(attempt)}")
    return "\n".join(line for text in lines for line in _fold(text))


def _bar(attempt: Json, whole: int) -> str:
    begun, first = int(attempt["started_us"]), int(attempt["first_token_us"])
    start = min(_BAR - 1, begun * _BAR // whole)
    end = max(start + 1, min(_BAR, (begun + int(attempt["took_us"])) * _BAR // whole))
    turn = end if first < 0 else min(end, max(start, (begun + first) * _BAR // whole))
    return "." * start + "-" * (turn - start) + "#" * (end - turn) + " " * (_BAR - end)


def attempt_line(attempt: Json) -> str:
    """One attempt in words: when, how long, how it ended, what it mended and what it could not carry."""
    if attempt["skipped"]:
        return f"passed over: {attempt['skipped']}"
    said = [f"at {duration(attempt['started_us'])}, took {duration(attempt['took_us'])}"]
    if attempt["first_token_us"] >= 0:
        said.append(f"first token {duration(attempt['first_token_us'])}")
    said.append(f"status {attempt['status']}" if attempt["status"] else "no status")
    if attempt["failure"]:
        said.append(f"{attempt['failure']}: {safe(attempt['detail'])}" if attempt["detail"] else attempt["failure"])
    if attempt["repair"]:
        said.append(f"to mend the answer: {safe(attempt['repair'])}")
    if attempt["lost"]:
        said.append("not carried: " + "; ".join(safe(one) for one in attempt["lost"]))
    return ", ".join(said)


def _outcome(told: Json) -> str:
    ended = told["ended"]
    if ended is None:
        return "Outcome  open: it has not ended, or its end is not stored yet"
    said = [ended["kind"] + (f" ({ended['code']})" if ended["code"] else ""), f"status {ended['status']}"]
    if ended["target"]:
        said.append(f"answered by {safe(ended['target'])}")
    said += [f"took {duration(ended['took_us'])}", f"first byte {duration(ended['first_byte_us'])}"]
    said += [f"{ended['bytes']} bytes", f"delivered: {ended['delivered']}"]
    price = usd(told["cost_usd_e6"]) if told["price_known"] else "not known, for the target's price is not"
    cost = f"{price}; {told['input_tokens'] or 0} tokens in, {told['output_tokens'] or 0} out"
    lines = [_wrapped("Outcome  ", ", ".join(said)), _wrapped("Cost     ", cost)]
    if not told["detail_kept"]["outcome"]:
        lines.append("The outcome's detail was not kept: the journal was short of space.")
    return "\n".join(lines)


def _flips(told: Json) -> str:
    if not told["flips"]:
        return ""
    lines = ["It would have gone otherwise with one of these alone:"]
    for flip in told["flips"]:
        shown = {"evidence": _share}.get(flip["input"], duration if flip["input"].endswith("_us") else str)
        of = f" of {safe(flip['target'])}" if flip["target"] else ""
        choice = safe(flip["choice"]) or "nobody"
        text = f"{flip['input']}{of} {shown(flip['would_be'])} instead of {shown(flip['was'])}: {choice}"
        lines.append(_wrapped("   ", text))
    return "\n".join(lines)


def _share(value_e6: int) -> str:
    return f"{value_e6 / 1e4:.3g} %"


def _wrapped(head: str, text: str) -> str:
    indent = " " * min(len(head), 40)
    return textwrap.fill(text, WIDTH, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False)


def _fold(text: str) -> Iterator[str] | Sequence[str]:
    if len(text) <= WIDTH:
        return [text]
    at = text.find("| ") + 2
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=" " * at, break_on_hyphens=False, drop_whitespace=False, break_long_words=True
    )
