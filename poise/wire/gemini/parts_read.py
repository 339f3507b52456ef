"""Gemini's parts, read: text, thought, media, calls, results; what is not known is kept."""

from __future__ import annotations

from typing import Final

from poise.errors import Error
from poise.wire.conversation.part import (
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
from poise.wire.gemini.forms import Obj, camel, leave, list_at, obj_at, pop_text, same, text_at, text_of, wrong

RESULT_KEYS: Final = frozenset({"output", "result", "error"})  # a result's only text stands under one of these
FILES_API: Final = "generativelanguage.googleapis.com/"

_KINDS: Final[dict[str, MediaKind]] = {"image": "image", "audio": "audio", "video": "video"}
_ALONE: Final = frozenset({"functionCall", "functionResponse", "inlineData", "fileData"})
_TO_STANDARD: Final = str.maketrans("-_", "+/")


def read_part(raw: Json, path: str) -> Part:
    """One part of an ask. Raises Error (invalid_field)."""
    obj = obj_at(raw, path)
    rest: Rest = {}
    fields = camel(obj, rest)
    thought = fields.get("thought")
    if thought is False:
        del fields["thought"]
        same(rest, "thought", False)
    if "text" in fields and fields["text"] is not None:
        return _text(fields, rest, path)
    if thought is True:
        return _kept(obj)  # thought that is no text (a draft of an image) is not part of the answer
    if "functionCall" in fields:
        return _call(obj, fields, rest, path)
    if "functionResponse" in fields:
        return _result(fields, rest, path)
    if "inlineData" in fields:
        return _inline(obj, fields, rest, path)
    if "fileData" in fields:
        return _file(obj, fields, rest, path)
    if set(fields) == {"thoughtSignature"}:
        rest["-text"] = None
        return Text(text="", signature=_seal(fields, rest, path), rest=rest)
    return _kept(obj)


def answered_part(raw: Obj) -> Part:
    """One part of an answer: what cannot be read is kept."""
    try:
        return read_part(raw, "part")
    except Error:
        return _kept(raw)


def _kept(obj: Obj) -> Kept:
    for name in obj:
        if name not in ("thought", "thoughtSignature", "thought_signature", "text"):
            return Kept(what=name, value=obj)
    return Kept(what="part", value=obj)


def _seal(fields: Obj, rest: Rest, path: str) -> str:
    """A signature, in the usual alphabet: Google's clients send it back in the other, and who made it compares letters."""
    seal = pop_text(fields, "thoughtSignature", rest, "", path)
    return _standard(seal, rest) if seal else ""


def _standard(data: str, rest: Rest) -> str:
    """Base64 in the usual alphabet, marked where it was the one for URLs: both are allowed here, one elsewhere."""
    if ("_" in data or "-" in data) and "+" not in data and "/" not in data:
        rest["@urlsafe"] = None
        return data.translate(_TO_STANDARD)
    return data


def _text(fields: Obj, rest: Rest, path: str) -> Part:
    text = text_at(fields.pop("text"), f"{path}.text")
    for other in fields:
        if other in _ALONE:
            raise wrong(f"{path}.{other}", fields[other], "alone: a part holds text or something else")
    signature = _seal(fields, rest, path) if fields else ""
    thought = fields.get("thought") is True
    if thought:
        del fields["thought"]
    if fields:
        leave(rest, fields)
    if thought:
        return Reasoning(text=text, signature=signature, rest=rest)
    return Text(text=text, signature=signature, rest=rest)


def _call(obj: Obj, fields: Obj, rest: Rest, path: str) -> Part:
    where = f"{path}.functionCall"
    call = camel(obj_at(fields.pop("functionCall"), where), rest, "functionCall.")
    if "name" not in call:
        return _kept(obj)
    name = text_at(call.pop("name"), f"{where}.name")
    arguments = "{}"
    if "args" not in call:
        rest["-functionCall.args"] = None
    elif (args := call.pop("args")) is None:
        same(rest, "functionCall.args", None)
    else:
        arguments = text_of(obj_at(args, f"{where}.args"))
    part = ToolCall(
        name=name,
        arguments=arguments,
        id=pop_text(call, "id", rest, "functionCall.", where),
        signature=_seal(fields, rest, path),
        rest=rest,
    )
    leave(rest, call, "functionCall.")
    leave(rest, fields)
    return part


def _result(fields: Obj, rest: Rest, path: str) -> Part:
    where = f"{path}.functionResponse"
    answer = camel(obj_at(fields.pop("functionResponse"), where), rest, "functionResponse.")
    if "name" not in answer:
        rest["-functionResponse.name"] = None
    result = ToolResult(
        parts=[],
        call_id=pop_text(answer, "id", rest, "functionResponse.", where),
        name=pop_text(answer, "name", rest, "functionResponse.", where),
        rest=rest,
    )
    if "response" not in answer:
        rest["-functionResponse.response"] = None
    elif (response := answer.pop("response")) is None:
        same(rest, "functionResponse.response", None)
    else:
        _outcome(result, obj_at(response, f"{where}.response"))
    if "parts" in answer:
        pieces = list_at(answer.pop("parts"), f"{where}.parts")
        result.parts += [read_part(piece, f"{where}.parts[{n}]") for n, piece in enumerate(pieces)]
        if not pieces:
            same(rest, "functionResponse.parts", [])
    leave(rest, answer, "functionResponse.")
    leave(rest, fields)
    return result


def _outcome(result: ToolResult, response: Obj) -> None:
    """``{"output": "text"}`` is the text; any other object is its JSON."""
    if len(response) == 1:
        ((key, only),) = response.items()
        if key in RESULT_KEYS and isinstance(only, str):
            result.failed = key == "error"
            if key == "result":
                result.rest["@result"] = None
            result.parts.append(Text(text=only))
            return
    result.parts.append(Text(text=text_of(response)))


def _inline(obj: Obj, fields: Obj, rest: Rest, path: str) -> Part:
    where = f"{path}.inlineData"
    blob = camel(obj_at(fields.pop("inlineData"), where), rest, "inlineData.")
    data = text_at(blob.pop("data", ""), f"{where}.data")
    if not data:
        return _kept(obj)
    return _media(Media(kind="file", data=_standard(data, rest), rest=rest), blob, fields, where)


def _file(obj: Obj, fields: Obj, rest: Rest, path: str) -> Part:
    where = f"{path}.fileData"
    blob = camel(obj_at(fields.pop("fileData"), where), rest, "fileData.")
    uri = text_at(blob.pop("fileUri", ""), f"{where}.fileUri")
    if not uri:
        return _kept(obj)
    media = (
        Media(kind="file", file_id=uri, rest=rest) if lives_at_google(uri) else Media(kind="file", url=uri, rest=rest)
    )
    return _media(media, blob, fields, where)


def lives_at_google(uri: str) -> bool:
    """Whether it was uploaded to the files API, where only the account that did so can read it."""
    return FILES_API in uri[: len("https://") + len(FILES_API)] or uri.startswith("files/")


def _media(media: Media, blob: Obj, fields: Obj, where: str) -> Media:
    inner = where.rpartition(".")[2] + "."
    media.media_type = pop_text(blob, "mimeType", media.rest, inner, where)
    media.kind = _KINDS.get(media.media_type.partition("/")[0], "file")
    media.name = pop_text(blob, "displayName", media.rest, inner, where)
    leave(media.rest, blob, inner)
    leave(media.rest, fields)
    return media
