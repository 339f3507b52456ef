"""Things too large to be made at once: each comes in blocks, so that the wall itself stays small."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from poise.sim.wall import frame
from poise.sim.wall.fault import Fault
from poise.sim.wall.move import BLOCK_BYTES, Move

_BLOCK = b"x" * BLOCK_BYTES
_ZEROS = b" " * (1 << 20)


def header_lines(count: int) -> Iterator[bytes]:
    """So many header lines of a few bytes."""
    for at in range(0, count, 1000):
        yield b"".join(b"x-wall-%d: y\r\n" % number for number in range(at, min(count, at + 1000)))


def header_value(size: int) -> Iterator[bytes]:
    """One header line whose value has so many bytes."""
    yield b"x-wall: "
    yield from _filled(size)
    yield b"\r\n"


def giant_event(size: int, opening: bytes) -> Iterator[bytes]:
    """One event without a line end, of about so many bytes, as chunks; opening is how its line begins."""
    yield frame.chunk(opening)
    for block in _filled(size):
        yield frame.chunk(block)


def gzip_body(fault: Fault) -> Iterator[bytes]:
    """A gzip stream, as chunks, that grows to fault.size bytes; ``nested`` is a gzip of a gzip."""
    made = _gzipped(_spaces(fault.size))
    if fault.style == "nested":
        made = _gzipped(made)
    for block in made:
        yield frame.chunk(block)
    yield frame.LAST_CHUNK


def gzip_moves(fault: Fault, kind: str) -> Iterator[Move]:
    """The whole answer that is compressed, whoever asked not to be sent such."""
    coding = b"gzip, gzip" if fault.style == "nested" else b"gzip"
    yield Move(0.0, frame.head(200, kind, b"content-encoding: %b\r\ntransfer-encoding: chunked\r\n" % coding))
    for block in gzip_body(fault):
        yield Move(0.0, block)
    yield Move(end="done")


def _filled(size: int) -> Iterator[bytes]:
    for at in range(0, size, BLOCK_BYTES):
        yield _BLOCK[: min(BLOCK_BYTES, size - at)]


def _spaces(size: int) -> Iterator[bytes]:
    for at in range(0, size, len(_ZEROS)):
        yield _ZEROS[: min(len(_ZEROS), size - at)]


def _gzipped(blocks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    for block in blocks:
        packed = packer.compress(block)
        if packed:
            yield packed
    yield packer.flush()
