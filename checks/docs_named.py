"""What the code knows by name and the documents must list: per kind, each name and the cells that follow from code."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping

from packaging.requirements import Requirement

from checks.tree import ROOT

Cells = tuple[str, ...]
Source = Callable[[], Mapping[str, Cells]]

KIB, MIB, GIB = 1024, 1024**2, 1024**3


def commands() -> dict[str, Cells]:
    """Commands of the command line."""
    from checks.docs_help import commands as all_of_them

    return dict.fromkeys(all_of_them(), ())


def codes() -> dict[str, Cells]:
    """Error codes, each with its HTTP status and the error type it is shown with."""
    from poise.errors import CODES

    return {name: (str(code.status), f"`{code.kind}`") for name, code in CODES.items()}


def failures() -> dict[str, Cells]:
    """Ways an attempt fails, each with who is blamed, where it may be tried again, and the status if it is final."""
    from poise.errors import FAILURES

    return {name.value: (fact.blame.value, fact.again.value, str(fact.status)) for name, fact in FAILURES.items()}


def drops() -> dict[str, Cells]:
    """Reasons for which a candidate is dropped."""
    from poise.decision import Drop

    return {drop.value: () for drop in Drop}


def decisions() -> dict[str, Cells]:
    """How a decision answers a request."""
    from poise.decision import Kind

    return {kind.value: () for kind in Kind}


def outcomes() -> dict[str, Cells]:
    """How a request ends."""
    from poise.decision import OutcomeKind

    return {kind.value: () for kind in OutcomeKind}


def dependencies() -> dict[str, Cells]:
    """What pyproject.toml asks for, for use and for work."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    return {Requirement(text).name: () for text in asked}


def signals() -> dict[str, Cells]:
    """What is measured of each target."""
    from poise.signal import Reading

    return dict.fromkeys(Reading.__struct_fields__, ())


def limits() -> dict[str, Cells]:
    """Bounds of the data port, timers and budgets, with their defaults."""
    from poise.edge.snapshot import Limits
    from poise.policy import Recover, Timers

    owners = {"limits": Limits(), "timers": Timers(), "recover": Recover()}
    return {
        f"{owner}.{name}": (shown(name, getattr(values, name)),)
        for owner, values in owners.items()
        for name in values.__struct_fields__
    }


def shown(name: str, value: object) -> str:
    """A value with the unit that ends its name, as people read it: ``32 MiB``, ``10 s``."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return f"`{value}`" if value else "none"
    if name.endswith("_bytes_per_s"):
        return f"{_size(int(value))}/s"
    if name.lower().endswith("_bytes"):
        return _size(int(value))
    if name.lower().endswith("_us"):
        return f"{value / 1_000_000:,.10g} s"
    if name.lower().endswith("_s"):
        return f"{value:g} s"
    if name.endswith("_usd_e6"):
        return f"{value / 1_000_000:g} USD"
    return f"{value:,}"


def _size(size_bytes: int) -> str:
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size_bytes >= unit and size_bytes % unit == 0:
            return f"{size_bytes // unit} {name}"
    return f"{size_bytes:,} B"


SOURCES: dict[str, Source] = {
    source.__name__: source
    for source in (commands, codes, failures, drops, decisions, outcomes, signals, limits, dependencies)
}
