"""Habits that no linter knows: run all of them over every file."""

from __future__ import annotations

from pathlib import Path

from checks import habits_code, habits_text
from checks.tree import files, parsed, report, texts

FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "manager", "managers", "handler", "handlers", "base", "common"}


def faults(root: Path) -> list[str]:
    """Every breach as ``path:line: what, and a hint``."""
    found = [f"{path}: {name!r} says nothing\n  hint: name it for what it does" for path, name in _empty_names(root)]
    for path, text in texts(root):
        found += [f"{path}:{line}: {what}" for line, what in habits_text.breaches(path, text)]
        if path.suffix == ".py":
            found += [f"{path}:{line}: {what}" for line, what in habits_code.breaches(path, parsed(path, text))]
    return found


def _empty_names(root: Path) -> list[tuple[Path, str]]:
    """Python files and the folders they lie in whose name, or a word of it, could stand for anything."""
    words = [
        (path, word) for path in files(root, ".py") for part in path.with_suffix("").parts for word in part.split("_")
    ]
    return [(path, word) for path, word in words if word.lower() in FORBIDDEN_NAMES]


if __name__ == "__main__":
    report(faults)
