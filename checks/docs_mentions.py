"""Everything a document points at is there: links and their headings, files, commands, targets of make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from checks.tree import texts

_LINK = re.compile(r"(?<!\\)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"^(?:poise|tests|checks|docs|requirements|\.ci)/[\w./-]+\.\w+$")
_COMMAND = re.compile(r"^\$? ?poise ([a-z][a-z-]*)")
_MAKE = re.compile(r"^\$? ?make ([a-z][a-z-]*)")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def faults(root: Path) -> list[str]:
    """What the Markdown files of a folder point at and is not there."""
    targets = _targets(root)
    found = []
    for path, text in texts(root, ".md"):
        found += [f"{path}: {fault}" for fault in _links(root, path, _FENCE.sub("", text))]
        for word in _written(text):
            if _FILE.match(word) and not (root / word).exists():
                found.append(f"{path}: names {word}, which does not exist")
            make = _MAKE.match(word)
            if make and make[1] not in targets:
                found.append(f"{path}: says `make {make[1]}`, which is no target")
    return found + _commands(root)


def _commands(root: Path) -> list[str]:
    """Commands that a document shows and the program does not have; the program is only asked where one is shown."""
    said = [
        (path, match[1])
        for path, text in texts(root, ".md")
        for word in _written(text)
        if (match := _COMMAND.match(word))
    ]
    if not said:
        return []
    try:
        from checks.docs_help import commands

        known = set(commands())
    except ImportError as missing:
        return [f"the commands that the documents show are missing: {missing}"]
    return [f"{path}: shows `poise {name}`, which is no command" for path, name in said if name not in known]


def _links(root: Path, path: Path, text: str) -> Iterator[str]:
    for target in _LINK.findall(_SPAN.sub("", text)):
        if re.match(r"^[a-z][a-z0-9+.-]*:", target):
            continue  # the world outside is not asked: a check must not need a network
        name, _, heading = unquote(target).partition("#")
        file = (root / path.parent / name) if name else root / path
        if not file.resolve().is_relative_to(root.resolve()):
            yield f"links {target}, outside the repository"
        elif not file.exists():
            yield f"links {target}, which does not exist"
        elif heading and file.suffix == ".md" and heading not in headings(file.read_text(encoding="utf-8")):
            yield f"links {target}, and that file has no such heading"


def headings(text: str) -> set[str]:
    """The anchors of a document: its headings in lower case, punctuation gone, blanks as hyphens."""
    lines = [line.lstrip("#").strip().lower() for line in _FENCE.sub("", text).splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", line).replace(" ", "-") for line in lines}


def _written(text: str) -> list[str]:
    """What stands in code: inline spans, and each line of a fenced block."""
    fenced = [line.strip() for block in _FENCE.findall(text) for line in block.splitlines()[1:-1]]
    return fenced + [span.strip() for span in _SPAN.findall(_FENCE.sub("", text))]


def _targets(root: Path) -> set[str]:
    makefile = root / "Makefile"
    return set(_TARGET.findall(makefile.read_text(encoding="utf-8"))) if makefile.exists() else set()
