"""What the assistant says in one message - thought, content, refusal, calls - both ways; asks and answers share it.

OpenAI chat knows no order between these; they are read as thought, content, refusal, calls (docs/dialects.md, rule 7).
"""

from __future__ import annotations

from typing import Final

from poise.wire.conversation.part import Json, Kept, Media, Part, Reasoning, Refusal, Rest, Text, ToolCall
from poise.wire.openai.fields import Obj, bad, left, object_of, spelling, text_of
from poise.wire.openai.parts import media_of_url, read_part, url_of

THOUGHTS: Final = ("reasoning_content", "reasoning")
_DETAIL: Final = {"reasoning.text": "text", "reasoning.summary": "summary", "reasoning.encrypted": "data"}
_FORMAL: Final = frozenset({"index", "format"})  # where in the list it stands; which vendor wrote a sealed thought


def read_content(raw: Obj, where: str) -> tuple[list[Part], str]:
    """The content's parts, and its form: ``text``, ``null``, ``none`` (not said), ``""`` (a list)."""
    content = raw.get("content")
    if type(content) is str:
        return ([Text(text=content)] if content else []), "text"
    if content is None:
        return [], "null" if "content" in raw else "none"
    if type(content) is not list:
        raise bad(f"{where}.content", content, "a string, or a list of parts")
    return [read_part(part, f"{where}.content[{n}]") for n, part in enumerate(content)], ""


def read_said(raw: Obj, where: str) -> tuple[list[Part], str, Rest]:
    """An assistant's message: its parts, the form of its content, and the spellings it used.

    Raises Error naming the field.
    """
    content, form = read_content(raw, where)
    if len(raw) == 2 and "content" in raw and "role" in raw:
        return content, form, {}
    marks: Rest = {}
    parts = _read_thought(raw, marks)
    parts += content
    refusal = raw.get("refusal")
    if type(refusal) is str:
        parts.append(Refusal(text=refusal))
    _read_media(raw, parts)
    calls = raw.get("tool_calls")
    if calls is not None:
        if type(calls) is not list:
            raise bad(f"{where}.tool_calls", calls, "a list of tool calls")
        parts += [_read_call(call, f"{where}.tool_calls[{n}]") for n, call in enumerate(calls)]
    legacy = raw.get("function_call")
    if type(legacy) is dict:
        name, arguments = legacy.get("name"), legacy.get("arguments")
        if type(name) is str and type(arguments) is str:
            parts.append(ToolCall(name=name, arguments=arguments, rest=spelling("function_call")))
    return parts, form, marks


def _read_thought(raw: Obj, marks: Rest) -> list[Part]:
    parts: list[Part] = []
    details = raw.get("reasoning_details")
    if type(details) is list and details:
        parts += [_read_detail(detail) for detail in details]
        marks["\0=reasoning_details"] = None
    thought = thought_of(parts)
    for name in THOUGHTS:
        text = raw.get(name)
        if type(text) is str and text.endswith(thought) and text:
            if text != thought:  # of the first thought only the seal stands in the list, where it was streamed
                parts.insert(0, Reasoning(text=text.removesuffix(thought), rest=spelling("plain")))
                thought = text
            marks["\0=" + name] = None
    return parts


def _read_detail(raw: Json) -> Part:
    if type(raw) is not dict:
        return Kept(what="reasoning_details", value=raw)
    field = _DETAIL.get(text_of(raw.get("type")))
    if field is None or type(raw.get(field, "")) is not str:
        return Kept(what="reasoning_details", value=raw)
    text = text_of(raw.get(field))
    part = Reasoning(
        text="" if field == "data" else text,
        sealed=text if field == "data" else "",
        signature=text_of(raw.get("signature")),
        summary=field == "summary",
        id=text_of(raw.get("id")),
    )
    part.rest = left(raw, say_detail(part), formal=_FORMAL)
    return part


def say_detail(part: Reasoning) -> Obj:
    """What a thought gives in OpenRouter's list."""
    if part.sealed:
        out: Obj = {"type": "reasoning.encrypted", "data": part.sealed}
    elif part.summary:
        out = {"type": "reasoning.summary", "summary": part.text}
    else:
        out = {"type": "reasoning.text", "text": part.text}
        if part.signature:
            out["signature"] = part.signature
    if part.id:
        out["id"] = part.id
    return out


def thought_of(parts: list[Part]) -> str:
    """The text of all thoughts."""
    return "".join([p.text for p in parts if isinstance(p, Reasoning)])


def _read_call(raw: Json, where: str) -> Part:
    if type(raw) is not dict:
        raise bad(where, raw, 'a tool call: {"id": ..., "type": "function", "function": {...}}')
    kind = "custom" if raw.get("type") == "custom" else "function"
    inner = raw.get(kind)
    name = object_of(inner).get("name")
    if type(name) is not str:
        if text_of(raw.get("type")) not in ("", "function", "custom"):
            return Kept(what=text_of(raw.get("type")), value=raw)
        raise bad(f"{where}.{kind}", inner, "an object with a name")
    said = object_of(inner).get("input" if kind == "custom" else "arguments")
    call = ToolCall(
        name=name,
        arguments=text_of(said),
        id=text_of(raw.get("id")),
        free=kind == "custom",
        signature=_signature_of(raw),
    )
    call.rest = left(raw, say_call(call, call.id), "function", "custom", "extra_content", formal=_FORMAL)
    return call


def _signature_of(raw: Obj) -> str:
    google = object_of(object_of(raw.get("extra_content")).get("google"))
    return text_of(google.get("thought_signature"))


def say_call(call: ToolCall, id: str) -> Obj:
    """What a tool call gives, under this id."""
    kind, field = ("custom", "input") if call.free else ("function", "arguments")
    out: Obj = {"type": kind, kind: {"name": call.name, field: call.arguments}}
    if id:
        out["id"] = id
    if call.signature:
        out["extra_content"] = {"google": {"thought_signature": call.signature}}
    return out


def _read_media(raw: Obj, parts: list[Part]) -> None:
    """Pictures and sound that the model made: OpenRouter's ``images``, OpenAI's ``audio``."""
    images = raw.get("images")
    if type(images) is list and images:
        for item in images:
            url = text_of(object_of(object_of(item).get("image_url")).get("url"))
            if not url:
                parts.append(Kept(what="images", value=item))
                continue
            part = media_of_url("image", url, {})
            part.rest = spelling("made") | left(object_of(item), say_image(part))
            parts.append(part)
    audio = raw.get("audio")
    if type(audio) is dict:
        data = text_of(audio.get("data"))
        sound = Media(kind="audio", data=data, file_id="" if data else text_of(audio.get("id")))
        sound.rest = spelling("made") | left(audio, say_sound(sound))
        parts.append(sound)


def say_image(part: Media) -> Obj:
    """A picture that the model made."""
    return {"type": "image_url", "image_url": {"url": url_of(part)}}


def say_sound(part: Media) -> Obj:
    """Sound that the model made."""
    if part.file_id:
        return {"id": part.file_id}
    return {"data": part.data} if part.data else {}
