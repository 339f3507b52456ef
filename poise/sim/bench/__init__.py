"""Poise beside other proxies on one machine: the same load, one core each, the figures of the README.

docs/benchmarks.md says what is measured and why so. ``main`` is what ``poise bench`` calls.
"""

from poise.sim.bench.command import main
from poise.sim.bench.table import table_is_current

__all__ = ["main", "table_is_current"]
