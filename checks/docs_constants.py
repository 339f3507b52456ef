"""Bounds that are no settings, as a table: every module-level ``MAX_...`` of poise, its value, and its comment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from checks.docs_named import shown
from checks.tree import parsed, texts


class Bound(NamedTuple):
    """One constant: where, its name, its value, and what is said beside or above it."""

    path: Path
    name: str
    value: object
    comment: str


def render(root: Path) -> str:
    """The table, sorted by file and name. Rehearsals (poise/sim) bound nothing that a user meets and are left out."""
    rows = ["| bound | value | what is said of it |", "|---|---|---|"]
    for bound in bounds(root):
        link = f"[`{bound.name}`](../{bound.path.as_posix()})"
        rows.append(f"| {link} | {shown(bound.name, bound.value)} | {bound.comment.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def bounds(root: Path) -> Iterator[Bound]:
    """Every bound below root/poise, read from the source, so that nothing needs to be imported."""
    for path, text in texts(root, ".py"):
        if path.parts[0] != "poise" or path.parts[1] == "sim" or "MAX_" not in text:
            continue
        lines = text.splitlines()
        for node in parsed(path, text).body:
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name) and target.id.startswith("MAX_"):
                yield Bound(path, target.id, _value(node.value), _comment(lines, node.lineno, node.end_lineno))


def _value(node: ast.expr) -> object:
    """A number as written, products worked out; anything else is shown as it stands."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _value(node.left), _value(node.right)
        if isinstance(left, int | float) and isinstance(right, int | float):
            return left * right
    return ast.unparse(node)


def _comment(lines: list[str], first: int, last: int | None) -> str:
    """The comment at the end of the statement, else the lines of comment right above it."""
    _, mark, beside = lines[(last or first) - 1].partition("  # ")
    above = []
    for line in reversed(lines[: first - 1]):
        if not line.startswith("# "):
            break
        above.append(line[2:])
    return beside.strip() if mark else " ".join(reversed(above))
