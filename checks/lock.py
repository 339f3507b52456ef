"""The lock: versions pinned and hashed, all that is asked for in it, nothing installed that runs at start unasked."""

from __future__ import annotations

import re
import sysconfig
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from checks.tree import report

_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[\w,-]+\])?==(?P<version>\S+)")
# A .pth file is code or a path that every start of Python takes in. These are known:
PTH_ALLOWED = {
    "_editable_impl_poise.pth": "this project itself, installed in place by hatchling",
    "distutils-precedence.pth": "setuptools, which compiles what mypyc makes",
}


def faults(root: Path) -> list[str]:
    """Faults of requirements/*.txt against themselves and pyproject.toml, and of the environment this runs in."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {"base": project["project"]["dependencies"]}
    wanted["dev"] = wanted["base"] + project.get("dependency-groups", {}).get("dev", [])
    found = []
    for name, asked in wanted.items():
        path = Path("requirements", f"{name}.txt")
        text = (root / path).read_text(encoding="utf-8")
        found += [f"{path}: {fault}" for fault in _unhashed(text)]
        found += [f"{path}: {fault}" for fault in _unmet(pinned(text), asked)]
    return found


def pinned(text: str) -> dict[str, str]:
    """Canonical name to version of each requirement in a compiled file."""
    rows = (_PINNED.match(line) for line in text.splitlines())
    return {canonicalize_name(row["name"]): row["version"] for row in rows if row}


def _unhashed(text: str) -> list[str]:
    """Requirements that are not ``name==version`` with at least one SHA-256 hash."""
    joined = text.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    bad = [line for line in lines if not (_PINNED.match(line) and "--hash=sha256:" in line)]
    return [f"{line[:60]!r} is not a pinned version with a hash\n  hint: make lock" for line in bad]


def _unmet(versions: dict[str, str], asked: list[str]) -> list[str]:
    """What pyproject.toml asks for and the lock does not hold."""
    found = []
    for text in asked:
        wish = Requirement(text)
        version = versions.get(canonicalize_name(wish.name))
        if version is None or not wish.specifier.contains(version, prereleases=True):
            found.append(f"pyproject.toml asks for {text}, the lock has {version or 'none'}\n  hint: make lock")
    return found


def strange_pth(site_packages: Path) -> list[str]:
    """.pth files in an environment that PTH_ALLOWED does not explain."""
    names = sorted(path.name for path in site_packages.glob("*.pth"))
    return [
        f"{name}: runs at every start of Python\n  hint: who put it there?" for name in names if name not in PTH_ALLOWED
    ]


def drifted(versions: dict[str, str]) -> list[str]:
    """Packages of the lock that the running environment has in another version, or not at all."""
    have: dict[str, str] = {canonicalize_name(d.metadata["Name"]): d.version for d in metadata.distributions()}
    wrong = [(name, version, have.get(name)) for name, version in versions.items() if have.get(name) != version]
    return [
        f"{name}: installed {found}, locked {version}\n  hint: make clean, then again" for name, version, found in wrong
    ]


def _check(root: Path) -> list[str]:
    dev = pinned((root / "requirements/dev.txt").read_text(encoding="utf-8"))
    return faults(root) + strange_pth(Path(sysconfig.get_path("purelib"))) + drifted(dev)


if __name__ == "__main__":
    report(_check)
