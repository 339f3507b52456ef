"""Arrows point down: the contracts in pyproject.toml, [tool.importlinter], over poise."""

from __future__ import annotations

import sys

from importlinter.cli import lint_imports

from checks.tree import ROOT

if __name__ == "__main__":
    config, cache = str(ROOT / "pyproject.toml"), str(ROOT / ".import_linter_cache")
    sys.exit(lint_imports(config_filename=config, cache_dir=cache, no_logo=True))
