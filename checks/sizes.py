"""Files and functions that one can read at one sitting: hard limits, and a count of what is longer than aimed at.

``sizes_allowed.txt`` may name what is over a limit, one ``path lines`` or ``path:function lines`` a row. It can only
shrink: a row that is no longer needed is a fault, and so is one row more than MOST_ALLOWED, which is only lowered.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from checks.tree import parsed, report, texts

FILE_LINES = 400
FUNCTION_LINES = 70
FILE_LINES_AIM = 150
FUNCTION_LINES_AIM = 30
MOST_ALLOWED = 0
ALLOWED = Path("checks/sizes_allowed.txt")


def faults(root: Path) -> list[str]:
    """What is longer than its limit and not allowed, and rows of the list that should not be there."""
    allowed = _allowed(root)
    found = []
    over = set()
    for name, lines, limit in measured(root):
        if lines <= limit:
            continue
        over.add(name)
        if lines > allowed.get(name, limit):
            found.append(f"{name}: {lines} lines, at most {limit}\n  hint: one idea a file, one step a function")
    found += [f"{ALLOWED}: {name} is within its limit now\n  hint: take the row out" for name in allowed.keys() - over]
    if len(allowed) > MOST_ALLOWED:
        found.append(f"{ALLOWED}: {len(allowed)} rows, at most {MOST_ALLOWED}\n  hint: the list may only shrink")
    return sorted(found)


def measured(root: Path) -> Iterator[tuple[str, int, int]]:
    """Each Python file and each function in it: its name, its lines, its limit."""
    for path, text in texts(root, ".py"):
        yield str(path), text.count("\n"), FILE_LINES
        for node, name in _functions(parsed(path, text), ""):
            yield f"{path}:{name}", (node.end_lineno or node.lineno) - node.lineno + 1, FUNCTION_LINES


def _functions(tree: ast.AST, within: str) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    for node in ast.iter_child_nodes(tree):
        inside = within
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = f"{within}.{node.name}".removeprefix(".")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, inside
        yield from _functions(node, inside)


def _allowed(root: Path) -> dict[str, int]:
    path = root / ALLOWED
    rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pairs = [row.rsplit(maxsplit=1) for row in rows if row.strip() and not row.startswith("#")]
    return {name: int(lines) for name, lines in pairs}


def _long(root: Path) -> str:
    """How much is longer than aimed at, in one line; a count, not a fault."""
    all_of_it = list(measured(root))
    files = [lines for _, lines, limit in all_of_it if limit == FILE_LINES]
    functions = [lines for _, lines, limit in all_of_it if limit == FUNCTION_LINES]
    return (
        f"{sum(n > FILE_LINES_AIM for n in files)} of {len(files)} files are longer than {FILE_LINES_AIM} lines, "
        f"{sum(n > FUNCTION_LINES_AIM for n in functions)} of {len(functions)} functions "
        f"longer than {FUNCTION_LINES_AIM}"
    )


def _check(root: Path) -> list[str]:
    print(_long(root))
    return faults(root)


if __name__ == "__main__":
    report(_check)
