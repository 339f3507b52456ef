"""The base install is small, measured in a fresh environment."""

from __future__ import annotations

from pathlib import Path

from checks import size_install
from checks.tree import ROOT
from tests.repo.conftest import Write


def test_only_packages_count_without_installer_and_bytecode(tmp_path: Path, write: Write) -> None:
    """What pip brought for itself is not what a user installs."""
    for name in ("pip/a.py", "setuptools-65.dist-info/METADATA", "_distutils_hack/a.py", "distutils-precedence.pth"):
        write(name, "x" * 1000)
    write("msgspec/a.so", "x" * 700)
    write("msgspec/__pycache__/a.pyc", "x" * 900)
    write("typing_extensions.py", "x" * 50)

    assert {"msgspec": 700, "typing_extensions.py": 50} == size_install.measure(tmp_path)


def test_install_above_the_limit_is_refused() -> None:
    """The limit itself is allowed."""
    assert size_install.verdict({"a": 150_000_000})[0]
    assert not size_install.verdict({"a": 150_000_001})[0]


def test_base_install_is_at_most_150_mb(tmp_path: Path) -> None:
    """The lock's packages, without pip, setuptools and bytecode."""
    sizes = size_install.measure(size_install.install(tmp_path / "venv", ROOT / "requirements/base.txt"))
    small, text = size_install.verdict(sizes)

    assert sizes.keys() >= {"msgspec", "uvloop"}
    assert small, text
