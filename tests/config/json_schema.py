"""As much of JSON Schema as the configuration's schema uses; an unknown word in it is an error of the test."""

from __future__ import annotations

import re
from typing import Any

from poise.edge.config.node import Mapping, Node, Scalar

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
Json = Any  # whatever JSON can hold; each word of a schema looks for itself

_SAID = {"$schema", "$defs", "title", "description"}


def plain(node: Node) -> Json:
    """A tree as JSON would have it."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Mapping):
        return {name: plain(item) for name, item in node.items.items()}
    return [plain(item) for item in node.items]


def allows(schema: dict[str, Any], value: Json, root: dict[str, Any]) -> bool:
    """Whether a value is valid under a schema."""
    return all(_allows(word, said, value, schema, root) for word, said in schema.items() if word not in _SAID)


def _allows(word: str, said: Json, value: Json, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    match word:
        case "$ref":
            return allows(root["$defs"][said.removeprefix("#/$defs/")], value, root)
        case "anyOf":
            return any(allows(one, value, root) for one in said)
        case "type":
            return isinstance(value, _TYPES[said]) and (said == "boolean" or not isinstance(value, bool))
        case "enum":
            return value in said
        case "pattern":
            return not isinstance(value, str) or re.search(said, value) is not None
        case "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties":
            return (
                not isinstance(value, str | list | dict)
                or (len(value) >= said) == word.startswith("min")
                or len(value) == said
            )
        case "minimum" | "maximum":
            return isinstance(value, str) or (value >= said if word == "minimum" else value <= said)
        case "items":
            return not isinstance(value, list) or all(allows(said, item, root) for item in value)
        case "required":
            return not isinstance(value, dict) or set(said) <= set(value)
        case "properties":
            return not isinstance(value, dict) or all(allows(said[k], v, root) for k, v in value.items() if k in said)
        case "additionalProperties":
            if not isinstance(value, dict):
                return True
            others = [item for name, item in value.items() if name not in schema.get("properties", {})]
            return not others if said is False else all(allows(said, item, root) for item in others)
    raise AssertionError(f"{word} is not a word of JSON Schema that is known here")
