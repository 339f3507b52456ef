"""Changes of JSON that leave it JSON: a node becomes another one, of another type, size or depth."""

from __future__ import annotations

import json
from functools import lru_cache
from random import Random
from typing import Any, Final, TypeAlias

from tests.fuzz.mutate import MAX_BYTES, plain

Json: TypeAlias = Any  # what json.loads gives
MAX_TREE_BYTES: Final = 64 * 1024  # what is larger is changed by byte: building it anew would be all that is done
_HOLE: Final = "@@hole@@"
_RAW: Final = (
    *("null", "true", "false", "0", "-1", "1e999", "-1e-999", "1.5", "9" * 40, "9" * 400, "-9223372036854775809", '""'),
    *(
        '"\\ud800"',
        '"\\udc00x"',
        '"\\u0000"',
        '"\\u2028\\r\\n"',
        '"\\ufeff"',
        '"[DONE]"',
        '"\\n\\ndata: x"',
        "[]",
        "{}",
    ),
    *('"\U0001f600"', "[[]]", '{"":{}}', '{"type":null}', '["a",1,null,{}]', '"data:image/png;base64,AAAA"', '"true"'),
    *('"' + "e\u0301" * 50 + '"', "18446744073709551616", "1e19", "2147483648", "0.1e1", '{"type":"text","text":7}'),
)
_DEPTHS: Final = (3, 60, 400, 990, 1_100, 5_000)


def json_change(rng: Random, data: bytes, other: bytes) -> bytes:
    """One node of data replaced; by byte where it is no JSON."""
    found = tree(data)
    if found is None:
        return plain(rng, data, other)
    path = _path(rng, found.value)
    raw = _raw(rng, _at(found.value, path), path, other)
    text = json.dumps(_with(found.value, path, 0), ensure_ascii=rng.random() < 0.5)
    return text.replace(f'"{_HOLE}"', raw, 1).encode("utf-8", "surrogatepass")[:MAX_BYTES]


class Tree:
    """A decoded value; apart from None, which JSON can say too."""

    def __init__(self, value: Json) -> None:
        self.value = value


@lru_cache(maxsize=512)
def tree(data: bytes) -> Tree | None:
    """The bytes as JSON, None where they are none or too many."""
    if len(data) > MAX_TREE_BYTES:
        return None
    try:
        found = json.loads(data)
        json.dumps(found)
    except (ValueError, RecursionError):
        return None
    return Tree(found)


def _path(rng: Random, value: Json) -> list[Any]:
    """The way to some node, the deeper the rarer."""
    path: list[Any] = []
    while isinstance(value, dict | list) and value and rng.random() < 0.85:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        path.append(key)
        value = value[key]
    return path


def _at(value: Json, path: list[Any]) -> Json:
    for key in path:
        value = value[key]
    return value


def _with(value: Json, path: list[Any], at: int) -> Json:
    """A copy, as far as the way goes, with a hole at its end."""
    if at == len(path):
        return _HOLE
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[at]] = _with(value[path[at]], path, at + 1)
    return copy


def _raw(rng: Random, node: Json, path: list[Any], other: bytes) -> str:
    """What stands in the hole, as text: not all of it could be said by a value."""
    said = json.dumps(node)
    kind = rng.randrange(12)
    if kind == 0:
        found = tree(other)
        return said if found is None else json.dumps(_at(found.value, _path(rng, found.value)))
    if kind == 1:
        depth = rng.choice(_DEPTHS)
        return "[" * depth + said + "]" * depth if rng.random() < 0.5 else '{"a":' * depth + said + "}" * depth
    if kind == 2 and path and isinstance(path[-1], str):
        return f"{said},{json.dumps(path[-1])}:{rng.choice(_RAW)}"  # the same key twice
    if kind == 3:
        return _many(rng, node)
    if kind == 4 and isinstance(node, str) and node:
        return json.dumps(node[: rng.randrange(len(node))] + rng.choice(("\x00", "\ud83d", "\r\n\r\n", "\\", '"')))
    if kind == 5:
        return json.dumps(said)  # JSON within a string
    if kind == 6 and isinstance(node, dict) and node:
        gone = rng.choice(list(node))
        return json.dumps({key: value for key, value in node.items() if key != gone})
    if kind == 7 and path and isinstance(path[-1], int):
        return ",".join([said] * (_room(rng) // (len(said) + 1) + 1))  # it and its likes, one behind the other
    return rng.choice(_RAW)


def _room(rng: Random) -> int:
    return MAX_BYTES * 9 // 10 if rng.random() < 0.08 else rng.choice((200, 4_000))


def _many(rng: Random, node: Json) -> str:
    """The same, many times over: what costs the square of a length shows itself."""
    room = _room(rng)
    if isinstance(node, str):
        return json.dumps((node or "x") * (room // (len(node) or 1) // 2 + 1))
    if isinstance(node, dict):
        return json.dumps(node | {f"k{n}": n for n in range(room // 16)})
    if isinstance(node, list) and node:
        size = len(json.dumps(node)) + 2
        return json.dumps(node * (room // size + 1))
    return "[" + ",".join([json.dumps(node)] * (room // 8)) + "]"
