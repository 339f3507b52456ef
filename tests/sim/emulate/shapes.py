"""The shape of an answer: the paths of its keys, and how a stream is framed. What recordings and emulators have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

# What callers and models fill in: paths below these are their words, not the vendor's shape.
OPEN = (
    "args",
    "input",
    "parameters",
    "schema",
    "metadata",
    "tools",
    "text.format",
    "logprobs",
    "tool_choice",
    "headers",
)


def paths(value: object, at: str = "") -> Iterator[str]:
    """``choices[].delta.content`` for each key in a JSON value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            here = f"{at}.{name}" if at else name
            yield here
            if not any(here == one or here.endswith(f".{one}") for one in OPEN):
                yield from paths(inner, here)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{at}[]")


class Stream(msgspec.Struct):
    """A stream's framing and the JSON of its events."""

    values: list[Any]
    names: set[str]
    comments: set[str]
    crlf: bool
    done: bool

    @property
    def paths(self) -> set[str]:
        """Key paths of all events; those with a type have it in front."""
        return {f"{_kind(value)}{path}" for value in self.values for path in paths(value)}


def stream_of(raw: bytes) -> Stream:
    """A stream taken apart, with no code of the project's."""
    text = raw.decode()
    crlf = "\r\n" in text
    lines = text.replace("\r\n", "\n").split("\n")
    data = [line[5:].strip() for line in lines if line.startswith("data:")]
    return Stream(
        values=[msgspec.json.decode(one) for one in data if one and one != "[DONE]"],
        names={line[6:].strip() for line in lines if line.startswith("event:")},
        comments={line for line in lines if line.startswith(":")},
        crlf=crlf,
        done="[DONE]" in data,
    )


def unchunked(raw: bytes) -> bytes:
    """A chunked body without its chunks."""
    out = b""
    while raw:
        size, _, rest = raw.partition(b"\r\n")
        out, raw = out + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return out


def union(sets: Iterable[set[str]]) -> set[str]:
    """All paths of all sets."""
    found: set[str] = set()
    for one in sets:
        found |= one
    return found


def common(sets: Iterable[set[str]]) -> set[str]:
    """The paths that every set has."""
    all_of = list(sets)
    return set.intersection(*all_of) if all_of else set()


def _kind(value: object) -> str:
    kind = value.get("type") if isinstance(value, dict) else None
    return f"{kind}:" if isinstance(kind, str) and re.fullmatch(r"[a-z_.]+", kind) else ""
