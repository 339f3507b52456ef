"""What is compiled: the list holds, the build follows the sources, and a machine without a compiler does without."""

from __future__ import annotations

import ast
import inspect
import os
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import msgspec
import pytest

from checks import native
from checks.tree import ROOT
from poise.edge import version

FOLDER = os.environ.get("POISE_TEST_NATIVE", "")  # set where the tests run against the compiled build
MODULES = native.modules(ROOT)
NAMES = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in MODULES]


def test_the_list_is_sorted_and_names_each_once() -> None:
    """So that two changes to it meet in one place."""
    assert sorted(set(MODULES)) == MODULES


@pytest.mark.skipif(bool(FOLDER), reason="beside the compiled build there are no sources")
@pytest.mark.parametrize("path", MODULES)
def test_each_listed_file_is_there(path: str) -> None:
    """A build without it would fail, or silently leave it out."""
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_no_struct_is_defined_where_code_is_compiled(name: str) -> None:
    """A Struct reads its annotations while running, and a compiled module does not keep them: it decodes wrongly."""
    module = import_module(name)
    classes = inspect.getmembers(module, inspect.isclass)
    structs = [cls.__name__ for _, cls in classes if cls.__module__ == name and issubclass(cls, msgspec.Struct)]

    assert [] == structs


@pytest.mark.skipif(bool(FOLDER), reason="beside the compiled build there are no sources")
@pytest.mark.parametrize("path", MODULES)
def test_no_class_has_none_for_a_default(path: str) -> None:
    """A compiled class takes it for a declaration, and the attribute is not there: it is set in __init__ instead."""
    classes = [node for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.ClassDef)]
    fields = [node for cls in classes if not _is_tuple(cls) for node in cls.body if isinstance(node, ast.AnnAssign)]
    nones = [ast.unparse(node) for node in fields if isinstance(node.value, ast.Constant) and node.value.value is None]

    assert [] == nones


def _is_tuple(cls: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "NamedTuple" for base in cls.bases)


@pytest.mark.parametrize("name", NAMES)
def test_the_modules_are_compiled_where_they_should_be(name: str) -> None:
    """The tests of the compiled build test it and nothing else."""
    file = import_module(name).__file__ or ""

    assert file.endswith(tuple(EXTENSION_SUFFIXES)) is bool(FOLDER)
    assert file.startswith(FOLDER)


def test_the_version_says_whether_it_is_compiled() -> None:
    """What ``poise --version`` prints."""
    assert version.shown().endswith("(compiled)" if FOLDER else "(pure Python)")


def test_without_a_compiler_it_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What was asked for alone fails; what goes with something else is skipped."""
    monkeypatch.setattr(native, "has_compiler", lambda: False)

    assert 1 == native.main([])
    assert 0 == native.main(["--test"])
    assert 0 == native.main(["--where"])
    said = capsys.readouterr()
    assert "" == said.out
    assert 3 == said.err.count(native.NO_COMPILER)
    assert 2 == said.err.count("skipped")


def test_a_changed_source_is_seen(tmp_path: Path) -> None:
    """What lies under build/native is used only where it was made of these sources."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "poise").mkdir()
    for name in ("pyproject.toml", "hatch_build.py", "requirements/dev.txt", "poise/one.py"):
        (tmp_path / name).write_text("")
    before = native.made_of(tmp_path)
    (tmp_path / native.BUILT).mkdir(parents=True)
    (tmp_path / native.BUILT / ".made-of").write_text(before)
    current = native.is_current(tmp_path)
    (tmp_path / "poise/one.py").write_text("x = 1\n")

    assert current
    assert not native.is_current(tmp_path)
