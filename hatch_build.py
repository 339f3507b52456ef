"""The optional native build: with POISE_NATIVE=1 a wheel holds the hot path compiled by mypyc, else it is pure Python.

The sources stay in the wheel, beside the extension modules that Python prefers to them: tracebacks quote them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

GROUP = "poise_native"  # one shared library for all modules, so that calls between them are calls in C


class NativeBuildHook(BuildHookInterface[Any]):
    """Compiles the modules listed in pyproject.toml under [tool.poise.native]."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the extension modules to the wheel. An editable install is always pure: it would go stale unseen."""
        if version == "editable" or os.environ.get("POISE_NATIVE") != "1":
            return
        modules: list[str] = self.metadata.config["tool"]["poise"]["native"]["modules"]
        into = Path(tempfile.mkdtemp(prefix="poise-native-"))
        for built in compile_modules(Path(self.root), modules, into):
            build_data["force_include"][str(built)] = str(built.relative_to(into / "lib"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def compile_modules(root: Path, modules: list[str], into: Path) -> list[Path]:
    """Compile modules (paths below root) and give back the extension modules, which lie below ``into/lib``."""
    import setuptools  # noqa: PLC0415 - only this build needs them, and mypyc looks whether setuptools is there
    from mypyc.build import mypycify  # noqa: PLC0415 - and in this order

    before = Path.cwd()
    os.chdir(root)  # mypy finds its settings, and the packages their names, from here
    try:
        extensions = mypycify(modules, opt_level="3", debug_level="0", group_name=GROUP, target_dir=str(into / "c"))
        build = setuptools.Distribution({"name": GROUP, "ext_modules": extensions}).get_command_obj("build_ext")
        build.build_lib, build.build_temp = str(into / "lib"), str(into / "o")
        build.ensure_finalized()
        build.run()
    finally:
        os.chdir(before)
    return sorted((into / "lib").rglob("*.so"))
