"""Reads plans: ``429-retry-after=2``, ``cut:40/60,rst``, ``503x2,ok``, ``outage:10s-70s``.

A plan is words between commas. A word that names a fault begins a step; any other word belongs to the step before it.
docs/faults.md has the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from poise.sim.wall.amounts import BadPlan, count, number, seconds, size_bytes
from poise.sim.wall.fault import DOS, ENDS, STYLES, USAGES, Fault

MAX_PLAN_CHARS: Final = 2_000
MAX_STEPS: Final = 200
PREFIX: Final = "fault:"
_STATUS: Final = re.compile(r"([3-5]\d\d)(?:-(.+))?")
_TIMES: Final = re.compile(r"(.*[^\d.]|\d{3})x(\d{1,6})")
_WINDOW: Final = re.compile(r"([\d.]+[a-z]*)-([\d.]+[a-z]*)")
_REDIRECTS: Final = {
    "": "http://169.254.169.254/latest/meta-data",
    "metadata": "http://169.254.169.254/latest/meta-data",
    "http": "http://elsewhere.invalid/v1",
    "self": "/trap",
}
Set = dict[str, Any]


def parse(text: str) -> tuple[Fault, ...]:
    """The steps of a plan. Raises BadPlan."""
    if len(text) > MAX_PLAN_CHARS:
        raise BadPlan(f"a plan of {len(text)} characters, at most {MAX_PLAN_CHARS}\n  hint: use a script")
    steps: list[Set] = []
    for raw in text.removeprefix(PREFIX).split(","):
        word = raw.strip()
        named = _begin(word)
        if named is not None:
            steps.append(named)
        elif not steps:
            raise BadPlan(f"{word!r} is no fault\n  hint: one of {', '.join(DOS)}, a status, outage: or flap:")
        else:
            steps[-1] |= _option(word)
    if len(steps) > MAX_STEPS:
        raise BadPlan(f"a plan of {len(steps)} steps, at most {MAX_STEPS}\n  hint: use a script")
    return tuple(_made(step) for step in steps)


def is_plan(text: str) -> bool:
    """Whether a model's name is meant as a plan: its first word names a fault, or it begins with ``fault:``."""
    if text.startswith(PREFIX):
        return True
    try:
        return _begin(text.partition(",")[0].strip()) is not None
    except BadPlan:
        return True


def _made(step: Set) -> Fault:
    fault = msgspec.convert(step, Fault)
    known = STYLES.get(fault.do)
    if known is not None and fault.style not in known:
        raise BadPlan(f"{fault.do}:{fault.style} is unknown\n  hint: {fault.do}: takes {', '.join(known)}")
    if fault.do == "cut" and not fault.end:
        fault = msgspec.structs.replace(fault, end="fin")
    return fault


def _begin(word: str) -> Set | None:
    """The fault that a word names, None where it names none."""
    word, times = _repeated(word)
    status = _STATUS.fullmatch(word)
    if status is not None:
        return {"do": "status", "status": int(status[1])} | _flavour(status[2] or "") | times
    head, _, tail = word.partition(":")
    if head == "outage":
        return {"do": "status", "status": 503} | _window(tail)
    if head == "flap":
        return _flap(tail)
    if head == "slow":
        return {"do": "ok", "first_s": seconds(tail)} | times
    if head not in DOS or head == "status":
        return None
    return {"do": head} | _ARGUMENTS.get(head, _no_argument)(tail) | times


def _repeated(word: str) -> tuple[str, Set]:
    found = _TIMES.fullmatch(word)
    return (found[1], {"times": int(found[2])}) if found and "=" not in word else (word, {})


def _flavour(text: str) -> Set:
    """What stands behind a status: a reason or an option, ``429-quota``, ``429-retry-after=2``."""
    if not text:
        return {}
    return _option(text) if "=" in text else {"reason": text}


def _option(word: str) -> Set:
    """An option of the step before it."""
    if word in ENDS:
        return {"end": word}
    if word in _FLAGS:
        return _FLAGS[word]
    if re.fullmatch(r"x\d{1,6}", word):
        return {"times": int(word[1:])}
    if _WINDOW.fullmatch(word):
        return _window(word)
    name, equals, value = word.partition("=")
    if not equals or name not in _OPTIONS:
        hint = (
            f"options: {', '.join(ENDS)}, {', '.join(_FLAGS)}, x2, 10s-70s, {', '.join(f'{one}=' for one in _OPTIONS)}"
        )
        raise BadPlan(f"{word!r} is neither a fault nor an option\n  hint: {hint}")
    field, read = _OPTIONS[name]
    return {field: read(unquote(value))}


def _window(text: str) -> Set:
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise BadPlan(f"{text!r} is no window\n  hint: from-to since the start, as in 10s-70s")
    begin_s, end_s = seconds(found[1]), seconds(found[2])
    if end_s <= begin_s:
        raise BadPlan(f"the window {text!r} ends before it begins\n  hint: from-to, as in 10s-70s")
    return {"from_s": begin_s, "to_s": end_s}


def _flap(text: str) -> Set:
    """``flap:5s/5s``: down for five seconds, up for five, and again."""
    down, _, up = text.partition("/")
    down_s = seconds(down)
    return {"do": "status", "status": 503, "to_s": down_s, "period_s": down_s + seconds(up or down)}


def _no_argument(tail: str) -> Set:
    if tail:
        raise BadPlan(f"{tail!r} says nothing here\n  hint: this fault takes no argument behind a colon")
    return {}


def _cut(tail: str) -> Set:
    """``40``, ``40/60`` (of so many tokens), ``b123`` (bytes of the body), ``h20`` (bytes of the head), ``end``."""
    if tail == "end":
        return {"style": "end"}
    if tail[:1] in ("b", "h"):
        return {"at_byte": count(tail[1:]), "head": tail[0] == "h"}
    return _tokens(tail or "0")


def _tokens(tail: str) -> Set:
    at, slash, of = tail.partition("/")
    return {"at": count(at)} | ({"tokens": count(of)} if slash else {})


def _stall(tail: str) -> Set:
    """``40`` for ever, ``40/35s`` for 35 seconds."""
    at, slash, for_ = tail.partition("/")
    return {"at": count(at or "0")} | ({"stall_s": seconds(for_)} if slash else {})


def _error(tail: str) -> Set:
    """``3``, or ``3-overload``: after three tokens, and what it is about."""
    at, _, reason = tail.partition("-")
    return {"at": count(at or "0"), "reason": reason or "overload"}


def _length(tail: str) -> Set:
    if not re.fullmatch(r"[+-]\d{1,9}", tail):
        raise BadPlan(f"{tail!r} is no difference\n  hint: length:+10 announces ten bytes too many, length:-10 too few")
    return {"size": int(tail)}


def _gzip(tail: str) -> Set:
    style, _, size = tail.rpartition(":")
    return {"style": style, "size": size_bytes(size)}


def _lasting(tail: str) -> Set:
    return {"stall_s": seconds(tail)} if tail else {}


def _redirect(tail: str) -> Set:
    return {"status": 307, "text": _REDIRECTS.get(tail) or unquote(tail)}


_ARGUMENTS: Final[dict[str, Callable[[str], Set]]] = {
    "cut": _cut,
    "error": _error,
    "error-body": lambda tail: {"reason": tail or "server"},
    "stall": _stall,
    "drip": lambda tail: {"stall_s": seconds(tail or "5s")},
    "linger": _lasting,
    "crash": lambda tail: {"stall_s": seconds(tail or "1s")},
    "length": _length,
    "chunk": lambda tail: {"style": tail},
    "sse": lambda tail: {"style": tail},
    "bad-header": lambda tail: {"style": tail or "nul"},
    "giant": lambda tail: {"size": size_bytes(tail or "1GB")},
    "headers": lambda tail: {"size": count(tail or "100000")},
    "interim": lambda tail: {"size": count(tail or "1000")},
    "header-value": lambda tail: {"size": size_bytes(tail or "64KiB")},
    "gzip": _gzip,
    "redirect": _redirect,
    "raw": lambda tail: {"text": unquote(tail), "end": "fin"},
}


def _share(text: str) -> int:
    share = number(text)
    if not 0 <= share <= 1:
        raise BadPlan(f"share={text} is outside [0, 1]\n  hint: share=0.2 meets one request in five")
    return round(share * 1_000_000)


def _usage(text: str) -> str:
    if text not in USAGES:
        raise BadPlan(f"usage={text} is unknown\n  hint: one of {', '.join(filter(None, USAGES))}")
    return text


def _bill(text: str) -> str:
    if text not in ("stops", "whole", "free"):
        raise BadPlan(f"bill={text} is unknown\n  hint: stops, whole or free: what hanging up costs")
    return text


_FLAGS: Final[dict[str, Set]] = {"no-done": {"done": False}, "vary": {"vary": True}}
_OPTIONS: Final[dict[str, tuple[str, Callable[[str], object]]]] = {
    "tokens": ("tokens", count),
    "wait": ("wait_s", seconds),
    "first": ("first_s", seconds),
    "rate": ("rate", number),
    "slice": ("slice_bytes", size_bytes),
    "split": ("split", count),
    "retry-after": ("retry_after", str),
    "retry-after-ms": ("retry_after_ms", str),
    "date": ("date", str),
    "type": ("content_type", str),
    "model": ("model", str),
    "finish": ("finish", str),
    "tool": ("tool", str),
    "usage": ("usage", _usage),
    "status": ("status", count),
    "text": ("text", str),
    "share": ("share_e6", _share),
    "if": ("marker", str),
    "every": ("period_s", seconds),
    "bill": ("bill", _bill),
    "charge": ("factor_e6", lambda text: round(number(text) * 1_000_000)),
}
