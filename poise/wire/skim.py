"""What a decision may know of a call, skimmed from its body without decoding it: size, modalities, tools, limits.

OpenAI chat has its own, faster reader (``wire.openai.request``); this one serves every other dialect by a few names.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

from poise.errors import Error
from poise.wire.body import NULL, fields_of, flag, object_of, string, whole_number
from poise.wire.call import Call

BYTES_PER_TOKEN: Final = 4  # as wire.openai.request counts
MEDIA_TOKENS: Final = 765  # an image of 1024x1024; inline data is not counted as text


class Shape(NamedTuple):
    """Where a dialect says what: content are the fields of which one must be there; media maps the mark of a part that is
    not text to its modality; limit and user are a field, or two joined by a dot.
    """

    content: tuple[str, ...]
    limit: str
    user: str
    media: dict[bytes, str]
    form: str = ""
    in_path: bool = False  # model and stream are said in the path


ANTHROPIC: Final = Shape(
    content=("messages",),
    limit="max_tokens",
    user="metadata.user_id",
    media={b'"image"': "image", b'"document"': "file"},
    form="output_format",
)
RESPONSES: Final = Shape(
    content=("input", "prompt", "conversation", "previous_response_id"),
    limit="max_output_tokens",
    user="user",
    media={b'"input_image"': "image", b'"input_file"': "file", b'"input_audio"': "audio"},
    form="text",
)
GEMINI: Final = Shape(
    content=("contents", "content", "requests", "generateContentRequest"),
    limit="generationConfig.maxOutputTokens",
    user="",
    media={b'"image/': "image", b'"audio/': "audio", b'"video/': "video", b'"application/pdf"': "file"},
    form="generationConfig",
    in_path=True,
)
BEDROCK: Final = Shape(
    content=("messages",),
    limit="inferenceConfig.maxTokens",
    user="",
    media={b'"image"': "image", b'"document"': "file", b'"video"': "video"},
    form="outputConfig",
    in_path=True,
)

_INLINE = re.compile(rb'"(?:data:[^"]{256,}|[A-Za-z0-9+/=_-]{1024,})"')


def skim(shape: Shape, surface: str, body: bytes, *, model: str = "", stream: bool = False) -> Call:
    """Read a call. Raises Error: invalid_json, duplicate_field, invalid_field."""
    fields = fields_of(body)
    if not shape.in_path:
        raw = fields.get("model")
        if raw is None:
            raise Error("invalid_field", "the body has no model", hint='send {"model": "<workflow or model>", ...}')
        model, stream = string(raw, "model"), flag(fields, "stream")
    if all(name not in fields for name in shape.content):
        needed = shape.content[0]
        raise Error("invalid_field", f"the body has no {needed}", hint=f"send {needed!r}")
    call = Call(surface, fields, model)
    call.stream = stream
    call.tokens = len(body) // BYTES_PER_TOKEN + 1
    if any(mark in body for mark in shape.media):
        call.modalities = tuple(dict.fromkeys(name for mark, name in shape.media.items() if mark in body))
        inline = sum(len(found.group()) for found in _INLINE.finditer(body))
        call.tokens = max(1, call.tokens - inline // BYTES_PER_TOKEN) + MEDIA_TOKENS
    call.max_output = _at(fields, shape.limit)
    tools = fields.get("tools")
    call.tools = tools is not None and bytes(tools) not in (NULL, b"[]")
    form = fields.get(shape.form)
    call.json_output = form is not None and (b'"json' in bytes(form) or b'"application/json"' in bytes(form))
    call.user = _user(fields, shape.user)
    return call


def _at(fields: dict[str, msgspec.Raw], path: str) -> int:
    outer, dot, inner = path.partition(".")
    return whole_number(object_of(fields.get(outer), outer), inner) if dot else whole_number(fields, path)


def _user(fields: dict[str, msgspec.Raw], path: str) -> str:
    outer, dot, inner = path.partition(".")
    raw = object_of(fields.get(outer), outer).get(inner) if dot else fields.get(path)
    return "" if raw is None or bytes(raw) == NULL else string(raw, path)
