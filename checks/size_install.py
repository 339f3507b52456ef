"""How much disk the base install takes: the packages of requirements/base.txt, without pip, setuptools and bytecode."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from checks.tree import ROOT

LIMIT_MB = 150.0
_NOT_COUNTED = ("pip", "setuptools", "_distutils_hack", "distutils-precedence", "pkg_resources", "wheel")


def measure(site_packages: Path) -> dict[str, int]:
    """Bytes by top-level name, what pip and setuptools brought and all bytecode left out."""
    sizes: dict[str, int] = {}
    for entry in site_packages.iterdir():
        if entry.name.split("-")[0].split(".")[0] in _NOT_COUNTED or entry.name == "distutils-precedence.pth":
            continue
        files = [entry] if entry.is_file() else [path for path in entry.rglob("*") if path.is_file()]
        sizes[entry.name] = sum(
            path.stat().st_size for path in files if path.suffix != ".pyc" and not path.is_symlink()
        )
    return {name: size for name, size in sizes.items() if size}


def install(folder: Path, lock: Path) -> Path:
    """Install a lock into a fresh environment in folder. Returns its site-packages. Raises CalledProcessError."""
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-compile", "--require-hashes", "-r", lock], check=True
    )
    return next(folder.glob("lib/python*/site-packages"))


def verdict(sizes: dict[str, int], limit_mb: float = LIMIT_MB) -> tuple[bool, str]:
    """Whether it is small enough, and what to say: the whole and the five largest. A MB is 10^6 bytes."""
    whole_mb = sum(sizes.values()) / 1e6
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
    parts = ", ".join(f"{name} {size / 1e6:.1f}" for name, size in largest)
    return whole_mb <= limit_mb, f"base install: {whole_mb:.1f} MB, at most {limit_mb:.0f}; largest: {parts}"


def main() -> int:
    """Measure a fresh install; 1 where it is too large."""
    with tempfile.TemporaryDirectory() as folder:
        small, text = verdict(measure(install(Path(folder), ROOT / "requirements/base.txt")))
    print(text)
    return not small


if __name__ == "__main__":
    sys.exit(main())
