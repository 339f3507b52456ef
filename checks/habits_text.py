"""Habits seen in the text of a file: nothing unfinished, nothing of one machine, no address that is not ours to say."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

# Put together from parts, so that this file does not name what it forbids.
_UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
_ANYWHERE = (
    (re.compile(r"(?<![\w.*-])/wo" + r"rk/"), "names a folder of one machine", "use a path relative to the repository"),
    (
        re.compile(
            r"py" + r"pi\.org|python" + r"hosted\.org|registry\.npm" + r"js|crates" + r"\.io|(?<!emit-)index" + r"-url"
        ),
        "names a package registry",
        "the installer's own configuration decides where packages come from",
    ),
    (re.compile(r"BEGIN [A-Z ]*PRIVATE" + r" KEY"), "holds a private key", "make one when the test runs"),
)
_IGNORE = re.compile(r"#\s*(noqa(:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*)?|type:\s*ignore(\[[^\]]*\])?)(?P<reason>.*)")


def breaches(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Line and breach. In Python files only comments can be unfinished; a string may speak of it."""
    for number, line in enumerate(text.splitlines(), start=1):
        for pattern, what, hint in _ANYWHERE:
            if pattern.search(line):
                yield number, f"{what}: {line.strip()[:100]}\n  hint: {hint}"
        if path.suffix != ".py" and _UNFINISHED.search(line):
            yield number, f"unfinished: {line.strip()[:100]}\n  hint: finish it, or write it down where work is planned"
    if path.suffix == ".py":
        yield from _comments(text)


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        if _UNFINISHED.search(token.string):
            yield (
                token.start[0],
                f"unfinished: {token.string[:100]}\n  hint: finish it, or write it down where work is planned",
            )
        ignored = _IGNORE.match(token.string)
        if ignored and not re.search(r"\w{3}", ignored["reason"]):
            yield token.start[0], f"an ignore without its reason: {token.string}\n  hint: add a second # and say why"
