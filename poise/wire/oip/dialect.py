"""The Open Inference Protocol, same in and out (``poise.wire.call.Dialect``): tensors are never translated.

``generate`` and ``generate_stream``, which some servers have beside it, are not part of the protocol and not spoken.
"""

from __future__ import annotations

from urllib.parse import quote

from poise.errors import AttemptFailed, Error
from poise.target import Target
from poise.wire.call import Answer, Call, StreamReader
from poise.wire.oip import answer, failure
from poise.wire.oip.request import ALL, INFER, METADATA, read_infer, read_metadata


class OpenInference:
    """A client's door and a target's tongue."""

    name = "oip"

    def read_call(self, surface: str, body: bytes, model: str = "", stream: bool = False) -> Call:
        """A call all of whose body is JSON; the edge reads those with binary tensors by ``request.read_infer``."""
        if surface == METADATA:
            return read_metadata(model)
        return read_infer(body, ALL, model=model)

    def upstream_path(self, surface: str, model: str, stream: bool) -> bytes:
        """Where a model is asked; it may be ``name/versions/version``; a name's own slashes are said as %2F."""
        return f"/v2/models/{model}{'/infer' if surface == INFER else ''}".encode("ascii", "backslashreplace")

    def upstream_body(self, call: Call, target: Target) -> bytes:
        return call.body

    def read_answer(self, call: Call, body: bytes) -> Answer:
        return answer.read_answer(call, body)

    def stream_reader(self, call: Call) -> StreamReader:
        raise AssertionError("this protocol does not stream")

    def failure(self, status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
        return failure.read(status, headers, body)

    def error_body(self, error: Error, decision: str) -> bytes:
        return failure.error_body(error, decision)

    def error_event(self, error: Error, decision: str) -> bytes:
        return failure.error_body(error, decision)


def in_path(model: str, version: str) -> str:
    """A model and its version ('' for none) as they stand in a path."""
    said = quote(model, safe="@:~")
    return f"{said}/versions/{quote(version, safe='')}" if version else said
