"""Parts, written as content blocks.

``own`` says whether a part was read from this dialect: only then its ``rest`` and what is ``Kept`` are said again.
"""

from __future__ import annotations

from base64 import b64decode

from poise.wire.anthropic.part_read import source_keys
from poise.wire.anthropic.rest import CONTENT_NONE, CONTENT_TEXT, INPUT_NONE, SOURCE_TEXT, lay, marked
from poise.wire.conversation.arguments import arguments_of
from poise.wire.conversation.part import (
    FORMAL,
    Citation,
    Json,
    Media,
    Part,
    Reasoning,
    Refusal,
    Rest,
    Text,
    ToolCall,
    ToolResult,
)

_Node = dict[str, Json]
_IMAGES = (("/9j/", "image/jpeg"), ("iVBORw0KGgo", "image/png"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"))
_NOTHING: Rest = {}


def blocks_of(parts: list[Part], *, own: bool) -> list[Json]:
    """The parts as blocks; a part that has no block here gives none, and a part with two seals gives two."""
    found: list[Json] = []
    for part in parts:
        if isinstance(part, Text):
            found.append(text_block(part, own=own))
        elif isinstance(part, ToolCall):
            found.append(call_block(part, arguments_of(part), own=own))
        elif isinstance(part, ToolResult):
            found.append(_result(part, own=own))
        elif isinstance(part, Media):
            found.append(_media(part, own=own))
        elif isinstance(part, Reasoning):
            found += thought_blocks(part, own=own)
        elif isinstance(part, Refusal):
            found.append({"type": "text", "text": part.text})
        elif own:
            found.append(part.value)
    return found


def text_block(part: Text, *, own: bool) -> _Node:
    """A text with its sources."""
    out: _Node = {"type": "text", "text": part.text}
    if own and part.rest:
        lay(out, part.rest)
    if part.citations:
        out["citations"] = [citation_node(one, own=own) for one in part.citations]
    if part.signature:
        out["extra_content"] = {"google": {"thought_signature": part.signature}}
    return out


def citation_node(one: Citation, *, own: bool) -> Json:
    """A source; another dialect's becomes one found on the web, the only kind that needs no document in the request."""
    if not own:
        return {
            "type": "web_search_result_location",
            "url": one.url,
            "title": one.title or None,
            "cited_text": one.quoted,
            "encrypted_index": "",
        }
    formal = one.rest.get(FORMAL)
    kind = formal.get("type") if isinstance(formal, dict) else None
    at_url, at_title = source_keys(kind)
    out: _Node = {}
    if one.url:
        out[at_url] = one.url
    if one.title:
        out[at_title] = one.title
    if one.quoted:
        out["cited_text"] = one.quoted
    if not isinstance(formal, dict):
        out["type"] = "web_search_result_location"
    return lay(out, one.rest)


def thought_blocks(part: Reasoning, *, own: bool) -> list[Json]:
    """Thought that can be read, and thought that cannot."""
    rest = part.rest if own else _NOTHING
    if part.sealed and not part.text and not part.signature:
        return [lay({"type": "redacted_thinking", "data": part.sealed}, rest)]
    out: _Node = lay({"type": "thinking", "thinking": part.text}, rest)
    if part.signature or not own:  # clients want the field; elsewhere it is said as it was read
        out["signature"] = part.signature
    found: list[Json] = [out]
    if part.sealed:
        found.append({"type": "redacted_thinking", "data": part.sealed})
    return found


def call_block(part: ToolCall, arguments: Json, *, own: bool) -> _Node:
    """A tool call with its arguments as an object."""
    out: _Node = {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}
    if own and part.rest:
        lay(out, part.rest)
        if marked(part.rest, INPUT_NONE):
            del out["input"]
    if part.signature:
        out["extra_content"] = {"google": {"thought_signature": part.signature}}
    return out


def _result(part: ToolResult, *, own: bool) -> _Node:
    rest = part.rest if own else _NOTHING
    out: _Node = {"type": "tool_result", "tool_use_id": part.call_id}
    first = part.parts[0] if len(part.parts) == 1 else None
    if marked(rest, CONTENT_TEXT) and isinstance(first, Text):
        out["content"] = first.text
    elif not marked(rest, CONTENT_NONE):
        out["content"] = blocks_of(part.parts, own=own)
    if part.failed:
        out["is_error"] = True
    return lay(out, rest)


def _media(part: Media, *, own: bool) -> _Node:
    rest = part.rest if own else _NOTHING
    image = part.kind == "image" or part.media_type.startswith("image/")
    source: _Node
    if part.data:
        source = _inline(part, own=own, image=image)
    elif part.url:
        source = {"type": "url", "url": part.url}
    else:
        source = {"type": "file", "file_id": part.file_id}
    out: _Node = {"type": "image" if image else "document", "source": source}
    if part.name and not image:
        out["title"] = part.name
    more = rest.get("source")
    lay(out, rest)
    if isinstance(more, dict):
        out["source"] = {**source, **more}
    return out


def _inline(part: Media, *, own: bool, image: bool) -> _Node:
    if own and marked(part.rest, SOURCE_TEXT):
        try:
            return {"type": "text", "media_type": "text/plain", "data": b64decode(part.data).decode()}
        except ValueError:  # not base64, or not UTF-8: sent as it is, and the vendor says what it makes of it
            pass
    kind = part.media_type or _sniffed(part.data, "image/png" if image else "application/pdf")
    return {"type": "base64", "media_type": "image/jpeg" if kind == "image/jpg" else kind, "data": part.data}


def _sniffed(data: str, otherwise: str) -> str:
    for start, kind in _IMAGES:
        if data.startswith(start):
            return kind
    return otherwise
