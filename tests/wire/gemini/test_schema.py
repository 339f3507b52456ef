"""Between JSON Schema and Gemini's own schema language."""

from __future__ import annotations

import pytest

from poise.wire.conversation.lost import Lost
from poise.wire.conversation.part import Json
from poise.wire.gemini.schema import ToGemini, to_json

SCHEMAS: list[tuple[Json, Json]] = [
    ({"type": "STRING", "format": "enum", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
    (
        {"type": 5, "items": {"type": 3}, "maxItems": "4"},
        {"type": "array", "items": {"type": "integer"}, "maxItems": 4},
    ),
    ({"type": "NUMBER", "nullable": True, "example": 1}, {"type": ["number", "null"], "examples": [1]}),
    ({"anyOf": [{"type": "STRING"}], "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
    ({"type": "TYPE_UNSPECIFIED", "min_length": "1"}, {"minLength": 1}),
]


@pytest.mark.parametrize(("native", "schema"), SCHEMAS)
def test_geminis_schema_as_json_schema(native: Json, schema: Json) -> None:
    """Types in capitals or numbers, nullable, 64-bit numbers in quotes."""
    assert schema == to_json(native)


def test_the_order_of_properties_is_kept() -> None:
    """JSON Schema has no propertyOrdering; JSON objects have an order."""
    native: Json = {"properties": {"a": {}, "b": {}, "c": {}}, "propertyOrdering": ["c", "a"]}
    schema = to_json(native)

    assert isinstance(schema, dict)
    assert isinstance(schema["properties"], dict)
    assert ["c", "a", "b"] == list(schema["properties"])


def test_json_schema_as_geminis() -> None:
    """References are unfolded, null becomes nullable, constants are lists of one; what has no counterpart is noted."""
    schema: Json = {
        "type": "object",
        "$defs": {"leaf": {"type": "string", "const": "x"}},
        "properties": {
            "leaf": {"$ref": "#/$defs/leaf", "description": "d"},
            "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            "either": {"oneOf": [{"type": "integer"}, {"type": "string", "format": "email"}]},
            "many": {"type": ["integer", "string"]},
            "both": {"allOf": [{"type": "object", "required": ["a"]}, {"required": ["b"]}]},
            "gone": {"$ref": "#/$defs/none"},
            "count": {"enum": [1, 2]},
        },
        "additionalProperties": False,
        "required": ["leaf"],
    }
    lost = Lost()
    written = ToGemini(schema, lost).write(schema, "s")
    assert isinstance(inner := written["properties"], dict)

    assert {"type": "STRING", "enum": ["x"], "description": "d"} == inner["leaf"]
    assert {"type": "INTEGER", "nullable": True} == inner["maybe"]
    assert {"anyOf": [{"type": "INTEGER"}, {"type": "STRING"}]} == inner["either"]
    assert {"anyOf": [{"type": "INTEGER"}, {"type": "STRING"}]} == inner["many"]
    assert {"type": "OBJECT", "required": ["a", "b"]} == inner["both"]
    assert {
        "s.additionalProperties",
        "s.properties.either.oneOf[1].format",
        "s.properties.gone.$ref",
        "s.properties.count.enum",
    } == {loss.where for loss in lost.losses}


def test_a_schema_that_holds_itself_ends() -> None:
    """It is unfolded some way, then cut, with a note - however many branches it has."""
    schema: Json = {
        "$defs": {"n": {"properties": {"l": {"$ref": "#/$defs/n"}, "r": {"$ref": "#/$defs/n"}}}},
        "$ref": "#/$defs/n",
    }
    lost = Lost()
    written = ToGemini(schema, lost).write(schema, "s")

    assert written["properties"]
    assert 0 < lost.count < 1000
