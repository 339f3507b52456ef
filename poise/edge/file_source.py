"""Snapshots from poise.yaml: the file, what it includes and the secrets' files it names, watched together."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from poise.edge.config import Loaded, Problems, compile_snapshot, load, resolve
from poise.edge.config.node import Mapping, Node, Sequence
from poise.edge.snapshot import Snapshot
from poise.edge.source import Touch, Unusable, touch


class FileSource:
    """One configuration file. The salt of its keys' hashes lives as long as the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._salt = secrets.token_bytes(16)
        self._watched: tuple[Path, ...] = (path,)

    def compile(self, epoch: int) -> Snapshot:
        """Load, resolve and compile with all secrets present. Raises Unusable with every problem there is."""
        try:
            loaded = load(self._path)
            self._watched = tuple(dict.fromkeys(_touched(loaded)))
            return compile_snapshot(resolve(loaded), os.environ, epoch, self._salt)
        except Problems as bad:
            raise Unusable(*map(str, bad.problems)) from bad

    def fingerprint(self) -> dict[Path, Touch]:
        """The state of every watched path."""
        return {path: touch(path) for path in self._watched}


def _touched(loaded: Loaded) -> Iterator[Path]:
    yield from loaded.files
    include = loaded.root.items.get("include")
    for pattern in _texts(include) if include is not None else ():
        yield (loaded.path.parent / pattern).parent  # a file that comes or goes changes its folder
    for text in _texts(loaded.root):
        if text.startswith("file:"):
            yield Path(text.removeprefix("file:"))


def _texts(node: Node) -> Iterator[str]:
    if isinstance(node, Mapping):
        for item in node.items.values():
            yield from _texts(item)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _texts(item)
    elif isinstance(node.value, str):
        yield node.value
