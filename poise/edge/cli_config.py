"""``poise check`` and ``poise init``. They print, and return the exit status: 0 good, 1 not."""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path
from typing import TextIO

import msgspec

from poise.clock import SystemClock
from poise.edge.config.ends import warn_of_ends
from poise.edge.config.load import load_into
from poise.edge.config.problem import Findings, Problem
from poise.edge.config.resolve import Resolved, resolve_into
from poise.edge.config.show import Line, lines, text
from poise.edge.config.start import demo_commands, demo_file, first_file, vendors_found

DEFAULT_FILE = Path("poise.yaml")
DEFAULT_DATA = Path(".poise")


def check(file: Path | None, print_: bool, json_: bool, today: dt.date | None = None) -> int:
    """Tell everything that is wrong with a configuration and what may not be meant; no secret needs to be present.

    file: poise.yaml in the current folder where None. print_: show the merged result with the source of every value.
    json_: one object with problems, warnings and, with print_, settings. today: as the clock says where None; models that
    their vendors stop to serve are told by it. Returns 1 where there is a problem.
    """
    path = file or DEFAULT_FILE
    findings = Findings()
    resolved = _examined(path, findings, today or _today())
    problems, warnings = findings.problems, findings.warnings
    shown = lines(resolved) if print_ and resolved is not None and not problems else None
    if json_:
        _print_json(problems, warnings, shown)
        return 1 if problems else 0
    out = sys.stderr if print_ else sys.stdout  # with --print the merged file alone is data
    for problem in problems:
        _say(f"error: {problem}", out)
    for warning in warnings:
        _say(f"warning: {warning}", out)
    if shown is not None:
        _say(text(shown), sys.stdout)
    counts = f"{_count(len(problems), 'error')}, {_count(len(warnings), 'warning')}"
    _say(f"{path}: {counts}" if problems or warnings else f"{path} is good", sys.stderr)
    return 1 if problems else 0


def init(path: Path, demo: bool, force: bool) -> int:
    """Write a commented poise.yaml: for the keys in the environment, or with demo (or without any key) a simulated one.

    An existing file is left alone without force. Returns 1 where nothing was written.
    """
    usable, waiting = vendors_found(os.environ)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(first_file(os.environ) if usable and not demo else demo_file())
    except FileExistsError:
        _say(f"error: {path} exists already\n  hint: poise init --force overwrites it", sys.stderr)
        return 1
    except OSError as error:
        _say(f"error: {path} cannot be written: {error.strerror}\n  hint: look at the folder", sys.stderr)
        return 1
    if usable and not demo:
        _say(f"{path}: for the keys of {', '.join(usable)}", sys.stderr)
    elif demo:
        _say(f"{path}: for simulated upstreams on this machine", sys.stderr)
    else:
        _say(f"{path}: no provider's key is in the environment, so it is for simulated upstreams", sys.stderr)
    if waiting:
        _say(f"not yet in this version: {', '.join(waiting)}", sys.stderr)
    if usable and not demo:
        _say(f"next: poise check {path}, then poise serve {path}", sys.stderr)
    else:
        _say(f"next: poise check {path}, start the upstreams, each in a terminal of its own:", sys.stderr)
        for command in demo_commands():
            _say(f"  {command}", sys.stderr)
        _say(f"then poise serve {path}", sys.stderr)
    return 0


def data_folder(said: Path | None) -> Path:
    """The folder of the store: as said, or that of ./poise.yaml, or .poise.

    A file with mistakes counts as far as it can be read: `poise reload` of it must find the server that refuses it.
    """
    if said is not None:
        return said
    loaded = load_into(DEFAULT_FILE, os.environ, Findings()) if DEFAULT_FILE.is_file() else None
    data = loaded.shape.data if loaded is not None else ""
    return Path(data) if data and "://" not in data else DEFAULT_DATA


def _examined(path: Path, findings: Findings, today: dt.date) -> Resolved | None:
    loaded = load_into(path, os.environ, findings)
    if loaded is None:
        return None
    resolved = resolve_into(loaded, findings)
    warn_of_ends(loaded, resolved, today, findings)
    return resolved


def _today() -> dt.date:
    return dt.datetime.fromtimestamp(SystemClock().now_us() / 1e6, dt.UTC).date()


def _say(words: str, stream: TextIO) -> None:
    stream.write(words + "\n")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _print_json(problems: tuple[Problem, ...], warnings: tuple[Problem, ...], shown: list[Line] | None) -> None:
    said: dict[str, object] = {
        "problems": [problem._asdict() for problem in problems],
        "warnings": [warning._asdict() for warning in warnings],
    }
    if shown is not None:
        said["settings"] = [{"path": s.path, "value": s.value, "source": s.source} for s in shown if s.source]
    _say(msgspec.json.format(msgspec.json.encode(said)).decode(), sys.stdout)
