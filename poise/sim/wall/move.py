"""What is sent when: one move after the other, for a player on a socket, in memory or in a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from poise.sim.wall.fault import End, Fault
from poise.sim.wall.speech import Usage

BLOCK_BYTES: Final = 64 * 1024  # large things are made in blocks of this size, and only when the last one has gone


class Move(NamedTuple):
    """Wait, send, then perhaps end. tokens are those of the answer that data carries, or that are made during the wait of a
    whole answer; told is the count of tokens that data tells the caller. flush: what was sent so far must have left before.
    """

    wait_s: float = 0.0
    data: bytes = b""
    tokens: int = 0
    end: End = ""
    told: Usage = None


def sliced(made: Iterator[Move], size: int) -> Iterator[Move]:
    """The same bytes, at most size at once; a move's tokens go with its last piece."""
    for move in made:
        if len(move.data) <= size:
            yield move
            continue
        for at in range(0, len(move.data), size):
            last = at + size >= len(move.data)
            piece = move.data[at : at + size]
            wait_s = 0.0 if at else move.wait_s
            yield move._replace(wait_s=wait_s, data=piece) if last else Move(wait_s, piece)


def split(made: Iterator[Move], at: int) -> Iterator[Move]:
    """The same bytes, with a seam after the first ``at`` of them: two writes, in two turns of the loop."""
    seen = 0
    for move in made:
        size = len(move.data)
        if seen < at < seen + size:
            yield Move(move.wait_s, move.data[: at - seen])
            yield move._replace(wait_s=0.0, data=move.data[at - seen :])
        else:
            yield move
        seen += size


def cut_bytes(made: Iterator[Move], fault: Fault, head_bytes: int) -> Iterator[Move]:
    """What was to be sent, up to fault.at_byte bytes of the head or of what follows it; then fault.end."""
    left = fault.at_byte + (0 if fault.head else head_bytes)
    for move in made:
        size = len(move.data)
        if size < left:
            yield move._replace(end="")
            left -= size
            if move.end:
                break
            continue
        told = move.told if size == left else None
        yield Move(move.wait_s, move.data[:left], move.tokens if size == left else 0, told=told)
        break
    yield Move(end=fault.end or "fin")
