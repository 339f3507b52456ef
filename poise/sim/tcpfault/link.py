"""What a link does to the bytes of one direction, as values, and the arithmetic of when each piece may leave. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

End = Literal["rst", "fin"]
Mode = Literal[
    "open",  # bytes go through, as the figures below say
    "refuse",  # nobody listens
    "reset",  # accepted, and reset at once
    "blackhole",  # accepted, and nothing happens; what stands is frozen in both directions
]


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One direction. latency_s and up to jitter_s more delay each piece, in order; bytes_per_s bounds the rate (0: none).

    slice_bytes is the most that is written at once. After end_after_bytes of a connection (-1: never) it ends by end;
    after stop_after_bytes (-1: never) nothing more is forwarded, and the connection stays.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float = 0.0
    slice_bytes: int = 0
    end_after_bytes: int = -1
    end: End = "rst"
    stop_after_bytes: int = -1


class Weather(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it: up is from the one who connects to the upstream, down the way back."""

    mode: Mode = "open"
    up: Link = Link()
    down: Link = Link()


def due_us(link: Link, *, now_us: int, size: int, share_0_1: float, free_us: int, last_us: int) -> tuple[int, int]:
    """When a piece arrives at the far end, and when the line is free for the next one; microseconds.

    free_us is when the line has sent what came before, last_us when that arrives: nothing overtakes. share_0_1 is this
    piece's part of the jitter.
    """
    begins_us = max(now_us, free_us)
    sent_us = begins_us + (int(size * 1e6 / link.bytes_per_s) if link.bytes_per_s else 0)
    arrives_us = sent_us + int((link.latency_s + link.jitter_s * share_0_1) * 1e6)
    return max(arrives_us, last_us), sent_us
