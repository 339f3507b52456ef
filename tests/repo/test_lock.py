"""The lock check finds what is not pinned, not hashed, not locked, or runs at every start of Python."""

from __future__ import annotations

from pathlib import Path

from checks import lock
from tests.repo.conftest import Write

PROJECT = """
[project]
name = "x"
dependencies = ["msgspec>=0.20"]
[dependency-groups]
dev = ["PyTest_Plugin>=1"]
"""
HASH = " \\\n    --hash=sha256:00\n"


def locked(write: Write, base: str, dev: str) -> None:
    write("pyproject.toml", PROJECT)
    write("requirements/base.txt", base)
    write("requirements/dev.txt", dev)


def test_complete_lock_passes(tmp_path: Path, write: Write) -> None:
    """Names are compared as installers compare them."""
    locked(write, "msgspec==0.22.0" + HASH, "msgspec==0.22.0" + HASH + "pytest-plugin==1.0" + HASH)

    assert [] == lock.faults(tmp_path)


def test_requirement_without_hash_or_version_is_found(tmp_path: Path, write: Write) -> None:
    """A version without a hash is whatever the registry says today."""
    locked(write, "msgspec==0.22.0\n", "msgspec>=0.22" + HASH + "pytest-plugin==1.0" + HASH)

    found = lock.faults(tmp_path)

    assert 1 == len([fault for fault in found if fault.startswith("requirements/base.txt") and "no" in fault])
    assert any(fault.startswith("requirements/dev.txt: 'msgspec>=0.22") for fault in found)


def test_dependency_missing_from_the_lock_or_too_old_is_found(tmp_path: Path, write: Write) -> None:
    """pyproject.toml and the lock cannot drift apart."""
    locked(write, "msgspec==0.19.0" + HASH, "msgspec==0.19.0" + HASH)

    found = lock.faults(tmp_path)

    assert any("asks for msgspec>=0.20, the lock has 0.19.0" in fault for fault in found)
    assert any("asks for PyTest_Plugin>=1, the lock has none" in fault for fault in found)


def test_strange_pth_file_is_found(tmp_path: Path, write: Write) -> None:
    """Each known one has its reason."""
    for name, reason in lock.PTH_ALLOWED.items():
        write(name, "import x\n")
        assert reason
    assert [] == lock.strange_pth(tmp_path)

    write("surprise.pth", "import os\n")
    assert ["surprise.pth"] == [fault.split(":")[0] for fault in lock.strange_pth(tmp_path)]


def test_environment_that_is_not_the_lock_is_found() -> None:
    """What is tested is what is locked."""
    assert [] == lock.drifted({})
    assert ["pytest"] == [fault.split(":")[0] for fault in lock.drifted({"pytest": "0.0.1"})]
    assert ["not-installed"] == [fault.split(":")[0] for fault in lock.drifted({"not-installed": "1"})]
