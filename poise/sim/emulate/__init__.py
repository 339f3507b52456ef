"""Servers that behave like the vendors, on real sockets, for tests without keys and without a network."""

from poise.sim.emulate.serve import emulators, running

__all__ = ["emulators", "running"]
