"""What differences of the written list do to asks and answers alike."""

from __future__ import annotations

import json
from typing import Final

from poise.wire.conversation.part import (
    Kept,
    Media,
    MediaKind,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from tests.wire.crossing.crossing import Crossing, differ, parts


def hold_arguments(crossing: Crossing) -> bool:
    """Text that is no object is held in one; a stream into Anthropic's dialect sends cut text as it came."""

    def change(part: Part) -> list[Part]:
        if not isinstance(part, ToolCall) or (not part.free and (not part.arguments or _is_object(part.arguments))):
            return [part]
        if crossing.kind == "stream" and crossing.to == "anthropic" and not part.free:
            return [part]
        return [
            ToolCall(
                name=part.name, arguments=json.dumps({"input": part.arguments}), id=part.id, signature=part.signature
            )
        ]

    return parts(crossing, change)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


_KINDS: Final[dict[str, MediaKind]] = {"image": "image", "audio": "audio", "video": "video"}
_BY_ENDING: Final[dict[str, MediaKind]] = {
    **dict.fromkeys(("png", "jpg", "jpeg", "webp", "gif", "heic"), "image"),
    **dict.fromkeys(("mp3", "wav"), "audio"),
    **dict.fromkeys(("mp4", "webm", "mov"), "video"),
}


def kind_by_type(crossing: Crossing) -> bool:
    """The type tells the kind; of a URL its ending does."""

    def change(part: Part) -> list[Part]:
        if not isinstance(part, Media):
            return [part]
        ending = part.url.partition("?")[0].rpartition(".")[2].lower()
        kind: MediaKind = part.kind
        if part.media_type:
            kind = _KINDS.get(part.media_type.partition("/")[0], "file")
        elif part.url and ending in _BY_ENDING:
            kind = _BY_ENDING[ending]
        return [part] if kind == part.kind else [Media(kind=kind, data=part.data, url=part.url, file_id=part.file_id)]

    return parts(crossing, change)


def make_ids(crossing: Crossing) -> bool:
    """Calls are counted through the conversation; a result takes the first call that waits, by name where it can."""
    count, waiting, changed = 0, list[tuple[str, str]](), False
    for holder in crossing.holders():
        for part in holder.parts:
            if isinstance(part, ToolCall):
                changed = changed or not part.id
                part.id = part.id or f"call_poise_{count}"
                count += 1
                waiting.append((part.name, part.id))
            elif isinstance(part, ToolResult) and part.call_id:
                waiting = [one for one in waiting if one[1] != part.call_id]
            elif isinstance(part, ToolResult):
                changed = True
                found = next(
                    (one for one in waiting if one[0] == part.name),
                    waiting[0] if waiting else ("", f"call_poise_{count}"),
                )
                part.call_id = found[1]
                waiting = [one for one in waiting if one is not found]
    return changed


def refusal_text(crossing: Crossing) -> bool:
    """Its words are text."""
    return parts(crossing, lambda part: [Text(text=part.text)] if isinstance(part, Refusal) else [part])


_RANKS: Final[dict[type, int]] = {Reasoning: 0, Text: 1, Refusal: 2, Media: 3, ToolCall: 4}


def chat_order(crossing: Crossing) -> bool:
    """Thought, text, refusal, media, calls; texts are joined, whatever stood between them."""
    changed = False
    for holder in crossing.holders():
        if isinstance(holder, Message) and holder.role != "assistant":
            continue
        shown: list[Part] = [
            part for part in holder.parts if not isinstance(part, Kept) and (not isinstance(part, Text) or part.text)
        ]
        after = sorted(shown, key=lambda part: _RANKS.get(type(part), len(_RANKS)))
        changed = changed or differ(after, shown)
        holder.parts = after
    return changed
