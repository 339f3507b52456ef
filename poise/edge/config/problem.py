"""What is wrong with a configuration: where, the value, why, a way out. All of it is collected, not the first alone."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import NamedTuple

MAX_PROBLEMS = 200  # of one kind: whoever made more than this did not write the file by hand
MAX_COMPARED = 200  # names that a wrong one is compared with
MAX_SHOWN = 60  # characters of a bad value
HIDDEN = "(hidden)"

# What vendors' keys look like. A key in the wrong place must not end up in a log.
_LOOKS_SECRET = re.compile(
    r"\b(sk|pk|rk|gsk|xai|key|nvapi|fw|tgp|csk|AIza)[-_]?[A-Za-z0-9_-]{12,}|\bBearer\s|://[^/\s]*@"
)


class Place(NamedTuple):
    """Where something stands: line and column count from 1; 0 where there is none (a file that cannot be read)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Problem(NamedTuple):
    """One thing that is wrong. path is the setting's (``workflows.chat.timers.stall``), '' for the file as a whole;
    value is what stands there, shortened, and never a secret.
    """

    file: str
    line: int
    column: int
    path: str
    value: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        where = str(Place(self.file, self.line, self.column))
        subject = ": ".join(part for part in (self.path, self.value) if part)
        head = f"{where}: {subject}: {self.text}" if subject else f"{where}: {self.text}"
        return f"{head}\n  hint: {self.hint}" if self.hint else head


class Problems(Exception):
    """A configuration that cannot be used, with everything that is wrong with it in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Findings:
    """Collects problems and warnings; the same one is kept once, and no more than MAX_PROBLEMS of each."""

    def __init__(self, *, literal_secrets: bool = False) -> None:
        self.literal_secrets = literal_secrets
        self._problems: dict[Problem, None] = {}
        self._warnings: dict[Problem, None] = {}
        self._more = 0

    @property
    def full(self) -> bool:
        """Whether there is no room for another problem, so that looking for more is wasted."""
        return len(self._problems) >= MAX_PROBLEMS

    @property
    def problems(self) -> tuple[Problem, ...]:
        """In order of file and line."""
        found = sorted(self._problems)
        if self._more:
            last = found[-1]
            found.append(Problem(last.file, 0, 0, "", "", f"and at least {self._more} problems more"))
        return tuple(found)

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """In order of file and line."""
        return tuple(sorted(self._warnings))

    def error(
        self, place: Place, path: str, value: str, text: str, hint: str = "", *, known: Iterable[str] = ()
    ) -> None:
        """Something that must be put right. Without a hint the nearest of the known names is it."""
        if self.full:  # the search for a hint is slow, and what is beyond the bound is only counted
            self._more += 1
            return
        hint = hint or did_you_mean(value, known)
        self._problems[Problem(*place, path, value, text, hint)] = None

    def warning(
        self, place: Place, path: str, value: str, text: str, hint: str = "", *, known: Iterable[str] = ()
    ) -> None:
        """Something that is allowed and may not be meant."""
        if len(self._warnings) < MAX_PROBLEMS:
            hint = hint or did_you_mean(value, known)
            self._warnings[Problem(*place, path, value, text, hint)] = None

    def raise_any(self) -> None:
        """Raise Problems where there are any."""
        if self._problems:
            raise Problems(self.problems)


def shown(text: str) -> str:
    """A bad value as people may see it: on one line, shortened, hidden where it looks like a secret."""
    text = text[:1000]
    if _LOOKS_SECRET.search(text):
        return HIDDEN
    line = text if text.isprintable() else repr(text)[1:-1]
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 3] + "..."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest of what is known, or all of it where it is short, or ''."""
    names = sorted(set(known))
    # Comparing costs about 20 us a name: of many, only those that begin alike are looked at.
    alike = names if len(names) <= MAX_COMPARED else [known for known in names if known[:2] == name[:2]][:MAX_COMPARED]
    near = difflib.get_close_matches(name[:100], alike, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    if not names:
        return ""
    return f"known: {', '.join(names[:16])}{', ...' if len(names) > 16 else ''}"
