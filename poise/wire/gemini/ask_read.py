"""A generateContent request, read. Model and stream are said by the path, not by the body."""

from __future__ import annotations

from itertools import groupby
from typing import Final

import msgspec

from poise.errors import Error
from poise.wire.conversation.ask import Ask, Pin
from poise.wire.conversation.part import Json, Media, Message, Part, Role, ToolCall, ToolResult
from poise.wire.gemini import limits, tools
from poise.wire.gemini.forms import Obj, camel, decode, leave, obj_at, same, wrong
from poise.wire.gemini.parts_read import read_part

NAME: Final = "gemini"
_SHALLOW: Final = "keep JSON under about 300 levels"
CACHED: Final = "cachedContent"
FILE: Final = "fileData"

_ROLES: Final[dict[object, Role]] = {"user": "user", "model": "assistant", "function": "user", "system": "system"}
SAID: Final[dict[Role, str]] = {
    "user": "user",
    "assistant": "model",
    "tool": "user",
    "system": "system",
    "developer": "system",
}


def read(body: bytes, *, model: str = "", stream: bool = False, within: tuple[str, ...] = ()) -> Ask:
    """Decode a request; within: the fields that may hold it. Raises Error: invalid_json, invalid_field."""
    try:
        fields = _decoded(body)
        for name in within:
            if fields.get(name) is not None:
                fields = obj_at(fields[name], name)
        return _fields(fields, model=model, stream=stream)
    except RecursionError as bad:
        raise Error("invalid_json", "the body is nested too deep", hint=_SHALLOW) from bad


def _fields(raw: Obj, *, model: str, stream: bool) -> Ask:
    ask = Ask(spoken=NAME, messages=[], model=model, stream=stream, rest={})
    fields = camel(raw, ask.rest)
    if "model" in fields:
        _read_model(fields.pop("model"), ask)
    if "systemInstruction" in fields:
        instruction = fields.pop("systemInstruction")
        if instruction is None:
            same(ask.rest, "systemInstruction", None)
        else:
            ask.messages += _content(instruction, "systemInstruction", "system")
    if "contents" not in fields:
        raise Error("invalid_field", "contents is missing", hint='send {"contents": [{"parts": [{"text": ...}]}]}')
    _read_contents(fields.pop("contents"), ask)
    if "tools" in fields:
        ask.tools = []
        tools.read(fields.pop("tools"), ask)
    if "toolConfig" in fields:
        tools.read_choice(fields.pop("toolConfig"), ask)
    if "generationConfig" in fields:
        limits.read(fields.pop("generationConfig"), ask)
    if isinstance(cached := fields.get(CACHED), str) and cached:
        del fields[CACHED]
        ask.pins = [Pin(what=CACHED, value=cached)]
    if fields.get("safetySettings") in (None, []) and "safetySettings" in fields:
        same(ask.rest, "safetySettings", fields.pop("safetySettings"))
    leave(ask.rest, fields)
    files = [Pin(what=FILE, value=part.file_id) for part in _media(ask) if part.file_id]
    if files:
        ask.pins = [*ask.pins, *files]
    return ask


def _decoded(body: bytes) -> Obj:
    try:
        value: Json = decode(body)
    except UnicodeDecodeError as bad:
        raise Error("invalid_json", f"the body is not UTF-8 at byte {bad.start}", hint="send UTF-8") from bad
    except msgspec.DecodeError as bad:
        raise Error("invalid_json", f"the body is not JSON: {bad}", hint="send one JSON object") from bad
    return obj_at(value, "body")


def _read_model(value: Json, ask: Ask) -> None:
    """Some clients say the model in the body too, ``models/gemini-3``: it must follow where the path is sent."""
    said = value if isinstance(value, str) else ""
    name = ask.model or said.rpartition("/")[2]
    if said and name and said.endswith(name):
        ask.model = name
        ask.rest[f"@model {said[: len(said) - len(name)]}"] = None
    else:
        ask.rest["model"] = value


def _read_contents(raw: Json, ask: Ask) -> None:
    if isinstance(raw, list):
        for number, content in enumerate(raw):
            ask.messages += _content(content, f"contents[{number}]", None)
    else:
        ask.rest["@single"] = None
        ask.messages += _content(raw, "contents", None)


def _content(raw: Json, where: str, system: Role | None) -> list[Message]:
    """A turn as messages: results of tools are messages of their own, and say with their form that they were one turn."""
    if isinstance(raw, str):
        return [Message(role=system or "user", parts=read_parts([{"text": raw}], where), form="text")]
    rest: Obj = {}
    fields = camel(obj_at(raw, where), rest)
    form = "turn" if system is None else ""
    given = fields.pop("parts", None)
    if isinstance(given, dict):
        rest["@one"] = None
        given = [given]
    elif given is None:
        if "parts" in obj_at(raw, where):
            same(rest, "parts", None)
        else:
            rest["-parts"] = None
        given = []
    if not isinstance(given, list):
        raise wrong(f"{where}.parts", given, "a list of parts")
    parts = read_parts(given, f"{where}.parts")
    said = fields.pop("role", None)
    if said is not None and not isinstance(said, str):
        raise wrong(f"{where}.role", said, "user or model")
    role = system or _role(said, parts)
    messages = [
        Message(role="tool" if results else role, parts=list(some), form="join")
        for results, some in groupby(parts, lambda part: isinstance(part, ToolResult) and system is None)
    ] or [Message(role=role, parts=[])]
    first = messages[0]
    first.form = form if first.role == "system" else ""
    if said != (None if system else SAID[first.role]) or (system and "role" in obj_at(raw, where)):
        if "role" in obj_at(raw, where):
            same(rest, "role", said)
        else:
            rest["-role"] = None
    leave(rest, fields)
    first.rest = rest
    return messages


def _role(said: str | None, parts: list[Part]) -> Role:
    if said is None and any(isinstance(part, ToolCall) for part in parts):
        return "assistant"
    return _ROLES.get(said, "user")


def read_parts(given: list[Json], where: str) -> list[Part]:
    """The parts of a turn. Raises Error (invalid_field)."""
    return [read_part(part, f"{where}[{number}]") for number, part in enumerate(given)]


def _media(ask: Ask) -> list[Media]:
    """All media of an ask, those in results of tools too."""
    found: list[Media] = []
    for message in ask.messages:
        for part in message.parts:
            if isinstance(part, Media):
                found.append(part)
            elif isinstance(part, ToolResult):
                found += [piece for piece in part.parts if isinstance(piece, Media)]
    return found
