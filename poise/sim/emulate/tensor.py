"""Tensors as the Open Inference Protocol sends them: numbers in JSON, nested or flat, or little-endian bytes behind it."""

from __future__ import annotations

import math
import struct
from typing import Any, Final

import msgspec

# A datatype's letter in struct; BYTES has none: each element is a length of four bytes and as many bytes.
LETTERS: Final = {
    "BOOL": "?", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "UINT8": "B", "UINT16": "H", "UINT32": "I",
    "UINT64": "Q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip
TYPES: Final = (*LETTERS, "BYTES")
MAX_ELEMENTS: Final = 4_000_000


class BadTensor(ValueError):
    """A tensor that contradicts itself; the text says how."""


class Tensor(msgspec.Struct):
    """A tensor's elements, flat and row by row."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any]


def size_of(shape: list[int]) -> int:
    """How many elements a shape holds. Raises BadTensor."""
    count = math.prod(shape)
    if any(step < 0 for step in shape) or count > MAX_ELEMENTS:
        raise BadTensor(f"shape {shape} is not one of at most {MAX_ELEMENTS} elements")
    return count


def flat(data: object) -> list[Any]:
    """The elements of a nested list, in order."""
    left, found = [data], []
    while left:
        one = left.pop()
        if isinstance(one, list):
            left.extend(reversed(one))
        else:
            found.append(one)
    return found


def unpack(datatype: str, raw: bytes) -> list[Any]:
    """The elements of raw bytes. Raises BadTensor."""
    if datatype == "BYTES":
        found: list[Any] = []
        at = 0
        while at < len(raw):
            size = int.from_bytes(raw[at : at + 4], "little")
            if at + 4 + size > len(raw):
                raise BadTensor("incomplete string data")
            found.append(raw[at + 4 : at + 4 + size])
            at += 4 + size
        return found
    width = struct.calcsize(f"<{LETTERS[datatype]}")
    if len(raw) % width:
        raise BadTensor(f"{len(raw)} bytes are no whole number of {datatype}")
    return list(struct.unpack(f"<{len(raw) // width}{LETTERS[datatype]}", raw))


def pack(tensor: Tensor) -> bytes:
    """The elements as raw bytes. Raises BadTensor where one does not fit its datatype."""
    if tensor.datatype == "BYTES":
        said = [one if isinstance(one, bytes) else str(one).encode() for one in tensor.data]
        return b"".join(len(one).to_bytes(4, "little") + one for one in said)
    try:
        return struct.pack(f"<{len(tensor.data)}{LETTERS[tensor.datatype]}", *tensor.data)
    except (struct.error, OverflowError) as bad:
        raise BadTensor(f"{tensor.name} holds what is no {tensor.datatype}: {bad}") from bad
