"""From files to one validated tree: read, fill in the environment, take in what is included, check each leaf."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Mapping as Environ
from pathlib import Path

import msgspec

from poise.edge.config import not_yet
from poise.edge.config.interpolate import fill
from poise.edge.config.node import MAX_FILE_BYTES, Bad, Mapping, Node, Scalar, Sequence, parse, show
from poise.edge.config.problem import Findings, Place, Problem
from poise.edge.config.shape import FILE, FileShape

MAX_FILES = 200
SECTIONS = ("providers", "models", "profiles", "workflows", "keys")  # merged name by name; all else is said in one file


class Loaded(msgspec.Struct, frozen=True):
    """A valid file by itself; ``resolve`` looks at how its parts fit together.

    root is the merged tree with the place of every value; files are all that were read, the main one first.
    """

    path: Path
    shape: FileShape
    root: Mapping
    files: tuple[Path, ...]
    warnings: tuple[Problem, ...] = ()


def load(path: Path, environ: Environ[str, str] | None = None) -> Loaded:
    """Read and validate a configuration. environ fills in ``${NAME}``; the process's own where None.

    No secret needs to be present. Raises Problems with everything that is wrong, never anything else.
    """
    findings = Findings()
    loaded = load_into(path, os.environ if environ is None else environ, findings)
    findings.raise_any()
    assert loaded is not None
    return loaded


def load_into(path: Path, environ: Environ[str, str], findings: Findings) -> Loaded | None:
    """``load``, with problems left in findings; None where nothing can be said of the whole."""
    main = _tree(path, environ, findings)
    if main is None:
        return None
    files = [path]
    root = main
    for more in _included(main, path, findings):
        tree = _tree(more, environ, findings)
        files.append(more)
        if tree is not None:
            root = _joined(root, tree, findings)
    literal = root.items.get("allow_literal_secrets")
    findings.literal_secrets = isinstance(literal, Scalar) and literal.value is True
    not_yet.refuse(root, findings)
    shape = FILE.read(root, "", findings)
    if not isinstance(shape, FileShape):
        return None
    return Loaded(path, shape, root, tuple(files))


def watched(loaded: Loaded) -> tuple[Path, ...]:
    """Every path whose change may change the snapshot: the files, the folders that ``include`` searches, and the files
    of secrets and certificates, as absolute as they were resolved.
    """
    paths = dict.fromkeys(loaded.files)
    paths.update((Path(loaded.path.parent, pattern).parent, None) for pattern in loaded.shape.include)
    shape = loaded.shape
    secrets = [provider.key for provider in shape.providers.values()]
    secrets += [provider.proxy for provider in shape.providers.values()]
    for key in shape.keys.values():
        secrets += key.secret if isinstance(key.secret, tuple) else (key.secret,)
    found = [s.reference.removeprefix("file:") for s in secrets if s is not None and s.reference.startswith("file:")]
    for provider in shape.providers.values():
        found += [provider.ca, provider.client_cert, provider.client_key]
    paths.update((Path(name), None) for name in found if name)
    return tuple(paths)


def _tree(path: Path, environ: Environ[str, str], findings: Findings) -> Mapping | None:
    """One file as a mapping, or None with the reason told."""
    file = str(path)
    try:
        node = parse(_read(path), file, findings)
    except OSError as error:
        text = f"cannot be read: {error.strerror or error}"
        findings.error(
            Place(file), "", "", text, "poise init writes one" if not path.exists() else "look at its permissions"
        )
        return None
    except Bad as bad:
        findings.error(bad.place, "", bad.value, bad.text, bad.hint)
        return None
    if node is None:
        findings.error(Place(file, 1, 1), "", "", "is empty", "begin with version: 1; poise init writes an example")
        return None
    if not isinstance(node, Mapping):
        findings.error(node.place, "", show(node), "is not a configuration", "begin with version: 1")
        return None
    filled = fill(node, environ, findings)
    assert isinstance(filled, Mapping)
    return filled


def _read(path: Path) -> bytes:
    """At most one byte more than is allowed. Raises OSError, also for what is no file: a pipe could make us wait."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "it is not a file")
    with path.open("rb") as stream:
        return stream.read(MAX_FILE_BYTES + 1)


def _included(main: Mapping, path: Path, findings: Findings) -> list[Path]:
    """The files that ``include`` names, sorted, each once. A pattern may match none, a plain name may not."""
    node = main.items.get("include")
    found: dict[Path, None] = {}
    for i, item in enumerate(node.items if isinstance(node, Sequence) else ()):
        if not isinstance(item, Scalar) or not isinstance(item.value, str) or not item.value:
            continue  # told by the reader of the whole
        where, pattern = f"include[{i}]", item.value
        if "**" in pattern or "\0" in pattern:
            findings.error(
                item.place, where, show(item), "may not search whole trees", "name the folder: conf.d/*.yaml"
            )
            continue
        matches = sorted(glob.glob(str(path.parent / pattern)))  # noqa: PTH207  # a pattern may be absolute, too
        if not matches and not glob.has_magic(pattern):
            findings.error(item.place, where, show(item), "does not exist", f"it is looked for in {path.parent}")
        if len(found) + len(matches) > MAX_FILES:
            findings.error(item.place, where, show(item), f"makes more than {MAX_FILES} files", "join some of them")
            break
        found.update((Path(match), None) for match in matches if not _same(Path(match), path))
    return list(found)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _joined(root: Mapping, more: Mapping, findings: Findings) -> Mapping:
    """What an included file adds. The same name in two files is an error; the first keeps its place."""
    items, keys = dict(root.items), dict(root.keys)
    for name, node in more.items.items():
        place = more.keys[name]
        there = items.get(name)
        if name == "include":
            text = "stands in a file that is itself included"
            findings.error(place, name, show(node), text, "only the main file includes others")
        elif name == "version":
            if not (isinstance(node, Scalar) and node.value == 1):
                findings.error(
                    node.place, name, show(node), "is not a version that is known", "version: 1, or leave it out here"
                )
        elif there is None:
            items[name], keys[name] = node, place
        elif name in SECTIONS and isinstance(there, Mapping) and isinstance(node, Mapping):
            items[name] = _section(there, node, name, findings)
        else:
            text = f"is said in two files; first at {keys[name]}"
            findings.error(place, name, show(node), text, "keep one of them")
    return Mapping(root.place, items, keys)


def _section(there: Mapping, more: Mapping, section: str, findings: Findings) -> Node:
    items, keys = dict(there.items), dict(there.keys)
    for name, node in more.items.items():
        if name in items:
            text = f"is in two files; first at {keys[name]}"
            findings.error(more.keys[name], f"{section}.{name}", name, text, "rename one of them")
            continue
        items[name], keys[name] = node, more.keys[name]
    return Mapping(there.place, items, keys)
