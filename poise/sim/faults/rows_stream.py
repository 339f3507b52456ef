"""Rows of section A in which an answer has begun, and then something is wrong with its bytes or its pace."""

from __future__ import annotations

from itertools import product
from typing import Final

from poise.sim.faults.client import Dialect
from poise.sim.faults.row import Judged, Row, summed
from poise.sim.faults.scene import Case, Seen, outcome_of, play, said

SWITCH_S: Final = 0.050
TOKENS: Final = 60
DIALECTS: Final[tuple[Dialect, ...]] = ("openai", "responses", "anthropic", "gemini")


def _f11() -> Judged:
    """Whole answers: elsewhere. Streams: visible. The broken connection is never used for the next guest."""
    wrong = []
    seen = play(Case("half-json"))
    for plan in ("half-json", "length:+10", "chunk:bad", "chunk:cut"):
        for stream in (False, True):
            if plan.startswith("chunk") and not stream:
                continue
            seen = play(Case(plan, stream=stream, arrivals_s=(0.0, 0.5)))
            good = {"complete"} if not stream else {"complete", "told", "cut"}
            if not set(seen.ended) <= good:
                wrong.append(f"{plan} {'streamed' if stream else 'whole'}: {', '.join(seen.ended)}")
            connections = [one.connection for one in seen.primary]
            if len(connections) != len(set(connections)):
                wrong.append(f"{plan}: the connection was used again")
    return summed(seen, met=not wrong, witnessed=seen.met("chunk"), figure="; ".join(wrong))


def _f11_short() -> Judged:
    """Ten bytes too many behind an answer whose length is told too short."""
    seen = play(Case("length:-10", stream=False, arrivals_s=(0.0, 0.5)))
    connections = [one.connection for one in seen.primary]
    met = "odd" not in seen.ended and len(connections) == len(set(connections)) and set(seen.ended) == {"complete"}
    return summed(seen, met=met, witnessed=seen.met("length"))


def _f12_sound() -> Judged:
    """Lines that SSE allows: every word arrives."""
    wrong = []
    seen = play(Case())
    for style in ("crlf", "cr", "mixed", "bom", "comments", "no-space", "ids", "multi-line"):
        seen = play(Case(f"sse:{style},tokens=20"))
        if seen.ended != ["complete"] or seen.told[0].text != said(20):
            wrong.append(f"{style}: {seen.ended[0]}")
    return summed(seen, met=not wrong, witnessed=seen.met("sse"), figure="; ".join(wrong))


def _f12_broken() -> Judged:
    """Lines that it does not: skipped, or visibly the end; never a success with other words."""
    wrong = []
    seen = play(Case())
    for dialect, style in product(DIALECTS, ("bad-line", "bad-json", "bad-utf8")):
        seen = play(Case(f"sse:{style},tokens=20", dialect=dialect))
        whole = seen.ended == ["complete"] and seen.told[0].text == said(20)
        if not whole and seen.ended != ["told"]:
            kind = outcome.kind if (outcome := outcome_of(seen, seen.told[0])) else "nothing"
            wrong.append(f"{dialect} {style}: the client saw it {seen.ended[0]}, the record says {kind}")
    return summed(seen, met=not wrong, witnessed=seen.met("sse"), figure="; ".join(wrong))


def _f12_seams() -> Judged:
    """A seam after every byte of a stream."""
    seen = play(Case("ok,tokens=3"))
    size = seen.primary[0].sent_bytes
    wrong = []
    for at in range(1, size):
        seen = play(Case(f"ok,tokens=3,split={at}"))
        if seen.ended != ["complete"] or seen.told[0].text != said(3):
            wrong.append(at)
    return summed(
        seen, met=not wrong, witnessed=seen.primary[0].fault.split > 0, figure=f"{size - 1} seams, {len(wrong)} wrong"
    )


def _f13() -> Judged:
    seen = play(Case("giant:8MiB,tokens=5"))
    sent = seen.primary[0].sent_bytes
    met = seen.ended in (["told"], ["complete"]) and sent <= 3 * 1024 * 1024 and seen.took_s[0] <= 0.5
    return summed(seen, met=met, witnessed=seen.met("giant"), figure=f"{sent / 1024:.0f} KiB written to it")


def _f14_tokens() -> Judged:
    """Cut after every number of tokens, by FIN and RST, in every dialect; one that is complete must be whole."""
    hidden = []
    seen = play(Case("cut:0/12"))
    for dialect in DIALECTS:
        for kept in range(13):
            for end in ("fin", "rst"):
                seen = play(Case(f"cut:{kept}/12,{end}", fallback="ok,tokens=12", dialect=dialect))
                hidden += [] if _visible(seen, 12) else [f"{dialect} {kept} {end}"]
    return summed(
        seen, met=not hidden, witnessed=seen.met("cut"), figure=f"{len(hidden)} of {26 * len(DIALECTS)} unseen"
    )


def _f14_bytes() -> Judged:
    """Cut after every byte of a stream in every dialect."""
    hidden = []
    cuts = 0
    seen = play(Case("cut:b0"))
    for dialect in DIALECTS:
        size = play(Case("ok,tokens=2", dialect=dialect)).primary[0].sent_bytes
        cuts += size
        for at in range(size):
            seen = play(Case(f"cut:b{at},tokens=2", fallback="ok,tokens=2", dialect=dialect))
            hidden += [] if _visible(seen, 2) else [f"{dialect} {at}"]
    return summed(seen, met=not hidden, witnessed=seen.met("cut"), figure=f"{len(hidden)} of {cuts} unseen")


def _visible(seen: Seen, tokens: int) -> bool:
    """Whether the guest was told, or has all of the answer."""
    told = seen.told[0]
    return told.ended in ("told", "cut") or (told.ended == "complete" and told.text == said(tokens))


def _f14_restart() -> Judged:
    plan = f"cut:40/{TOKENS},rst"
    seen = play(Case(plan, fallback=f"ok,tokens={TOKENS}", recovery="restart"))
    text = seen.told[0].text
    met = seen.ended == ["complete"] and text == said(TOKENS) and seen.took_s[0] <= 2.5
    whole = len(text.split()) if said(TOKENS).startswith(text) else -1
    return summed(seen, met=met, witnessed=seen.met("cut"), figure=f"{whole} of {TOKENS} tokens, in order")


def _f15() -> Judged:
    """The record tells FIN from RST; the client is told the same."""
    details = {}
    seen = play(Case("cut:3/9,fin"))
    codes = set()
    for end in ("fin", "rst"):
        seen = play(Case(f"cut:3/9,{end}", fallback=""))
        details[end] = seen.records[0].detail
        codes.add((seen.ended[0], seen.told[0].code))
    met = details["fin"] != details["rst"] and len(codes) == 1
    return summed(seen, met=met, witnessed=seen.met("cut"), figure=f"recorded: {details['fin']!r}, {details['rst']!r}")


def _f16() -> Judged:
    seen = play(Case("ok,no-done,tokens=9"))
    usage = seen.records[0].billing
    met = seen.ended == ["complete"] and seen.took_s[0] <= 0.2 and usage == "exact"
    return summed(seen, met=met, witnessed=not seen.primary[0].fault.done, figure=f"usage {usage}")


def _f17() -> Judged:
    seen = play(Case("linger,tokens=9", fallback=""))
    first = seen.primary[0]
    open_s = (first.ended_us - first.first_us) / 1e6
    met = seen.ended == ["complete"] and seen.took_s[0] <= 0.05 + SWITCH_S and open_s <= 2.0
    return summed(seen, met=met, witnessed=seen.met("linger"), figure=f"upstream open for {open_s:.3g} s after it")


def _f18(fallback: str) -> Judged:
    seen = play(Case("silent", fallback=fallback))
    expected = "complete" if fallback else "refused"
    met = [expected] == seen.ended and len(seen.primary) == 1 and seen.took_s[0] <= 11.0
    return summed(seen, met=met, witnessed=seen.met("silent"))


def _f19(fallback: str) -> Judged:
    seen = play(Case("slow:20s", fallback=fallback))
    bound_s = 11.0 if fallback else 20.0 + SWITCH_S
    met = seen.ended == ["complete"] and seen.took_s[0] <= bound_s
    return summed(seen, met=met, witnessed=seen.primary[0].fault.first_s == 20.0)


def _f20() -> Judged:
    """After a switch, or an honest end, nothing of the old stream's late tokens may arrive."""
    seen = play(Case("stall:5/35s,tokens=9"))
    text = seen.told[0].text
    met = said(9).startswith(text) and seen.ended[0] in ("told", "complete") and seen.took_s[0] <= 36.0
    return summed(seen, met=met, witnessed=seen.met("stall"), figure=f"{len(text.split())} of 9 tokens")


def _f21() -> Judged:
    """From the first byte on: no token ever arrives whole."""
    seen = play(Case("drip:5s"))
    return summed(seen, met=seen.took_s[0] <= 31.0 and seen.ended == ["complete"], witnessed=seen.met("drip"))


def _f21_tokens() -> Judged:
    """A token each five seconds: no timer of silence ever fires."""
    seen = play(Case("ok,tokens=500,rate=0.2", fallback="", deadline_s=600))
    met = seen.ended == ["told"] and seen.took_s[0] <= 31.0
    return summed(seen, met=met, witnessed=seen.primary[0].sent_tokens > 2)


def _f24() -> Judged:
    """Another model's name is on the record; an unknown end and a broken call pass, and crash nothing."""
    swapped = play(Case("ok,model=cheap-1"))
    strange = play(Case("ok,finish=tired"))
    broken = play(Case("ok,tool=broken"))
    met = swapped.records[0].model == "cheap-1" and swapped.ended + strange.ended + broken.ended == ["complete"] * 3
    figure = f"recorded as {swapped.records[0].model!r}"
    return summed(broken, met=met, witnessed=swapped.primary[0].fault.model == "cheap-1", figure=figure)


def _bomb(do: str, *plans: str, most_bytes: int) -> Judged:
    """Refused quickly, after few bytes, with the fallback's answer."""
    wrong = []
    seen = play(Case(plans[0]))
    for plan in plans:
        seen = play(Case(plan, stream=False))
        sent = max(one.sent_bytes for one in seen.primary)
        if seen.ended != ["complete"] or seen.took_s[0] > 0.1 or sent > most_bytes:
            wrong.append(f"{plan}: {seen.ended[0]} after {seen.took_s[0]:.3g} s and {sent} bytes")
    return summed(seen, met=not wrong, witnessed=seen.met(do), figure="; ".join(wrong))


def _f29(plan: str) -> Judged:
    seen = play(Case(plan))
    met = seen.ended == ["complete"] and seen.took_s[0] <= SWITCH_S and len(seen.primary) <= 2
    return summed(seen, met=met, witnessed=seen.met(plan))


def _f29_refused() -> Judged:
    """Nobody listens for the first ten seconds; three failures eject, so later guests do not knock."""
    seen = play(Case(arrivals_s=(0.1, 0.3, 0.5, 0.7, 0.9, 30.0), refused_s=(0.0, 10.0)))
    refused = sum(record.failure == "connect" for record in seen.records)
    met = {"complete"} == set(seen.ended) and max(seen.took_s) <= SWITCH_S and refused <= 3
    return summed(seen, met=met, witnessed=refused > 0 and len(seen.primary) == 1, figure=f"{refused} refused")


ROWS: Final = (
    Row("F11a", "partial JSON, length too long, broken chunks", "elsewhere or visible, socket not used again", _f11),
    Row("F11b", "length too short", "the rest reaches nobody", _f11_short),
    Row("F12a", "odd lines that SSE allows", "every word arrives", _f12_sound),
    Row("F12b", "lines that it does not", "skipped, or visibly the end", _f12_broken),
    Row("F12c", "a seam after every byte", "the same text", _f12_seams),
    Row("F13", "an event of 8 MiB", "cap of 1 MiB, told", _f13),
    Row("F14a", "cut after k of n tokens, every k", "every cut is visible", _f14_tokens),
    Row("F14b", "cut after every byte", "every cut is visible", _f14_bytes),
    Row("F14c", "cut at 40 of 60, policy restart", "whole answer, nothing twice, <= 2.5 s", _f14_restart),
    Row("F15", "FIN without the last chunk, RST", "told apart on the record, alike to the client", _f15),
    Row("F16", "no [DONE]", "complete within 200 ms, usage kept", _f16),
    Row("F17", "[DONE], then an open connection", "client done in 50 ms, closed within 2 s", _f17),
    Row("F18a", "silent, another target", "one attempt, <= 11 s", lambda: _f18("ok")),
    Row("F18b", "silent, no other target", "one attempt, told in <= 11 s", lambda: _f18("")),
    Row("F19a", "first token after 20 s, another target", "<= 11 s", lambda: _f19("ok")),
    Row("F19b", "first token after 20 s, no other target", "waited for", lambda: _f19("")),
    Row("F20", "35 s of silence in mid-stream", "an honest end or the whole; no late token", _f20),
    Row("F21a", "one byte each five seconds", "ended within 30 s", _f21),
    Row("F21b", "one token each five seconds", "ended within 30 s", _f21_tokens),
    Row("F24", "another model, unknown end, broken call", "on the record, no crash", _f24),
    Row("F25", "heads that are too much or not allowed", "refused in 100 ms, elsewhere",
        lambda: _bomb("interim", "headers:100000", "header-value:64KiB", "dup-length", "bad-header:nul", "bad-header:cr",
                      "bad-header:space", "bad-header:fold", "interim:1000", most_bytes=2_500_000)),
    Row("F26", "64 MB in a gzip nobody asked for", "refused in 100 ms, elsewhere",
        lambda: _bomb("gzip", "gzip:64MB", "gzip:nested:64MB", most_bytes=200_000)),
    Row("F29a", "RST before the head", "elsewhere in <= 50 ms", lambda: _f29("reset")),
    Row("F29b", "FIN before the head", "elsewhere in <= 50 ms", lambda: _f29("hang-up")),
    Row("F29c", "connection refused", "elsewhere in <= 50 ms, three failures eject", _f29_refused),
)  # fmt: skip
