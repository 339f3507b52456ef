"""Items - of an ask's input or an answer's output - read into parts.

An item's shell goes with its first part, so that items can be told apart again though the model knows messages only.
"""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.part import (
    FORMAL,
    Json,
    Kept,
    Media,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from poise.wire.responses.content import read_content
from poise.wire.responses.shell import Object, list_at, object_at, text_at, with_shell

SIGNED: Final = "poise-signature:"  # before another provider's signature where it travels as encrypted_content
MESSAGE_SHELL: Final = frozenset(
    {"type", "role", "id", "status", "phase", "content"}
)  # phase labels text for OpenAI's models
_CALL_SHELL: Final = frozenset({"type", "id", "status", "output"})
_ROLES: Final[dict[str, Role]] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "developer",
}


def read_messages(items: list[Json], path: str) -> list[Message]:
    """All items of an input. What the model said in a row is one message. Raises Unreadable."""
    out: list[Message] = []
    for number, value in enumerate(items):
        item = object_at(value, f"{path}[{number}]")
        role, parts = read_item(item, f"{path}[{number}]")
        extra = message_extra(item)
        if role == "assistant" and out and out[-1].role == "assistant":
            out[-1].parts += parts
            out[-1].rest = {**out[-1].rest, **extra} if extra else out[-1].rest
            continue
        id = item.get("id")
        out.append(
            Message(role=role, parts=parts, id=id if isinstance(id, str) and role != "assistant" else "", rest=extra)
        )
    return out


def message_extra(item: Object) -> Object:
    """What a message item says beside what its parts and shell hold."""
    if item.get("type", "message") != "message":
        return {}
    return {name: value for name, value in item.items() if name not in MESSAGE_SHELL and name != FORMAL}


def read_item(item: Object, path: str) -> tuple[Role, list[Part]]:
    """One item, as parts of a message by that role; what is not modelled is Kept whole. Raises Unreadable."""
    kind = item.get("type", "item_reference" if "id" in item and "role" not in item else "message")
    if FORMAL in item or not isinstance(kind, str):
        return "assistant", [Kept(what=str(kind), value=item)]
    if kind == "message":
        return _read_message(item, path)
    if kind in ("function_call", "custom_tool_call"):
        return "assistant", [_read_call(item, path, free=kind == "custom_tool_call")]
    if kind in ("function_call_output", "custom_tool_call_output"):
        return "tool", [_read_result(item, path, free=kind == "custom_tool_call_output")]
    if kind == "reasoning":
        return "assistant", _read_reasoning(item)
    if kind == "image_generation_call":
        return "assistant", [_read_image(item)]
    if kind.endswith(("_output", "_response")):
        return "tool", [Kept(what=kind, value=item)]
    return "developer" if kind == "additional_tools" else "assistant", [Kept(what=kind, value=item)]


def _read_message(item: Object, path: str) -> tuple[Role, list[Part]]:
    role = _ROLES.get(text_at(item, "role", path))
    if role is None:
        return "user", [Kept(what="message", value=item)]
    content = item.get("content")
    if isinstance(content, str):
        return role, [Text(text=content, rest={FORMAL: {"item": {**item, "content": ""}}})]
    pieces = list_at(content, f"{path}.content")
    parts = [
        read_content(object_at(piece, f"{path}.content[{number}]"), f"{path}.content[{number}]")
        for number, piece in enumerate(pieces)
    ]
    if not parts or not _shelled(parts[0], {**item, "content": None}):
        return role, [Kept(what="message", value=item)]
    return role, parts


def _read_call(item: Object, path: str, *, free: bool) -> ToolCall:
    field = "input" if free else "arguments"
    call = ToolCall(
        id=text_at(item, "call_id", path),
        name=text_at(item, "name", path),
        arguments=text_at(item, field, path),
        free=free,
    )
    rest: Object = {}
    shell: Object = {}
    for name, value in item.items():
        if name in _CALL_SHELL:
            shell[name] = value
        elif name == "extra_content" and (signature := _signature(value)):
            call.signature = signature
        elif name not in ("call_id", "name", field):
            rest[name] = value
    rest[FORMAL] = {"item": shell}
    call.rest = rest
    return call


def _read_result(item: Object, path: str, *, free: bool) -> Part:
    output, call_id = item.get("output"), item.get("call_id")
    if not isinstance(call_id, str):
        return Kept(what=str(item["type"]), value=item)
    parts: list[Part]
    if isinstance(output, str):
        parts = [Text(text=output)]
    else:
        parts = [
            read_content(object_at(piece, f"{path}.output[{number}]"), f"{path}.output[{number}]")
            for number, piece in enumerate(list_at(output, f"{path}.output"))
        ]
    rest: Object = {name: value for name, value in item.items() if name not in _CALL_SHELL and name != "call_id"}
    shell: Object = {name: value for name, value in item.items() if name in _CALL_SHELL and name != "output"}
    rest[FORMAL] = {"item": {**shell, "output": "" if isinstance(output, str) else None}}
    return ToolResult(parts=parts, call_id=call_id, free=free, rest=rest)


def _read_reasoning(item: Object) -> list[Part]:
    """Each piece of summary, then each piece of content; what seals the item stands on the last."""
    pieces: list[Reasoning] = []
    for field, kind in (("summary", "summary_text"), ("content", "reasoning_text")):
        for piece in _pieces(item.get(field)):
            if not isinstance(piece, dict) or len(piece) != 2 or piece.get("type") != kind:
                return [Kept(what="reasoning", value=item)]
            text = piece.get("text")
            if not isinstance(text, str) or not text:
                return [Kept(what="reasoning", value=item)]
            pieces.append(Reasoning(text=text, summary=field == "summary"))
    if not pieces:
        pieces.append(Reasoning())
    id = item.get("id")
    for one in pieces:
        one.id = id if isinstance(id, str) else ""
    sealed = item.get("encrypted_content")
    shell: Object = {
        name: [] if name in ("summary", "content") and isinstance(value, list) else value
        for name, value in item.items()
    }
    if isinstance(sealed, str) and sealed:
        seal(pieces[-1], sealed)
        shell["encrypted_content"] = None
    pieces[0].rest = {FORMAL: {"item": shell}}
    return list(pieces)


def seal(part: Reasoning, sealed: str) -> None:
    """Put an item's encrypted_content on a part."""
    part.signature, part.sealed = seals_of(sealed)


def seals_of(sealed: str) -> tuple[str, str]:
    """The signature and the sealed thought that an encrypted_content says; one of them is empty."""
    return (sealed[len(SIGNED) :], "") if sealed.startswith(SIGNED) else ("", sealed)


def _read_image(item: Object) -> Part:
    result, form = item.get("result"), item.get("output_format")
    if not isinstance(result, str) or not result:
        return Kept(what="image_generation_call", value=item)
    shell: Object = {name: value for name, value in item.items() if name != "result"}
    media_type = f"image/{form}" if isinstance(form, str) else "image/png"
    return Media(kind="image", media_type=media_type, data=result, rest={FORMAL: {"item": shell}})


def _shelled(part: Part, shell: Object) -> bool:
    """Put an item's shell on its first part; False where that part has no room for it."""
    if isinstance(part, Kept):
        return False
    part.rest = with_shell(part.rest, "item", shell)
    return True


def _pieces(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _signature(value: Json) -> str:
    """The signature in ``{"google": {"thought_signature": ...}}`` and nothing else, '' where it says more."""
    if (
        isinstance(value, dict)
        and len(value) == 1
        and isinstance(google := value.get("google"), dict)
        and len(google) == 1
    ):
        found = google.get("thought_signature")
        return found if isinstance(found, str) else ""
    return ""
