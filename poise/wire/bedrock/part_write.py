"""Parts, written as content blocks. ``own``: they were read from this dialect, so their ``rest`` is said again."""

from __future__ import annotations

import msgspec

from poise.wire.anthropic.rest import decode, lay, marked
from poise.wire.bedrock.formats import BLOCKS, format_of
from poise.wire.bedrock.rest import AS_JSON, CITED, CONTENT_NONE, INPUT_NONE, NO_CITATIONS, NO_FORMAT, SOURCE_TEXT
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

Node = dict[str, Json]
_NOTHING: Rest = {}


def blocks_of(parts: list[Part], *, own: bool) -> list[Json]:
    """The parts as blocks; a part that has no block here gives none, and thought with two seals gives two."""
    found: list[Json] = []
    for part in parts:
        if isinstance(part, Text):
            found.append(_text(part, own=own))
        elif isinstance(part, ToolCall):
            found.append({"toolUse": call_node(part, arguments_of(part), own=own)})
        elif isinstance(part, ToolResult):
            found.append({"toolResult": _result(part, own=own)})
        elif isinstance(part, Media):
            found.append({BLOCKS[part.kind]: media_node(part, own=own)})
        elif isinstance(part, Reasoning):
            found += _thought(part, own=own)
        elif isinstance(part, Refusal):
            found.append({"text": part.text})
        elif own:
            found.append(part.value)
    return found


def call_node(part: ToolCall, arguments: Json, *, own: bool) -> Node:
    """A tool call."""
    out: Node = {"toolUseId": part.id, "name": part.name, "input": arguments}
    if own:
        lay(out, part.rest)
        if marked(part.rest, INPUT_NONE):
            del out["input"]
    return out


def citation_node(one: Citation, *, own: bool) -> Node:
    """A source."""
    out: Node = {}
    if one.title:
        out["title"] = one.title
    if one.quoted:
        out["sourceContent"] = [{"text": one.quoted}]
    if one.url:
        out["location"] = {"web": {"url": one.url}}
    return lay(out, one.rest) if own else out


def media_node(part: Media, *, own: bool) -> Node:
    """An image, document, video or sound, with its bytes or where they lie in S3."""
    rest = part.rest if own else _NOTHING
    source: Node
    if marked(rest, SOURCE_TEXT):
        source = {"text": _formal(rest, SOURCE_TEXT)}
    elif part.data:
        source = {"bytes": part.data}
    else:
        source = {"s3Location": {"uri": part.file_id or part.url}}
    out: Node = {"format": format_of(part.kind, part.media_type, part.data, part.name)}
    if part.name and part.kind == "file":
        out["name"] = part.name
    out["source"] = source
    lay(out, rest)
    if marked(rest, NO_FORMAT) or out["format"] == "":
        del out["format"]
    return out


def is_sayable(part: Part) -> bool:
    """Whether a part of another dialect's answer has a block here."""
    if isinstance(part, Media):
        return bool(part.data and format_of(part.kind, part.media_type, part.data, part.name))
    return isinstance(part, Text | ToolCall | Reasoning | Refusal)


def _text(part: Text, *, own: bool) -> Node:
    cited = own and marked(part.rest, CITED)
    if not part.citations and not cited:
        return {"text": part.text}
    out: Node = {
        "content": [{"text": part.text}],
        "citations": [citation_node(one, own=own) for one in part.citations],
    }
    if own:
        lay(out, part.rest)
        if marked(part.rest, NO_CITATIONS):
            del out["citations"]
    return {"citationsContent": out}


def _thought(part: Reasoning, *, own: bool) -> list[Json]:
    found: list[Json] = []
    if part.text or part.signature or not part.sealed:
        inner: Node = {"text": part.text}
        if part.signature:
            inner["signature"] = part.signature
        if own:
            lay(inner, part.rest)
        found.append({"reasoningContent": {"reasoningText": inner}})
    if part.sealed:
        found.append({"reasoningContent": {"redactedContent": part.sealed}})
    return found


def _result(part: ToolResult, *, own: bool) -> Node:
    rest = part.rest if own else _NOTHING
    out: Node = {"toolUseId": part.call_id}
    if not marked(rest, CONTENT_NONE):
        out["content"] = [_piece(piece, own=own) for piece in part.parts]
    if part.failed:
        out["status"] = "error"
    return lay(out, rest)


def _piece(part: Part, *, own: bool) -> Json:
    if own and isinstance(part, Text) and marked(part.rest, AS_JSON):
        try:
            return {"json": decode(part.text)}
        except (msgspec.DecodeError, RecursionError):
            return {"text": part.text}
    found = blocks_of([part], own=own)
    return found[0] if found else {"text": ""}


def _formal(rest: Rest, key: str) -> Json:
    formal = rest.get(FORMAL)
    return formal.get(key) if isinstance(formal, dict) else None
