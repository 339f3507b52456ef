"""The files a check looks at: those git tracks or would track, so that what is built or downloaded is never judged."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_NOT_OURS = {".venv", "build", "dist", "node_modules"}


def files(root: Path, *suffixes: str) -> list[Path]:
    """Files below root, relative to it and sorted; suffixes such as ``.py`` choose, none means all.

    Where root is no git repository (an unpacked archive, a test's folder) every visible file counts.
    """
    if (root / ".git").exists():
        listing = subprocess.run(  # -z: a name may hold any character
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607  # git is on the PATH
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        found = [Path(name) for name in listing.split("\0") if name]
    else:
        found = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
        found = [path for path in found if not _hidden(path)]
    return sorted(path for path in found if (not suffixes or path.suffix in suffixes) and (root / path).is_file())


def _hidden(path: Path) -> bool:
    """Whether a file lies in a folder of tools or of builds; ``.ci`` is ours."""
    return any(part in _NOT_OURS or (part.startswith(".") and part != ".ci") for part in path.parts[:-1])


def texts(root: Path, *suffixes: str) -> Iterable[tuple[Path, str]]:
    """Each file that is text, with its text."""
    for path in files(root, *suffixes):
        try:
            yield path, (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def parsed(path: Path, text: str) -> ast.Module:
    """The syntax tree of a Python file; an empty one where it has a syntax error, which ruff and mypy report."""
    try:
        return ast.parse(text, str(path))
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def report(check: Callable[[Path], list[str]]) -> None:
    """Run a check over the folder named on the command line, or this repository; print its faults; exit 1 if any."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else ROOT
    faults = check(root)
    for fault in faults:
        print(fault)
    sys.exit(bool(faults))
