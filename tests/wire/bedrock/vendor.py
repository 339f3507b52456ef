"""Bedrock's own service model, from botocore where it is installed: it makes bodies, checks them, and reads answers."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.clouds.installed import Foreign, need
from tests.wire.crossing import strategies as made


@cache
def model() -> Foreign:
    """The service model of bedrock-runtime; the test is skipped where botocore is not installed."""
    return need("botocore.session").Session().get_service_model("bedrock-runtime")


def shape(name: str) -> Foreign:
    """One shape of the model."""
    return model().shape_for(name)


def from_json(value: Foreign, at: Foreign) -> Foreign:
    """A JSON body as a caller of botocore would say it: blobs as bytes. Raises for a field that the model lacks."""
    if at.type_name == "structure" and not at.is_document_type:
        unknown = set(value) - set(at.members)
        assert not unknown, f"{at.name} has no {unknown}"
        return {name: from_json(inner, at.members[name]) for name, inner in value.items()}
    if at.type_name == "list":
        return [from_json(inner, at.member) for inner in value]
    if at.type_name == "map":
        return {name: from_json(inner, at.value) for name, inner in value.items()}
    if at.type_name == "blob":
        return base64.b64decode(value, validate=True)
    return value


def check(params: Foreign, at: Foreign, where: str = "") -> None:
    """What ParamValidator leaves out: enums, patterns, greatest lengths, unions of one member."""
    if at.type_name == "structure" and not at.is_document_type:
        if at.is_tagged_union:
            assert 1 == len(params), f"{where}: {sorted(params)}"
        for name, inner in params.items():
            check(inner, at.members[name], f"{where}.{name}")
    elif at.type_name == "list":
        assert len(params) <= at.metadata.get("max", len(params)), where
        for number, inner in enumerate(params):
            check(inner, at.member, f"{where}[{number}]")
    elif at.type_name == "string":
        assert not at.enum or params in at.enum, f"{where}: {params}"
        assert len(params) <= at.metadata.get("max", len(params)), where
        pattern = at.metadata.get("pattern")
        assert not pattern or re.fullmatch(pattern, params), f"{where}: {params}"
    elif at.type_name in {"integer", "float"}:
        assert at.metadata.get("min", params) <= params <= at.metadata.get("max", params), where


def assert_valid(body: bytes, model_id: str, operation: str = "Converse") -> None:
    """The body is one that botocore would send: it validates, and botocore serializes it to the same JSON."""
    asked = model().operation_model(operation)
    params = from_json(json.loads(body), asked.input_shape) | {"modelId": model_id}
    report = need("botocore.validate").ParamValidator().validate(params, asked.input_shape)
    assert not report.has_errors(), report.generate_report()
    check(params, asked.input_shape)
    assert json.loads(body) == json.loads(serialized(params, operation)["body"])


def serialized(params: dict[str, Any], operation: str = "Converse") -> dict[str, Any]:
    """What botocore sends for params: url_path and body, for two."""
    made_by = need("botocore.serialize").create_serializer("rest-json", include_validation=False)
    found: dict[str, Any] = made_by.serialize_to_request(params, model().operation_model(operation))
    return found


def parsed(
    body: bytes, name: str = "ConverseResponse", status: int = 200, headers: dict[str, str] | None = None
) -> Foreign:
    """What botocore reads of an answer."""
    parser = need("botocore.parsers").create_parser("rest-json")
    return parser.parse({"status_code": status, "headers": headers or {}, "body": body}, shape(name))


def streamed(raw: bytes, cuts: list[int] | None = None) -> list[dict[str, Any]]:
    """The events that botocore reads of a stream. Raises its EventStreamError for an exception in it."""
    pieces = [raw[start:end] for start, end in zip([0, *(cuts or [])], [*(cuts or []), len(raw)], strict=True)]

    class Raw:
        def stream(self) -> list[bytes]:
            return pieces

        def close(self) -> None:
            pass

    output = shape("ConverseStreamOutput")
    parser = need("botocore.parsers").create_parser("rest-json")._event_stream_parser  # noqa: SLF001 - as botocore's own
    return list(need("botocore.eventstream").EventStream(Raw(), output, parser, "ConverseStream"))


def frame(name: str, payload: object, kind: str = "event") -> bytes:
    """One message, written without any code of the project's."""
    headers = b""
    for key, value in ((f":{kind}-type", name), (":content-type", "application/json"), (":message-type", kind)):
        headers += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(body), len(headers))
    prelude += struct.pack("!I", zlib.crc32(prelude))
    return prelude + headers + body + struct.pack("!I", zlib.crc32(prelude + headers + body))


_STRINGS = {
    "ToolName": made.names.map(lambda name: name[:64]),
    "ToolUseId": made.ids,
    "S3Uri": st.sampled_from(["s3://a-bucket/key", "s3://b.c-d/e/f"]),
    "AccountId": st.just("123456789012"),
    "JsonSchemaDefinition.schema": st.sampled_from(['{"type": "object"}', '{"type":"object"}', "no json"]),
}


def values(at: Foreign, depth: int = 7) -> st.SearchStrategy[Any]:
    """Whatever the model allows in a JSON body at this shape."""
    if at.type_name == "structure" and at.is_document_type:
        return st.dictionaries(made.letters, made.json_values, max_size=2)
    if at.type_name == "structure":
        return _structures(at, depth)
    if at.type_name == "list":
        least = max(at.metadata.get("min", 0), 0)
        return st.lists(values(at.member, depth - 1), min_size=least, max_size=least + (2 if depth > 0 else 0))
    if at.type_name == "map":
        return st.dictionaries(made.names, values(at.value, depth - 1), min_size=1, max_size=2)
    if at.type_name == "blob":
        return made.base64
    if at.type_name == "string":
        if at.enum:
            return st.sampled_from(list(at.enum))
        return _STRINGS.get(at.name, made.words)
    if at.type_name == "boolean":
        return st.booleans()
    if at.type_name in {"float", "double"}:
        return st.sampled_from([0.0, 0.5, 1.0])
    return st.integers(at.metadata.get("min", 0), 10_000)


def _structures(at: Foreign, depth: int) -> st.SearchStrategy[Any]:
    members = {name: inner for name, inner in at.members.items() if inner.serialization.get("location") != "uri"}
    if at.is_tagged_union:
        flat = [name for name, inner in members.items() if depth > 0 or inner.type_name not in {"structure", "list"}]
        return st.one_of([_alone(name, values(members[name], depth - 1)) for name in flat or list(members)[:1]])
    needed = {name: _later(members[name], depth - 1) for name in at.required_members if name in members}
    rest = [name for name in members if name not in needed] if depth > 0 else []
    return st.fixed_dictionaries(needed, optional={name: _later(members[name], depth - 1) for name in rest})


def _alone(name: str, said: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return said.map(lambda value: {name: value})


def _later(at: Foreign, depth: int) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: values(at, depth))
