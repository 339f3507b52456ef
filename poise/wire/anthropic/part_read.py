"""Content blocks, read into parts. The same blocks stand in requests, answers and at the start of streamed blocks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

from poise.wire.anthropic.rest import CONTENT_NONE, CONTENT_TEXT, INPUT_NONE, SOURCE_TEXT, encode, note
from poise.wire.conversation.node import Bad, Node, each, need_text, object_of, take_text
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
    """One block; a type that this file does not know becomes Kept. Raises Bad."""
    node = object_of(value)
    read = _READ.get(need_text(node, "type"))
    if read is None:
        return Kept(what=need_text(node, "type"), value=node)
    return read(node)


def citation_of(node: Node) -> Citation:
    """One source. Positions count in the cited document, not in the answer, and so stay in rest."""
    rest = dict(node)
    at_url, at_title = source_keys(node.get("type"))
    url, title = take_text(rest, at_url), take_text(rest, at_title)
    quoted = take_text(rest, "cited_text")
    for key in ("type", "encrypted_index"):
        if key in rest:
            note(rest, key, rest.pop(key))
    return Citation(url=url, title=title, quoted=quoted, rest=rest)


def source_keys(kind: Json) -> tuple[str, str]:
    """Where a source of this type says its address and its title."""
    if kind in ("char_location", "page_location", "content_block_location"):
        return "url", "document_title"
    return "source" if kind == "search_result_location" else "url", "title"


def _text(node: Node) -> Part:
    text = need_text(node, "text")
    if len(node) == 2:
        return Text(text=text)
    rest = _left(node, "text")
    said = rest.get("citations")
    citations: list[Citation] = []
    if isinstance(said, list) and said and all(isinstance(one, dict) and "type" in one for one in said):
        citations = [citation_of(one) for one in said if isinstance(one, dict)]
        del rest["citations"]
    signature = _google_signature(rest)
    return Text(text=text, citations=citations, signature=signature, rest=rest)


def _thinking(node: Node) -> Part:
    rest = _left(node, "thinking")
    signature = take_text(rest, "signature")
    if rest.get("signature") == "":
        note(rest, "signature", rest.pop("signature"))
    return Reasoning(text=need_text(node, "thinking"), signature=signature, rest=rest)


def _redacted(node: Node) -> Part:
    return Reasoning(sealed=need_text(node, "data"), rest=_left(node, "data"))


def _tool_use(node: Node) -> Part:
    name, id = need_text(node, "name"), need_text(node, "id")
    rest = {key: value for key, value in node.items() if key not in _CALL}
    if "input" not in node:
        note(rest, INPUT_NONE)
    caller = rest.get("caller")
    if isinstance(caller, dict) and caller == {"type": "direct"}:  # the model itself: what every dialect means
        note(rest, "caller", rest.pop("caller"))
    signature = _google_signature(rest) if rest else ""
    arguments = encode(node.get("input", {})).decode()
    return ToolCall(name=name, arguments=arguments, id=id, signature=signature, rest=rest)


def _tool_result(node: Node) -> Part:
    call_id = need_text(node, "tool_use_id")
    rest = {key: value for key, value in node.items() if key not in _RESULT}
    content = node.get("content")
    parts: list[Part]
    if isinstance(content, str):
        parts = [Text(text=content)]
        note(rest, CONTENT_TEXT)
    elif content is None:
        parts = []
        note(rest, "content" if "content" in node else CONTENT_NONE)
    else:
        try:
            parts = parts_of(content)
        except Bad as bad:
            raise bad.within("content") from None
    failed = node.get("is_error")
    if failed is False:
        note(rest, "is_error", value=False)
    elif failed is not True and "is_error" in node:
        rest["is_error"] = failed
    return ToolResult(parts=parts, call_id=call_id, failed=failed is True, rest=rest)


def _image(node: Node) -> Part:
    return _media(node, "image")


def _document(node: Node) -> Part:
    return _media(node, "file")


def _media(node: Node, kind: MediaKind) -> Part:
    source = node.get("source")
    if not isinstance(source, dict):
        raise Bad("source", source, "an object")
    rest = _left(node, "source")
    name = take_text(rest, "title") if kind == "file" else ""
    inner = dict(source)
    how = inner.pop("type", None)
    media = Media(kind=kind, name=name, rest=rest)
    if how == "base64":
        media.media_type, media.data = take_text(inner, "media_type"), take_text(inner, "data")
    elif how == "url":
        media.url = take_text(inner, "url")
    elif how == "file":
        media.file_id = take_text(inner, "file_id")
    elif how == "text" and inner.get("media_type") == "text/plain":
        media.media_type, media.data = "text/plain", b64encode(take_text(inner, "data").encode()).decode()
        del inner["media_type"]
        note(rest, SOURCE_TEXT)
    if not (media.data or media.url or media.file_id):  # made of blocks, or of a kind that is not known here
        return Kept(what=need_text(node, "type"), value=node)
    if inner:
        rest["source"] = inner
    return media


def _google_signature(rest: Rest) -> str:
    """Gemini's seal on a call or a text, in the form that Google gives OpenAI's clients; it is taken out of rest."""
    extra = rest.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) and len(extra) == 1 else None
    if not isinstance(google, dict) or len(google) != 1:
        return ""
    signature = take_text(dict(google), "thought_signature")
    if signature:
        del rest["extra_content"]
    return signature


def _left(node: Node, taken: str) -> Rest:
    return {key: value for key, value in node.items() if key not in {"type", taken}}


_CALL = frozenset({"type", "id", "name", "input"})
_RESULT = frozenset({"type", "tool_use_id", "content", "is_error"})
_READ: dict[str, Callable[[Node], Part]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "image": _image,
    "document": _document,
}
