"""What a call names that lives where it was made: ids of answers and files, cached content, sealed thought.

Only what a dialect has is looked for, and only where its mark stands in the body; then the few fields are decoded, with
what lies between them (a tool's arguments above all) left opaque. A body that does not have the dialect's shape names
nothing here: it is the provider's to refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from poise.wire.call import Call

MAX_NAMED: Final = 1024  # the newest: a conversation goes on from its end
MAX_LOOKED: Final = 16_384  # a body of 32 MiB could name a million
MAX_ID_CHARS: Final = 512

RESPONSE: Final = "response"
CONVERSATION: Final = "conversation"
CONTAINER: Final = "container"
VECTORS: Final = "vector_store"
FILE: Final = "file"
CACHED: Final = "cached_content"
SEAL: Final = "seal"

_STANDARD: Final = str.maketrans("-_", "+/")
_CACHES: Final = "cachedContents/"
_FILES: Final = "files/"


class Named(NamedTuple):
    """One thing: of which kind (a constant above), in the caller's own word, and its id or seal."""

    kind: str
    what: str
    value: str


class _Part(msgspec.Struct):
    type: str | None = None
    file_id: str | None = None
    file: msgspec.Raw = msgspec.Raw(b"null")
    source: msgspec.Raw = msgspec.Raw(b"null")
    content: msgspec.Raw = msgspec.Raw(b"null")
    signature: str | None = None
    data: str | None = None


class _Item(msgspec.Struct):
    encrypted_content: str | None = None
    content: msgspec.Raw = msgspec.Raw(b"null")
    output: msgspec.Raw = msgspec.Raw(b"null")


class _Tool(msgspec.Struct):
    vector_store_ids: list[str] | None = None
    container: msgspec.Raw = msgspec.Raw(b"null")


class _Holder(msgspec.Struct):
    """An object that is known by its id, or holds files."""

    id: str | None = None
    file_id: str | None = None
    file_ids: list[str] | None = None


class _Google(msgspec.Struct):
    thought_signature: str | None = None


class _Extra(msgspec.Struct):
    google: _Google | None = None


class _ToolCall(msgspec.Struct):
    extra_content: _Extra | None = None


class _Detail(msgspec.Struct):
    signature: str | None = None
    data: str | None = None


class ChatMessage(msgspec.Struct):
    """A message of a chat, or a piece of one in a stream; Anthropic's turns have its content alone."""

    content: msgspec.Raw = msgspec.Raw(b"null")
    extra_content: _Extra | None = None
    tool_calls: list[_ToolCall] | None = None
    reasoning_details: list[_Detail] | None = None

    def seals(self) -> Iterator[Named]:
        """The seals on its thought and on its calls."""
        for detail in self.reasoning_details or ():
            if seal := detail.signature or detail.data:
                yield Named(SEAL, "reasoning_details", sealed(seal))
        for extra in (self.extra_content, *[one.extra_content for one in self.tool_calls or ()]):
            if extra is not None and extra.google is not None and extra.google.thought_signature:
                yield Named(SEAL, "thought_signature", sealed(extra.google.thought_signature))


class _FileData(msgspec.Struct):
    uri: str | None = msgspec.field(default=None, name="fileUri")
    snake_uri: str | None = msgspec.field(default=None, name="file_uri")


class _GeminiPart(msgspec.Struct):
    """Google's clients write either way: camel case, or the names of its protocol."""

    seal: str | None = msgspec.field(default=None, name="thoughtSignature")
    snake_seal: str | None = msgspec.field(default=None, name="thought_signature")
    file: _FileData | None = msgspec.field(default=None, name="fileData")
    snake_file: _FileData | None = msgspec.field(default=None, name="file_data")


class _Turn(msgspec.Struct):
    parts: list[_GeminiPart] | _GeminiPart | None = None


_string: Final = msgspec.json.Decoder(str).decode
_holder: Final = msgspec.json.Decoder(_Holder).decode
_parts: Final = msgspec.json.Decoder(list[_Part]).decode
_items: Final = msgspec.json.Decoder(list[_Item]).decode
_tools: Final = msgspec.json.Decoder(list[_Tool]).decode
_messages: Final = msgspec.json.Decoder(list[ChatMessage]).decode
_turns: Final = msgspec.json.Decoder(list[_Turn] | _Turn).decode


def named(front: str, call: Call, body: bytes) -> list[Named]:
    """All that a call at the door of dialect front names, oldest first, at most MAX_NAMED of the newest."""
    reader = READERS.get(front)
    if reader is None:
        return []
    found: dict[Named, None] = {}
    try:
        for one in islice(reader(call, body), MAX_LOOKED):
            if one.value and (one.kind == SEAL or len(one.value) <= MAX_ID_CHARS):
                found.pop(one, None)  # named again: newer
                found[one] = None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass  # what was found before it stands
    return list(found)[-MAX_NAMED:]


def sealed(value: str) -> str:
    """A seal as it is known by: clients decode base64 and write it again, in either alphabet, padded or not."""
    return value.translate(_STANDARD).rstrip("=")


def cached_name(value: str) -> str:
    """``cachedContents/abc`` of whatever stands before it."""
    at = value.rfind(_CACHES)
    return value if at < 0 else value[at:]


def file_name(value: str) -> str:
    """``files/abc`` of a Gemini file's address; '' where it is no such file (a public address, a bucket)."""
    at = value.rfind(_FILES)
    named_file = at == 0 or (at > 0 and value[at - 1] == "/")
    return value[at:] if named_file and not value.startswith("gs:") else ""


def _responses(call: Call, body: bytes) -> Iterator[Named]:
    fields = call.fields
    yield from _field(fields, "previous_response_id", RESPONSE)
    yield from _field(fields, "conversation", CONVERSATION)
    marked_tools = body.find(b'"vector_store_ids"') >= 0 or body.find(b'"container"') >= 0
    if marked_tools and (raw := fields.get("tools")) is not None and _is_list(raw):
        for tool in _tools(raw):
            for id in tool.vector_store_ids or ():
                yield Named(VECTORS, "vector_store_ids", id)
            yield from _container(tool.container)
    if body.find(b'"encrypted_content"') < 0 and body.find(b'"file_id"') < 0:
        return
    raw = fields.get("input")
    if raw is None or not _is_list(raw):
        return
    for item in _items(raw):
        if item.encrypted_content:
            yield Named(SEAL, "encrypted_content", sealed(item.encrypted_content))
        for content in (item.content, item.output):
            for part in _listed(content):
                if part.file_id:
                    yield Named(FILE, "file_id", part.file_id)


def _anthropic(call: Call, body: bytes) -> Iterator[Named]:
    yield from _field(call.fields, "container", CONTAINER)
    if not any(body.find(mark) >= 0 for mark in (b'"signature"', b'"redacted_thinking"', b'"file_id"')):
        return
    raw = call.fields.get("messages")
    if raw is None or not _is_list(raw):
        return
    for message in _messages(raw):
        for part in _listed(message.content):
            if part.type == "thinking" and part.signature:
                yield Named(SEAL, "signature", sealed(part.signature))
            elif part.type == "redacted_thinking" and part.data:
                yield Named(SEAL, "redacted_thinking", sealed(part.data))
            else:
                yield from _anthropic_files(part)


def _anthropic_files(part: _Part) -> Iterator[Named]:
    """An image's or document's source, a file for a container; and the same inside a tool's result."""
    inner = _listed(part.content) if part.type == "tool_result" else []
    for one in (part, *inner):
        if one.file_id:
            yield Named(FILE, "file_id", one.file_id)
        elif bytes(one.source)[:1] == b"{" and (id := _holder(one.source).file_id):
            yield Named(FILE, "file_id", id)


def _gemini(call: Call, body: bytes) -> Iterator[Named]:
    fields = call.fields
    for word in ("cachedContent", "cached_content"):
        raw = fields.get(word)
        if raw is not None and bytes(raw)[:1] == b'"':
            yield Named(CACHED, word, cached_name(_string(raw)))
    if not any(body.find(mark) >= 0 for mark in (b'"thoughtSignature"', b'"thought_signature"', b'"file')):
        return
    raw = fields.get("contents")
    if raw is None:
        return
    turns = _turns(raw)
    for turn in turns if isinstance(turns, list) else [turns]:
        parts = turn.parts or []
        for part in parts if isinstance(parts, list) else [parts]:
            seal = part.seal or part.snake_seal
            if seal:
                yield Named(SEAL, "thoughtSignature", sealed(seal))
            data = part.file or part.snake_file
            if data is not None and (uri := data.uri or data.snake_uri):
                yield Named(FILE, "fileUri", file_name(uri))


def _chat(call: Call, body: bytes) -> Iterator[Named]:
    marks = (b'"file_id"', b'"thought_signature"', b'"reasoning_details"')
    raw = call.fields.get("messages")
    if raw is None or not any(body.find(mark) >= 0 for mark in marks):
        return
    for message in _messages(raw):
        yield from message.seals()
        for part in _listed(message.content):
            if part.type == "file" and bytes(part.file)[:1] == b"{" and (id := _holder(part.file).file_id):
                yield Named(FILE, "file_id", id)


READERS: Final[dict[str, Callable[[Call, bytes], Iterator[Named]]]] = {
    "openai": _chat,
    "responses": _responses,
    "anthropic": _anthropic,
    "anthropic-count": _anthropic,
    "gemini": _gemini,
    "gemini-array": _gemini,
    "gemini-count": _gemini,
}


def _field(fields: dict[str, msgspec.Raw], name: str, kind: str) -> Iterator[Named]:
    """A top-level field that is an id, or an object with one."""
    raw = fields.get(name)
    if raw is not None:
        yield from _known_by(raw, name, kind)


def _known_by(raw: msgspec.Raw, what: str, kind: str) -> Iterator[Named]:
    first = bytes(raw)[:1]
    if first == b'"':
        yield Named(kind, what, _string(raw))
    elif first == b"{" and (id := _holder(raw).id):
        yield Named(kind, what, id)


def _container(raw: msgspec.Raw) -> Iterator[Named]:
    """A code interpreter's: its id, or the files that a new one is given."""
    first = bytes(raw)[:1]
    if first == b'"':
        yield Named(CONTAINER, "container", _string(raw))
    elif first == b"{":
        for id in _holder(raw).file_ids or ():
            yield Named(FILE, "file_ids", id)


def _listed(raw: msgspec.Raw) -> list[_Part]:
    return _parts(raw) if _is_list(raw) else []


def _is_list(raw: msgspec.Raw) -> bool:
    return bytes(raw)[:1] == b"["
