"""``${NAME}`` and ``${NAME:-default}`` in scalars, filled in from the environment; ``$${`` is a plain ``${``."""

from __future__ import annotations

import re
from collections.abc import Mapping as Environ

from poise.edge.config.node import Mapping, Node, Scalar, Sequence, scalar_value, show
from poise.edge.config.problem import Findings
from poise.edge.config.spec import Wrong

MAX_FILLED = 16 * 1024  # characters of one scalar

_REFERENCE = re.compile(
    r"\$\$\{|\$\{([^}]{0,1024})\}|\$\{"
)  # bounded: many openings and no end would cost their square
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


def fill(node: Node, environ: Environ[str, str], findings: Findings) -> Node:
    """The same tree with every reference filled in. A plain scalar is understood anew: ``${N:-3}`` is a number."""
    return _Filler(environ, findings).fill(node, "")


class _Filler:
    def __init__(self, environ: Environ[str, str], findings: Findings) -> None:
        self._environ = environ
        self._findings = findings
        self._done: dict[int, Node] = {}  # by identity: an alias is filled in once; the parsed tree outlives this

    def fill(self, node: Node, path: str) -> Node:
        known = self._done.get(id(node))
        if known is None:
            known = self._done[id(node)] = self._filled(node, path)
        return known

    def _filled(self, node: Node, path: str) -> Node:
        if isinstance(node, Scalar):
            return self._scalar(node, path) if "${" in node.text else node
        if isinstance(node, Sequence):
            return Sequence(node.place, [self.fill(item, f"{path}[{i}]") for i, item in enumerate(node.items)])
        prefix = f"{path}." if path else ""
        items = {name: self.fill(item, prefix + name) for name, item in node.items.items()}
        return Mapping(node.place, items, node.keys)

    def _scalar(self, node: Scalar, path: str) -> Scalar:
        """One scalar filled in; '' in its place, and one problem, where that cannot be done."""
        try:
            text = _REFERENCE.sub(self._value, node.text) if len(node.text) <= MAX_FILLED else node.text
            if len(text) > MAX_FILLED:
                hint = "a setting is short; a secret goes by env:NAME or file:PATH"
                raise Wrong(f"is longer than {MAX_FILLED} characters", hint)
        except Wrong as wrong:
            self._findings.error(node.place, path, show(node), wrong.text, wrong.hint)
            text = ""
        return node._replace(value=scalar_value(text) if node.plain else text)

    def _value(self, match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        inside = _INSIDE.fullmatch(match[1] or "")
        if inside is None:
            raise Wrong(
                "is not a reference to the environment", "write ${NAME}, ${NAME:-default}, or $${ for a plain ${"
            )
        name, default = inside[1], inside[2]
        value = self._environ.get(name)
        if not value and default is not None:
            return str(default)  # as in a shell: `:-` stands in also for what is set but empty
        if value is None:
            raise Wrong(f"{name} is not set in the environment", f"set it, or give a default: ${{{name}:-...}}")
        return value
