"""Changes of bytes that know nothing of what they mean, and the choice between those that do."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

MAX_BYTES: Final = 1024 * 1024  # of one input
_ODD: Final = (
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n\n", b"\r\n\r\n", b'"', b"\\", b"\\ud800", b"\\u0000", b"{", b"]"),
    *(b"[" * 2_000, b'{"a":' * 2_000, b"1e999", b"-0", b"9" * 400, b"null", b"true", b"[DONE]", b"data:", b"\xf0\x9f"),
)

Mutation = Callable[[Random, bytes, bytes], bytes]


def mutated(rng: Random, kind: Mutation, seed: bytes, other: bytes) -> bytes:
    """An input made of a seed: mostly by the mutation that knows its form, at times by byte, rarely as it is."""
    data = seed
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        change = kind if rng.random() < 0.75 else plain
        data = change(rng, data, other)
    return data[:MAX_BYTES]


def plain(rng: Random, data: bytes, other: bytes) -> bytes:
    """Flips, splices, cuts, doublings."""
    return rng.choice(_PLAIN)(rng, data, other)


def _flip(rng: Random, data: bytes, other: bytes) -> bytes:
    if not data:
        return rng.randbytes(8)
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _splice(rng: Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def _cut(rng: Random, data: bytes, other: bytes) -> bytes:
    start, end = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
    return data[:end] if rng.random() < 0.5 else data[:start] + data[end:]


def _double(rng: Random, data: bytes, other: bytes) -> bytes:
    start = rng.randint(0, len(data))
    piece = data[start : start + rng.choice((1, 8, 64, 1_000))]
    times = rng.choice((1, 2, 16)) if rng.random() < 0.97 else MAX_BYTES // (len(piece) or 1)
    return data[:start] + piece * times + data[start:]


def _insert(rng: Random, data: bytes, other: bytes) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice(_ODD) + data[at:]


def _noise(rng: Random, data: bytes, other: bytes) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.randbytes(rng.choice((1, 4, 40))) + data[at + rng.choice((0, 4, 40)) :]


_PLAIN: Final[tuple[Mutation, ...]] = (_flip, _flip, _splice, _cut, _double, _insert, _noise)
