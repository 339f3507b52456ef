"""Tables that list everything of one kind, between ``<!-- table: KIND -->`` and ``<!-- /table -->`` in docs/*.md.

The first cell of a row is the name, in backticks; the cells after it that follow from code are compared too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from checks.tree import texts

_TABLE = re.compile(r"<!-- table: ([\w-]+) -->\n(.*?)<!-- /table -->", re.DOTALL)
_NAME = re.compile(r"^`([^`]+)`$")


class Row(NamedTuple):
    """One documented name: where, and its other cells."""

    path: Path
    name: str
    cells: tuple[str, ...]


def compare(root: Path, kind: str, known: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What the code knows and no table lists, what a table lists and the code does not know, and cells that differ."""
    listed = list(rows(root, kind))
    names = [row.name for row in listed]
    found = [f"{kind}: {name} is in no table of docs/\n  hint: add a row" for name in known if name not in names]
    for row in listed:
        if row.name not in known:
            found.append(f"{row.path}: {kind} lists {row.name}, which the code does not know")
        elif row.cells[: len(known[row.name])] != known[row.name]:
            said, true = " | ".join(row.cells[: len(known[row.name])]), " | ".join(known[row.name])
            found.append(f"{row.path}: {row.name} is said to be {said}, in code it is {true}")
    return found + [f"{kind}: {name} is listed twice" for name in sorted({n for n in names if names.count(n) > 1})]


def rows(root: Path, kind: str) -> Iterator[Row]:
    """Every row of every table of a kind."""
    for path, text in _documents(root):
        for found, body in _TABLE.findall(text):
            if found == kind:
                yield from _rows(path, body)


def kinds(root: Path) -> list[tuple[Path, str]]:
    """Every table that is marked, by file and kind."""
    return [(path, kind) for path, text in _documents(root) for kind, _ in _TABLE.findall(text)]


def _rows(path: Path, body: str) -> Iterator[Row]:
    for line in body.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        name = _NAME.match(cells[0]) if cells else None
        if name:
            yield Row(path, name[1], tuple(cells[1:]))


def _documents(root: Path) -> Iterator[tuple[Path, str]]:
    return ((path, text) for path, text in texts(root, ".md") if path.parts[0] == "docs")
