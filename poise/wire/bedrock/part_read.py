"""Content blocks, read into parts. A block is an object of one key that says what it is."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Final

from poise.wire.anthropic.rest import encode, note
from poise.wire.bedrock.formats import TYPES, format_of
from poise.wire.bedrock.rest import AS_JSON, CITED, CONTENT_NONE, INPUT_NONE, NO_CITATIONS, NO_FORMAT, SOURCE_TEXT
from poise.wire.conversation.node import Bad, Node, each, list_of, need_text, object_of, take_text
from poise.wire.conversation.part import (
    Citation,
    Json,
    Kept,
    Media,
    MediaKind,
    Part,
    Reasoning,
    Rest,
    Text,
    ToolCall,
    ToolResult,
)


def parts_of(content: Json) -> list[Part]:
    """A list of blocks. Raises Bad."""
    return each(content, part_of)


def part_of(value: Json) -> Part:
    """One block; what this file does not know becomes Kept. Raises Bad."""
    node = object_of(value)
    if len(node) != 1:
        return Kept(what=next(iter(node), "block"), value=node)
    name, inner = next(iter(node.items()))
    if name == "text":
        return Text(text=need_text(node, "text"))
    read = _READ.get(name)
    if read is None:
        return Kept(what=name, value=node)
    try:
        return read(object_of(inner)) or Kept(what=name, value=node)
    except Bad as bad:
        raise bad.within(name) from None


def citation_of(node: Node) -> Citation:
    """A source: of the web by its address, of a document by the words quoted."""
    rest: Rest = dict(node)
    found = Citation(title=take_text(rest, "title"), rest=rest)
    location = rest.get("location")
    web = location.get("web") if isinstance(location, dict) else None
    if isinstance(web, dict) and isinstance(web.get("url"), str) and web["url"]:
        found.url = str(web["url"])
        if location == {"web": {"url": found.url}}:
            del rest["location"]
    quoted = rest.get("sourceContent")
    if isinstance(quoted, list):
        pieces = [piece.get("text") for piece in quoted if isinstance(piece, dict)]
        found.quoted = "".join(piece for piece in pieces if isinstance(piece, str))
        if found.quoted and quoted == [{"text": found.quoted}]:
            del rest["sourceContent"]
    return found


def media_type_of(kind: MediaKind, word: str) -> str:
    """The media type of a format's word, made up for one that nobody knows; '' for none."""
    return TYPES[kind].get(word) or (f"{kind}/{word}" if word else "")


def _media(kind: MediaKind) -> Callable[[Node], Part | None]:
    def read(node: Node) -> Part | None:
        rest: Rest = {key: value for key, value in node.items() if key not in {"source", "format"}}
        said = node.get("format")
        if said is not None and not isinstance(said, str):
            raise Bad("format", said, "a string")
        part = Media(kind=kind, media_type=media_type_of(kind, said or ""), rest=rest)
        if kind == "file":
            part.name = take_text(rest, "name")
        source = object_of(node.get("source"))
        if len(source) != 1 or not _source(part, source):
            return None
        if "format" not in node:
            note(rest, NO_FORMAT)
        elif said != format_of(kind, part.media_type, part.data, part.name):
            note(rest, "format", said)
        return part

    return read


def _source(part: Media, source: Node) -> bool:
    """Where the bytes are; False where a document is told in pieces, which no one else does."""
    where, value = next(iter(source.items()))
    if where == "bytes" and isinstance(value, str) and value:
        part.data = value
    elif where == "text" and isinstance(value, str) and value and part.kind == "file":
        part.data = b64encode(value.encode("utf-8", "surrogatepass")).decode()
        part.media_type = part.media_type or "text/plain"
        note(part.rest, SOURCE_TEXT, value)
    elif where == "s3Location" and isinstance(value, dict) and isinstance(value.get("uri"), str) and value["uri"]:
        part.file_id = str(value["uri"])
        if len(value) > 1:
            part.rest["source"] = source
    else:
        return False
    return True


def _tool_use(node: Node) -> Part | None:
    if "type" in node:  # run by the provider itself
        return None
    rest = {key: value for key, value in node.items() if key not in {"toolUseId", "name", "input"}}
    call = ToolCall(name=need_text(node, "name"), arguments="", id=need_text(node, "toolUseId"), rest=rest)
    if "input" in node:
        call.arguments = encode(node["input"]).decode()
    else:
        note(rest, INPUT_NONE)
    return call


def _tool_result(node: Node) -> Part | None:
    rest = {key: value for key, value in node.items() if key not in {"toolUseId", "content"}}
    found = ToolResult(parts=[], call_id=need_text(node, "toolUseId"), rest=rest)
    if "content" not in node:
        note(rest, CONTENT_NONE)
    else:
        try:
            found.parts = [_piece(object_of(piece)) for piece in list_of(node["content"])]
        except Bad as bad:
            raise bad.within("content") from None
    status = rest.get("status")
    if status == "error":
        found.failed = True
        del rest["status"]
    elif status == "success":
        note(rest, "status", rest.pop("status"))
    return found


def _piece(node: Node) -> Part:
    if len(node) == 1 and "json" in node:
        text = Text(text=encode(node["json"]).decode())
        note(text.rest, AS_JSON)
        return text
    part = part_of(node)
    if isinstance(part, Text | Media) and "citationsContent" not in node:
        return part
    return Kept(what=next(iter(node), "block"), value=node)


def _reasoning(node: Node) -> Part | None:
    if len(node) != 1:
        return None
    sealed = node.get("redactedContent")
    if isinstance(sealed, str) and sealed:
        return Reasoning(sealed=sealed)
    inner = node.get("reasoningText")
    if not isinstance(inner, dict):
        return None
    rest = {key: value for key, value in inner.items() if key != "text"}
    return Reasoning(text=need_text(inner, "text"), signature=take_text(rest, "signature"), rest=rest)


def _cited(node: Node) -> Part | None:
    content = list_of(node.get("content") or [])
    pieces = [object_of(piece).get("text") for piece in content]
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    rest = {key: value for key, value in node.items() if key not in {"content", "citations"}}
    note(rest, CITED)
    if node.get("content") != [{"text": text}]:
        note(rest, "content", node.get("content"))
        if "content" not in node:
            return None
    if "citations" not in node:
        note(rest, NO_CITATIONS)
    said = node.get("citations", [])
    return Text(text=text, citations=[citation_of(object_of(one)) for one in list_of(said)], rest=rest)


_READ: Final[dict[str, Callable[[Node], Part | None]]] = {
    "image": _media("image"),
    "document": _media("file"),
    "video": _media("video"),
    "audio": _media("audio"),
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "reasoningContent": _reasoning,
    "citationsContent": _cited,
}
