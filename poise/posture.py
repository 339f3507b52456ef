"""Postures: operating conditions of a workflow. Rules that set them come with signals; the noun is used already."""

from __future__ import annotations

import msgspec


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """A posture in force for a workflow, since when (wall time, microseconds) and why."""

    posture: str
    since_us: int
    because: str
