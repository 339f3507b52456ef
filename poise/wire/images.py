"""OpenAI's images API, the same in and out: generations (JSON) and edits (JSON or a form), whole and streamed.

There is no other dialect of it to translate to: bytes go on as they came, but for the model's name. Sources: OpenAI's
API reference (images), the recorded answers of OpenAI and xAI.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from poise.decision import Usage
from poise.errors import AttemptFailed, Error, Failure
from poise.target import Target
from poise.wire import failures
from poise.wire.body import NULL, encode, fields_of, flag, string
from poise.wire.call import Answer, Call, Form, StreamReader
from poise.wire.legible import MOST_UNREAD, readable
from poise.wire.multipart import Field
from poise.wire.multipart import fields_of as fields_of_form
from poise.wire.openai import failure
from poise.wire.sse import data_of, events_of

GENERATE: Final = "images"  # names of surfaces, and of the doors' dialects
EDIT: Final = "image_edits"
EDIT_FORM: Final = "image_forms"
PATHS: Final = {GENERATE: b"/images/generations", EDIT: b"/images/edits", EDIT_FORM: b"/images/edits"}
OUTPUT: Final = "image_output"  # the modality that every call of this API needs
BYTES_PER_TOKEN: Final = 4  # as wire.openai.request counts
IMAGE_TOKENS: Final = 765
MAX_EVENT_BYTES: Final = 16 * 1024 * 1024  # an event holds a whole picture as base64; 4K PNGs come to about 11 MiB
MAX_NAME_BYTES: Final = 256
MAX_TOKENS: Final = 1 << 40
# xAI counts in ticks of 1e-10 USD, and of pictures tells nothing else.
_TICKS_PER_USD_E6: Final = 10_000
_ONCE: Final = (b"model", b"stream", b"prompt", b"user")

Obj = dict[str, Any]


class _Whole(msgspec.Struct):
    """A whole answer, or the error in its place. The pictures stay raw."""

    data: msgspec.Raw = msgspec.Raw(NULL)
    error: msgspec.Raw = msgspec.Raw(NULL)
    usage: Any = None
    model: str | None = None


class _Event(msgspec.Struct):
    """One event of a streamed answer, its picture left out."""

    type: str = ""
    error: msgspec.Raw = msgspec.Raw(NULL)
    usage: Any = None


_decode_whole: Final = msgspec.json.Decoder(_Whole).decode
_decode_event: Final = msgspec.json.Decoder(_Event).decode


class Images:
    """``poise.wire.call.Dialect`` for one door, which is one surface. Forms are read by ``read_form``: it needs their boundary."""

    def __init__(self, name: str) -> None:
        self.name = name

    def read_call(self, surface: str, body: bytes, model: str = "", stream: bool = False) -> Call:
        """Read a JSON body. Raises Error: invalid_json, duplicate_field, invalid_field."""
        fields = fields_of(body)
        named, prompt, user = fields.get("model"), fields.get("prompt"), fields.get("user")
        if named is None:
            raise _lacks("model", '{"model": "<workflow or model>", ...}')
        if prompt is None:
            raise _lacks("prompt", "'prompt' beside 'model'")
        call = Call(surface, fields, string(named, "model"))
        call.stream = flag(fields, "stream")
        call.user = "" if user is None or bytes(user) == NULL else string(user, "user")
        _weigh(call, len(bytes(prompt)))
        return call

    def upstream_path(self, surface: str, model: str, stream: bool) -> bytes:
        return PATHS[surface]

    def upstream_body(self, call: Call, target: Target) -> bytes:
        model = target.upstream_model
        form = call.form
        if form is not None:
            return b"".join((form.before, model.encode(), form.after))
        return encode(call.fields | {"model": msgspec.Raw(encode(model))})

    def read_answer(self, call: Call, body: bytes) -> Answer:
        try:
            shape = _decode_whole(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as bad:
            raise AttemptFailed(Failure.MALFORMED, f"200 with a body that is not JSON: {bad}", status=200) from bad
        if bytes(shape.data) == NULL:
            if bytes(shape.error) != NULL:
                raise failures.classify(200, {}, body)
            raise AttemptFailed(Failure.MALFORMED, "200 without data", status=200)
        return Answer(shape.model or "", read_usage(shape.usage))

    def stream_reader(self, call: Call) -> StreamReader:
        return ImageStream()

    def failure(self, status: int, headers: dict[bytes, bytes], body: bytes, vendor: str = "") -> AttemptFailed:
        return failures.classify(status, headers, body, vendor)

    def error_body(self, error: Error, decision: str) -> bytes:
        return failure.body(error, decision)

    def error_event(self, error: Error, decision: str) -> bytes:
        return b"event: error\ndata: " + failure.body(error, decision) + b"\n\n"


class ImageStream:
    """Reads one streamed answer (``poise.wire.call.StreamReader``): pictures in the making, then each when it is complete."""

    def __init__(self) -> None:
        self.started = False
        self.finished = False
        self.model = ""
        self.usage: Usage | None = None
        self.error = ""
        self.fault = b""
        self.failure = Failure.MALFORMED
        self.skipped = 0
        self.over = False  # more pictures may follow: only the end of the body is the end

    def feed(self, events: bytes) -> bytes:
        kept = []
        for event in events_of(events):
            skipped = self.skipped
            self._hear(data_of(event))
            if self.error:
                break  # what follows must not make the answer look complete
            if self.skipped == skipped:
                kept.append(event)
        return b"".join(kept)

    def close(self, tail: bytes) -> bytes:
        if tail:
            self.finished = False
        return b""

    def _hear(self, data: bytes) -> None:
        if not data or data == b"[DONE]":
            return
        try:
            event = _decode_event(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            if not readable(data):
                self.skipped += 1
                if self.skipped > MOST_UNREAD:
                    self.error = f"more than {MOST_UNREAD} events that are not JSON"
            return  # JSON of another shape is not ours to judge: the client's own parser sees what the vendor sent
        if bytes(event.error) != NULL or event.type == "error":
            self.error = bytes(event.error if bytes(event.error) != NULL else data).decode(errors="replace")
            self.fault = data
        elif event.type.endswith(".partial_image"):
            self.started = True
        elif event.type.endswith(".completed"):
            self.started = self.finished = True
            counted = read_usage(event.usage)
            self.usage = counted if counted is not None else self.usage


def read_form(surface: str, body: bytes, boundary: bytes) -> Call:
    """Read a form: where its model stands, whether it streams. Raises Error: duplicate_field, invalid_field."""
    said: dict[bytes, Field] = {}
    pictures = 0
    for field in fields_of_form(body, boundary):
        pictures += field.file
        if field.name in _ONCE:
            if field.name in said:
                raise Error("duplicate_field", f"{field.name.decode()!r} stands twice in the form", hint="send it once")
            said[field.name] = field
    named, prompt = said.get(b"model"), said.get(b"prompt")
    if named is None:
        raise _lacks("model", "a form field 'model'")
    if prompt is None:
        raise _lacks("prompt", "a form field 'prompt' beside 'model'")
    call = Call(surface, {}, _text(body, named))
    call.form = Form(body[: named.start], body[named.end :])
    stream = said.get(b"stream")
    if stream is not None:
        value = _text(body, stream)
        if value not in ("true", "false", ""):
            raise Error("invalid_field", f"stream is {value[:40]!r}, not true or false", hint="send true or false")
        call.stream = value == "true"
    user = said.get(b"user")
    call.user = _text(body, user) if user is not None else ""
    _weigh(call, prompt.end - prompt.start + pictures * IMAGE_TOKENS * BYTES_PER_TOKEN)
    return call


def read_usage(said: object) -> Usage | None:
    """What was counted, and what the vendor says that it charged; None where neither is told.

    Pictures that were made are the output unless the details say otherwise (older answers have no details).
    """
    if not isinstance(said, dict):
        return None
    asked, made = said.get("input_tokens_details"), said.get("output_tokens_details")
    read, written = _count(said, "input_tokens"), _count(said, "output_tokens")
    ticks = _count(said, "cost_in_usd_ticks")
    charged = (ticks + _TICKS_PER_USD_E6 // 2) // _TICKS_PER_USD_E6 if ticks else -1
    if not read and not written and charged < 0:
        return None
    inner = asked if isinstance(asked, dict) else {}
    images = min(_count(inner, "image_tokens"), read)
    drawn = min(_count(made, "image_tokens"), written) if isinstance(made, dict) else written
    cached = min(_count(inner, "cached_tokens"), read - images)
    return Usage(read, written, cached, image_input=images, image_output=drawn, charged_usd_e6=charged)


def _weigh(call: Call, prompt_bytes: int) -> None:
    call.tokens = prompt_bytes // BYTES_PER_TOKEN + 1
    call.modalities = (OUTPUT,)


def _text(body: bytes, field: Field) -> str:
    """A short field's value. Raises Error invalid_field."""
    name = field.name.decode("ascii", "replace")
    raw = body[field.start : field.end]
    kind, _, more = field.type.partition(b";")
    if field.file or kind.strip() not in (b"", b"text/plain") or (b"charset" in more and b"utf-8" not in more):
        raise Error("invalid_field", f"{name} is a file or no plain text", hint=f"send {name} as a plain form field")
    if len(raw) > MAX_NAME_BYTES:
        raise Error("invalid_field", f"{name} has {len(raw)} bytes, at most {MAX_NAME_BYTES}", hint="shorten it")
    try:
        value = raw.decode()
    except UnicodeDecodeError as bad:
        raise Error("invalid_field", f"{name} is not UTF-8", hint="send UTF-8") from bad
    if not value.isprintable():
        raise Error("invalid_field", f"{name} holds a control character", hint=f"send a plain {name}")
    return value


def _lacks(field: str, hint: str) -> Error:
    return Error("invalid_field", f"the body has no {field}", hint=f"send {hint}")


def _count(said: Obj, name: str) -> int:
    value = said.get(name)
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else 0
