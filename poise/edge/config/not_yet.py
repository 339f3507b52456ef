"""What the file may say and this version does not do: refused, never ignored. Who builds it removes its row."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

from poise.edge.config.node import Mapping, Node, Scalar, Sequence, show
from poise.edge.config.problem import Findings


class NotYet(NamedTuple):
    """A setting's path, with * for one name and {a,b} for either; the values meant, with *; what it is."""

    path: str
    values: str
    what: str


NOT_YET: tuple[NotYet, ...] = (
    NotYet("data", "postgresql://*", "the Postgres store"),
    NotYet("observe", "*", "export of traces and metrics"),
    NotYet("models.*", "*", "a model that Poise itself runs"),
    NotYet("providers.*.vendor", "watsonx", "the watsonx dialect"),
    NotYet("{profiles,workflows}.*.postures.*", "*", "a posture"),
    NotYet("{profiles,workflows}.*.cache", "*", "a cache of answers"),
    NotYet("{profiles,workflows}.*.review", "*", "review by a person"),
)


_DEEPEST = max(row.path.count(".") + 1 for row in NOT_YET)


def refuse(root: Node, findings: Findings) -> None:
    """Tell of every setting in the tree that this version does not do."""
    _walk(root, (), findings)


def row_for(path: tuple[str, ...], value: str) -> NotYet | None:
    """The row that a setting falls under, if any; the path's names one by one, for a name may hold a dot."""
    joined = "\0".join(path)
    for row in NOT_YET:
        if _compiled(row.path).fullmatch(joined) and fnmatchcase(value, row.values.replace("[", "[[]")):
            return row
    return None


def _walk(node: Node, path: tuple[str, ...], findings: Findings) -> None:
    if isinstance(node, Scalar) and node.value is None:
        return  # the same as not being there
    value = str(node.value) if isinstance(node, Scalar) else "[list]" if isinstance(node, Sequence) else "{mapping}"
    row = row_for(path, value) if path else None
    if row is not None:
        text = f"not yet in this version: {row.what}"
        findings.error(node.place, ".".join(path), show(node), text, "take it out for now; nothing is silently ignored")
    elif isinstance(node, Mapping) and len(path) < _DEEPEST:
        for name, item in node.items.items():
            _walk(item, (*path, name), findings)


@cache
def _compiled(path: str) -> re.Pattern[str]:
    words = [re.sub(r"\{(.*)\}", lambda m: f"({m[1].replace(',', '|')})", word) for word in path.split(".")]
    return re.compile("\0".join("[^\0]*" if word == "*" else word for word in words))
