"""Requests of Gemini's dialect, checked as Google checks them. Field names may be in camel or in snake case, as protobuf has it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final

from poise.sim.emulate.asked import Asked, Obj, Tool
from poise.sim.emulate.field import Place, Wrong, kind_of, look, of_kind, schema_of
from poise.sim.emulate.media import type_of_url
from poise.sim.emulate.reply import is_seal

FIELDS: Final = frozenset(
    {"cachedContent", "contents", "generationConfig", "labels", "model", "safetySettings", "serviceTier", "store",
     "systemInstruction", "toolConfig", "tools"}
)  # fmt: skip
_CONFIG: Final = frozenset(
    {"audioTimestamp", "candidateCount", "enableEnhancedCivicAnswers", "frequencyPenalty", "imageConfig", "logprobs",
     "maxOutputTokens", "mediaResolution", "presencePenalty", "responseJsonSchema", "responseLogprobs", "responseMimeType",
     "responseModalities", "responseSchema", "routingConfig", "seed", "speechConfig", "stopSequences", "temperature",
     "thinkingConfig", "topK", "topP", "_responseJsonSchema"}
)  # fmt: skip
_SCHEMA: Final = frozenset(
    {"anyOf", "default", "description", "enum", "example", "format", "items", "maxItems", "maxLength", "maxProperties",
     "maximum", "minItems", "minLength", "minProperties", "minimum", "nullable", "pattern", "properties",
     "propertyOrdering", "required", "title", "type"}
)  # fmt: skip
_DATA: Final = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
)
_SKIPS: Final = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
_TYPES: Final = ("", "string", "number", "integer", "boolean", "array", "object", "null")
_SNAKE: Final = re.compile(r"_([a-z])")
_UPPER: Final = re.compile(r"([A-Z])")


def camel(name: str) -> str:
    """``function_call`` as ``functionCall``."""
    return name[:1] + _SNAKE.sub(lambda found: found[1].upper(), name[1:])


def snake(name: str) -> str:
    """``functionCall`` as ``function_call``."""
    return _UPPER.sub(lambda found: "_" + found[1].lower(), name)


def fields(node: Obj) -> Obj:
    """The node with its names in camel case."""
    return {camel(name): value for name, value in node.items()}


def within(node: Obj, name: str, at: Place = ()) -> Obj:
    """An object within another, its names in camel case; {} where it is absent."""
    return fields(look(node, name, "object", at) or {})


def read(body: Obj, *, model: str) -> Asked:
    """The question. Raises Wrong."""
    body = fields(body)
    for name in body:
        if name not in FIELDS:
            raise Wrong((name,), "unknown")
    asked = Asked(model=model)
    system = body.get("systemInstruction")
    if isinstance(system, str):
        raise Wrong(("systemInstruction",), "type", "object", system)
    if system is not None:
        asked.said(_words(asked, of_kind(system, "object", ("systemInstruction",)), ("systemInstruction",)))
    _tools(asked, body)
    _config(asked, within(body, "generationConfig"))
    contents = body.get("contents")
    if not contents:
        raise Wrong(("contents",), "other", text="* GenerateContentRequest.contents: contents is not specified\n")
    _contents(asked, [contents] if isinstance(contents, dict) else of_kind(contents, "array", ("contents",)))
    return asked


def _contents(asked: Asked, contents: list[object]) -> None:
    calls = 0
    fresh: list[
        tuple[Place, bool]
    ] = []  # calls of the turn that is still going on: their place, whether they are signed
    for at, one in enumerate(contents):
        here: Place = ("contents", at)
        content = of_kind(one, "object", here)
        role = content.get("role", "user")
        if role not in ("user", "model", "function", "tool"):
            raise Wrong((*here, "role"), "other", text="Please use a valid role: user, model.")
        parts = [fields(part) for part in _parts(content, here)]
        results = sum("functionResponse" in part for part in parts)
        if results != calls:
            text = (
                "Please ensure that the number of function response parts is equal to the number of function call parts of the "
                "function call turn."
            )
            raise Wrong(here, "other", text=text)
        words = _words(asked, content, here)
        calls = sum("functionCall" in part for part in parts)
        if role == "model":
            asked.said(words)
            asked.called.extend(str(part["functionCall"].get("name")) for part in parts if "functionCall" in part)
            signed = [bool(part.get("thoughtSignature")) for part in parts if "functionCall" in part]
            fresh.extend((here, one) for one in signed[:1])
        elif results:
            kept, asked.turns = (asked.result, asked.called), asked.turns
            if words:
                asked.said(words, by_user=True)
                asked.result, asked.called = kept
        else:
            asked.turns += 1
            asked.said(words, by_user=True)
            fresh.clear()
    unsigned = next((place for place, signed in fresh if not signed), None)
    if unsigned is not None and asked.model.startswith("gemini-3"):
        raise Wrong(unsigned, "other", text="Function call is missing a thought_signature in functionCall parts.")


def _parts(content: Obj, at: Place) -> list[Obj]:
    parts = content.get("parts") or []
    given = [parts] if isinstance(parts, dict) else of_kind(parts, "array", (*at, "parts"))
    return [of_kind(part, "object", (*at, "parts", number)) for number, part in enumerate(given)]


def _words(asked: Asked, content: Obj, at: Place) -> str:
    words: list[str] = []
    parts = _parts(content, at)
    if not parts:
        place = f"{at[0]}[{at[1]}]" if len(at) > 1 else snake(str(at[0]))
        raise Wrong(
            (*at, "parts"), "other", text=f"* GenerateContentRequest.{place}.parts: contents.parts must not be empty.\n"
        )
    for number, one in enumerate(parts):
        here = (*at, "parts", number)
        part = fields(one)
        kinds = [name for name in _DATA if name in part]
        if not kinds and part.get("thoughtSignature"):
            _signature(part, here)
            continue
        if len(kinds) != 1:
            place = f"GenerateContentRequest.contents[{at[-1]}].parts[{number}].data"
            text = f"* {place}: required oneof field 'data' must have one initialized field\n"
            raise Wrong(here, "other", text=text)
        _signature(part, here)
        kind = kinds[0]
        if kind == "text":
            text = of_kind(part["text"], "string", (*here, "text"))
            if not part.get("thought"):
                words.append(text)
            continue
        value = fields(of_kind(part[kind], "object", (*here, kind)))
        if kind in {"inlineData", "fileData"}:
            asked.shown(str(value.get("mimeType") or type_of_url(str(value.get("fileUri", "")), "file")))
        elif kind == "functionCall":
            of_kind(value.get("name"), "string", (*here, kind, "name"))
            of_kind(value.get("args") or {}, "object", (*here, kind, "args"))
        elif kind == "functionResponse":
            _result(asked, value, (*here, kind))
    return " ".join(words)


def _result(asked: Asked, value: Obj, at: Place) -> None:
    of_kind(value.get("name"), "string", (*at, "name"))
    response: Any = of_kind(value.get("response"), "object", (*at, "response"))
    said = next((response[name] for name in ("result", "output", "content", "error") if name in response), None)
    asked.answered(said if isinstance(said, str) else " ".join(str(value) for value in response.values()))
    for part in look(value, "parts", "array", at) or ():
        data = within(fields(of_kind(part, "object", (*at, "parts"))), "inlineData", (*at, "parts"))
        asked.shown(str(data.get("mimeType", "file/unknown")))


def _signature(part: Obj, at: Place) -> None:
    """A signature must be base64, and one that was given with this very part."""
    said = part.get("thoughtSignature")
    if said is None or said in _SKIPS:
        return
    text = of_kind(said, "string", (*at, "thoughtSignature"))
    try:
        plain = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as bad:
        place = ".".join(snake(str(step)) for step in at)
        problem = (
            f"Invalid value at '{place}.thought_signature' (TYPE_BYTES), Base64 decoding failed for \"{text[:40]}\""
        )
        raise Wrong(at, "other", text=problem) from bad
    if plain.decode(errors="replace") in _SKIPS:
        return
    called = part.get("functionCall")
    sealed = str(called.get("name")) if isinstance(called, dict) else ""
    if not is_seal(base64.b64encode(plain).decode(), sealed):  # clients send it in the other alphabet, for URLs
        raise Wrong(at, "other", text="Thought signature is not valid.")


def _tools(asked: Asked, body: Obj) -> None:
    for at, one in enumerate(_listed(body.get("tools") or [], ("tools",))):
        tool = fields(of_kind(one, "object", ("tools", at)))
        for number, declared in enumerate(of_kind(tool.get("functionDeclarations") or [], "array", ("tools", at))):
            here: Place = ("tools", at, "functionDeclarations", number)
            function = fields(of_kind(declared, "object", here))
            name = of_kind(function.get("name"), "string", (*here, "name"))
            if name in [tool.name for tool in asked.tools]:
                raise Wrong(here, "other", text=f"Duplicate function declaration found: {name}")
            schema = function.get("parameters")
            if schema is not None:
                _known_schema(schema, (*here, "parameters"))
            asked.tools.append(
                Tool(name, schema_of(plain_schema(schema or function.get("parametersJsonSchema") or {}), here))
            )
    calling = within(within(body, "toolConfig"), "functionCallingConfig", ("toolConfig",))
    at_mode: Place = ("toolConfig", "functionCallingConfig")
    mode = (look(calling, "mode", "string", at_mode) or "AUTO").upper()
    if mode not in ("AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"):
        raise Wrong(("toolConfig", "functionCallingConfig", "mode"), "value", "Mode", calling.get("mode"))
    asked.choice = "any" if mode == "ANY" else "none" if mode == "NONE" else "auto"
    asked.wanted = [str(name) for name in look(calling, "allowedFunctionNames", "array", at_mode) or ()]
    for name in asked.wanted:
        if name not in [tool.name for tool in asked.tools]:
            raise Wrong(("toolConfig",), "other", text=f"Allowed function name {name} is not a declared function.")


def _listed(value: object, at: Place) -> list[object]:
    """A list; one object alone stands for a list of it, as protobuf has it."""
    return [value] if isinstance(value, dict) else list(of_kind(value, "array", at))


def _known_schema(schema: object, at: Place) -> None:
    """The part of OpenAPI's schemas that Google takes; anything else is refused by name."""
    node = of_kind(schema, "object", at)
    for name, value in node.items():
        if camel(name) not in _SCHEMA:
            raise Wrong((*at, name), "unknown")
        if name == "type" and not isinstance(value, str | int):
            raise Wrong((*at, name), "value", "Type", value)
    for name, inner in (look(node, "properties", "object", at) or {}).items():
        _known_schema(inner, (*at, "properties", name))
    if "items" in node:
        _known_schema(node["items"], (*at, "items"))
    for number, inner in enumerate(look(node, "anyOf", "array", at) or ()):
        _known_schema(inner, (*at, "anyOf", number))


def _type_of(value: str | int) -> str:
    """A type's name, from the number that protobuf gives it where that is what stands there."""
    return value.lower() if isinstance(value, str) else _TYPES[value] if 0 < value < len(_TYPES) else "string"


def plain_schema(schema: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A schema with the names of types as JSON Schema has them."""
    if isinstance(schema, dict):
        return {
            name: _type_of(value) if name == "type" and isinstance(value, str | int) else plain_schema(value)
            for name, value in schema.items()
        }
    return [plain_schema(one) for one in schema] if isinstance(schema, list) else schema


def _config(asked: Asked, config: Obj) -> None:
    at: Place = ("generationConfig",)
    for name in config:
        if name not in _CONFIG:
            raise Wrong((*at, name), "unknown")
    for name, high in (("temperature", 2), ("topP", 1)):
        value = config.get(name)
        if value is not None and not 0 <= of_kind(value, "number", (*at, name)) <= high:
            raise Wrong(
                (*at, name),
                "other",
                text=f"* GenerateContentRequest.generation_config.{snake(name)}: must be in the range [0.0, {high}.0].\n",
            )
    asked.limit = of_kind(config.get("maxOutputTokens") or 0, "integer", (*at, "maxOutputTokens"))
    asked.stops = [
        of_kind(one, "string", (*at, "stopSequences")) for one in look(config, "stopSequences", "array", at) or ()
    ]
    thinking = within(config, "thinkingConfig", at)
    asked.thinks = bool(thinking.get("includeThoughts"))
    schema = config.get("responseSchema")
    if schema is not None:
        _known_schema(schema, (*at, "responseSchema"))
    given = plain_schema(schema or config.get("responseJsonSchema") or config.get("_responseJsonSchema"))
    asked.schema = None if given is None else schema_of(given, (*at, "responseSchema"))
    json = config.get("responseMimeType") == "application/json"
    if asked.schema is not None and not json:
        raise Wrong(
            (*at, "responseMimeType"),
            "other",
            text="Response schema is only supported with response_mime_type application/json",
        )
    asked.json = json and asked.schema is None


def words_of(wrong: Wrong) -> tuple[str, str]:
    """What Google says of a wrong field, and the place of it in Google's own way of writing."""
    *before, last = wrong.at
    place = ""
    for step in before:
        place += f"[{step}]" if isinstance(step, int) else f".{snake(step)}" if place else snake(str(step))
    whole = (
        f"{place}[{last}]" if isinstance(last, int) else f"{place}.{snake(str(last))}" if place else snake(str(last))
    )
    if wrong.fault == "unknown":
        where = f" at '{place}'" if place else ""
        return f'Invalid JSON payload received. Unknown name "{last}"{where}: Cannot find field.', place
    if wrong.fault == "value":
        return f"Invalid value at '{whole}' (TYPE_ENUM), \"{wrong.got}\"", whole
    if wrong.fault in {"type", "missing"}:
        return f"Invalid value at '{whole}' ({wrong.want}), but it is {kind_of(wrong.got)}", whole
    return wrong.text, whole
