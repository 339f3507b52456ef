"""A chat or embeddings call: the top level is decoded, what stands below stays as it was sent."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from poise.errors import Error
from poise.wire.body import FALSE, NULL, TRUE, encode, fields_of, short, string, whole_number
from poise.wire.call import Call

BYTES_PER_TOKEN: Final = (
    4  # English text under the cl100k and o200k vocabularies: 4 characters a token (OpenAI's rule of thumb)
)
IMAGE_TOKENS: Final = 765  # a 1024x1024 image at high detail on GPT-4o-class models; data URLs are not counted as text

_options: Final = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode

_WITH_USAGE: Final = msgspec.Raw(b'{"include_usage":true}')
_DATA_URL: Final = re.compile(rb'"data:[^"]*"')
_PART: Final = re.compile(rb'"type"\s*:\s*"(image_url|input_audio|file)"')
_MODALITIES: Final = {b"image_url": "image", b"input_audio": "audio", b"file": "file"}


def read(surface: str, body: bytes) -> Call:
    """Decode a body. Raises Error: invalid_json, duplicate_field, invalid_field."""
    fields = fields_of(body)
    model = fields.get("model")
    if model is None:
        raise Error("invalid_field", "the body has no model", hint='send {"model": "<workflow or model>", ...}')
    call = Call(surface, fields, string(model, "model"))
    content = fields.get("input" if surface == "embeddings" else "messages")
    if content is None:
        needed = "input" if surface == "embeddings" else "messages"
        raise Error("invalid_field", f"the body has no {needed}", hint=f"send {needed!r} beside 'model'")
    call.tokens = len(body) // BYTES_PER_TOKEN + 1
    # find, not in: bytes first try whether what is looked for is a number, and that costs an exception each time.
    if body.find(b'"type"') >= 0 and (b'"image_url"' in body or b'"input_audio"' in body or b'"file"' in body):
        _read_parts(call, bytes(content))
    stream = fields.get("stream") if surface == "chat" else None
    if stream is not None and (said := bytes(stream)) != FALSE and said != NULL:
        if said != TRUE:
            raise Error("invalid_field", f"stream is {short(stream)}, not true or false", hint="send a JSON boolean")
        call.stream = True
        call.asks_usage = _asks_usage(fields.get("stream_options"))
    _read_rest(call, fields)
    return call


def write(call: Call, model: msgspec.Raw) -> bytes:
    """The body with the target's own model name; for streams usage is always asked for."""
    fields = call.fields | {"model": model}
    if call.stream and not call.asks_usage and call.surface == "chat":
        given = fields.get("stream_options")
        options = _options(given) if given is not None else None
        fields["stream_options"] = (
            msgspec.Raw(encode(options | {"include_usage": msgspec.Raw(TRUE)})) if options else _WITH_USAGE
        )
    return encode(fields)


def _read_parts(call: Call, content: bytes) -> None:
    """Modalities beside text, by the type of content parts. A quote inside a JSON string is escaped, so a key with its
    colon and value is structure; a bare ``"file"`` may be somebody's whole message.
    """
    kinds = _PART.findall(content)
    if not kinds:
        return
    call.modalities = tuple(name for kind, name in _MODALITIES.items() if kind in kinds)
    inline = sum(len(found.group()) for found in _DATA_URL.finditer(content))
    call.tokens = max(1, call.tokens - inline // BYTES_PER_TOKEN) + IMAGE_TOKENS * kinds.count(b"image_url")


def _read_rest(call: Call, fields: dict[str, msgspec.Raw]) -> None:
    call.max_output = whole_number(fields, "max_completion_tokens") or whole_number(fields, "max_tokens")
    if "n" in fields:
        call.choices = whole_number(fields, "n") or 1
    tools = fields.get("tools") or fields.get("functions")
    if tools is not None:
        call.tools = bytes(tools) not in (NULL, b"[]")
    form = fields.get("response_format")
    if form is not None:
        call.json_output = b'"json' in bytes(form)
    user = fields.get("user")
    if user is not None and bytes(user) != NULL:
        call.user = string(user, "user")


def _asks_usage(raw: msgspec.Raw | None) -> bool:
    if raw is None:
        return False
    try:
        options = _options(raw)
    except msgspec.DecodeError as bad:
        raise Error("invalid_field", f"stream_options is {short(raw)}, not an object", hint="send an object") from bad
    return options is not None and bytes(options.get("include_usage", b"")) == TRUE
