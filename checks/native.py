"""The native build of this checkout, under build/native: made when sources changed, never beside the sources.

``python -m checks.native`` builds it; ``--where`` prints its folder too, and nothing where there is no compiler;
``--test`` runs the tests that touch compiled modules once more, against it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import zipfile
from pathlib import Path

from checks.tree import ROOT

BUILT = Path("build/native")
_STAMP = ".made-of"
_COPY = Path("build/native-tests")
NO_COMPILER = "no C compiler with Python's headers is here, so nothing is compiled; everything works in pure Python"
# What a compiled module is behind.
TESTS = (
    "repo/test_native.py",
    "rules",
    "wire",
    "path",
    "recorded",
    "http_client",
    "attack",
    "passing",
    "images",
    "store",
    "sdk",
    "oip",
    "sim",
    "process",
    "pins",
)
# The first three take a bound away by replacing a function, which calls between compiled modules do not notice. The last
# counts on the path of Python being below the folder it runs in, and that is a copy.
_NOT = ("attack/test_ablations.py", "pins/test_ablations.py", "passing/test_ablations.py", "sdk/test_demo.py")


def modules(root: Path) -> list[str]:
    """The files that are compiled, relative to root."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    listed: list[str] = project["tool"]["poise"]["native"]["modules"]
    return listed


def has_compiler() -> bool:
    """Whether C can be compiled for this Python."""
    program = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    return shutil.which(program) is not None and Path(sysconfig.get_path("include"), "Python.h").exists()


def made_of(root: Path) -> str:
    """A digest of all that the build depends on."""
    whole = hashlib.sha256(f"{sys.version} {sysconfig.get_platform()}".encode())
    named = [root / name for name in ("pyproject.toml", "hatch_build.py", "requirements/dev.txt")]
    inside = [path for path in (root / "poise").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    for path in (*named, *sorted(inside)):
        whole.update(f"\0{path.relative_to(root)}\0".encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()


def is_current(root: Path) -> bool:
    """Whether what lies under build/native was made of these very sources."""
    stamp = root / BUILT / _STAMP
    return stamp.exists() and stamp.read_text() == made_of(root)


def build(root: Path) -> None:
    """Build the wheel and unpack it. Raises CalledProcessError, with everything said on stderr."""
    digest = made_of(root)
    built = root / BUILT
    built.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=built.parent) as folder:
        wheels, fresh = Path(folder, "wheel"), Path(folder, "fresh")
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)],
            cwd=root,
            check=True,
            env={**os.environ, "POISE_NATIVE": "1", "TMPDIR": folder},
            stdout=sys.stderr,
        )
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            wheel.extractall(fresh)
        (fresh / _STAMP).write_text(digest)
        shutil.rmtree(built, ignore_errors=True)
        fresh.rename(built)


def test(root: Path) -> int:
    """The tests of TESTS against the build: from a copy, beside which there is no pure poise to be imported instead."""
    copy = root / _COPY
    shutil.rmtree(copy, ignore_errors=True)
    for name in ("tests", "checks", "docs"):
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", copy)
    chosen = [f"tests/{name}" for name in TESTS] + [f"--ignore=tests/{name}" for name in _NOT]
    path = str(root / BUILT)
    recordings = os.environ.get("POISE_RECORDINGS", str(root.parent / "shared/recordings"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *chosen],
        cwd=copy,
        check=False,
        env={**os.environ, "PYTHONPATH": path, "POISE_TEST_NATIVE": path, "POISE_RECORDINGS": recordings},
    )
    return done.returncode


def main(argv: list[str]) -> int:
    """0 where the build is there, or can be done without; 1 where it is missing, or a test fails."""
    if not has_compiler():
        print(f"native: {'skipped, ' if argv else ''}{NO_COMPILER}", file=sys.stderr)
        return 0 if argv else 1
    if not is_current(ROOT):
        print("native: compiling, about a minute", file=sys.stderr)
        try:
            build(ROOT)
        except subprocess.CalledProcessError:
            print("native: the build failed, see above", file=sys.stderr)
            return 1
    print(f"native: {BUILT} is current", file=sys.stderr)
    if "--where" in argv:
        print(ROOT / BUILT)
    return test(ROOT) if "--test" in argv else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
