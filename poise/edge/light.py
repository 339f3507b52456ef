"""What our own processes do without."""

from __future__ import annotations

import sys
from types import ModuleType

_CEL_CLI = "cel.cli"


def spare_cel_cli() -> None:
    """Keep the expression library from importing its own command line; call it before anything imports ``cel``.

    It would bring typer, rich and prompt_toolkit into every worker: 88 ms of its start and 14 MB of its memory
    (cel 0.10, `python -X importtime`, ru_maxrss). Nothing of ours calls it.
    """
    sys.modules.setdefault(_CEL_CLI, ModuleType(_CEL_CLI))
