"""The protocol's JSON objects, as its text has them, strict: a field that the text does not know is an error.

Source: kserve/open-inference-protocol, specification/protocol/inference_rest.md and open_inference_rest.yaml.
"""

from __future__ import annotations

from typing import Any

import msgspec


class ServerMetadata(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    version: str
    extensions: list[str]


class MetadataTensor(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    platform: str
    versions: list[str] = []
    inputs: list[MetadataTensor] = []
    outputs: list[MetadataTensor] = []


class ResponseOutput(msgspec.Struct, forbid_unknown_fields=True):
    """data is a must of the text; the binary extension puts it behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] = []
    parameters: dict[str, Any] = {}


class InferenceResponse(msgspec.Struct, forbid_unknown_fields=True):
    model_name: str
    outputs: list[ResponseOutput]
    model_version: str = ""
    id: str = ""
    parameters: dict[str, Any] = {}


class ServerHealth(msgspec.Struct):
    live: bool


class ModelReady(msgspec.Struct):
    name: str
    ready: bool


class Failed(msgspec.Struct):
    """Every error object of the text; what stands beside ``error`` is ours."""

    error: str


DATATYPES = {
    "BOOL",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "FP16",
    "FP32",
    "FP64",
    "BYTES",
}
