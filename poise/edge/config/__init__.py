"""Configuration: ``load`` a file, ``resolve`` what its parts mean, ``compile_snapshot`` what workers serve by.

SETTINGS is the table of every setting by its path; it is made when it is first asked for.
"""

from poise.edge.config.compile import compile_snapshot
from poise.edge.config.load import Loaded, load, watched
from poise.edge.config.problem import Problem, Problems
from poise.edge.config.resolve import Resolved, resolve

__all__ = ["Loaded", "Problem", "Problems", "Resolved", "compile_snapshot", "load", "resolve", "watched"]


def __getattr__(name: str) -> object:
    if name == "SETTINGS":
        from poise.edge.config.settings import SETTINGS

        return SETTINGS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
