"""JSON in and out, and marks: how a thing was spelled, so that Gemini can be given it back letter by letter.

Google's JSON allows two spellings of each name (``inlineData``, ``inline_data``), defaults that may be said or left
out, and numbers or words for one enum value. None of this means anything, so none may be noted as lost in translation.
Such a formality is kept in ``rest`` as a mark, a key with the value null, which no other dialect notes:

    ~a.b_c      the name was spelled in snake case
    =a.b={...}  this value stood there, and the fields say the same or nothing
    -a.b        nothing stood there, though it is usually written
    @word       read by the writer that knows the word

Names within nested objects are written with the path of the object before them, so that all of one node's leftovers
lie flat beside each other. What is too large for a mark (a schema in Google's own words) stands under FORMAL.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poise.errors import Error
from poise.wire.conversation.part import FORMAL, Json, Rest

Obj = dict[str, Json]

MAX_SHOWN: Final = 60  # characters of a wrong value that an error tells

_NAMES: Final = (
    "systemInstruction",
    "generationConfig",
    "toolConfig",
    "safetySettings",
    "cachedContent",
    "functionDeclarations",
    "functionCallingConfig",
    "allowedFunctionNames",
    "parametersJsonSchema",
    "inlineData",
    "fileData",
    "mimeType",
    "fileUri",
    "displayName",
    "functionCall",
    "functionResponse",
    "partialArgs",
    "willContinue",
    "thoughtSignature",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
    "maxOutputTokens",
    "topP",
    "topK",
    "stopSequences",
    "candidateCount",
    "presencePenalty",
    "frequencyPenalty",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "thinkingConfig",
    "thinkingBudget",
    "thinkingLevel",
    "includeThoughts",
    "googleSearch",
    "codeExecution",
    "urlContext",
    "googleSearchRetrieval",
    "googleMaps",
    "fileSearch",
    "computerUse",
)
_CAMEL: Final = {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): name for name in _NAMES}
# Nested objects whose leftovers are laid flat into their owner's rest, the innermost first.
_NESTED: Final = (
    "generationConfig.thinkingConfig",
    "toolConfig.functionCallingConfig",
    "generationConfig",
    "toolConfig",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
)

decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


def text_of(value: Json) -> str:
    """A value as compact JSON text."""
    return encode(value).decode()


def camel(obj: Obj, rest: Rest, path: str = "") -> Obj:
    """A shallow copy with the names in camel case; each that was spelled otherwise is marked in rest."""
    fields: Obj = {}
    for name, value in obj.items():
        better = _CAMEL.get(name) if "_" in name else None
        if better is None or better in obj:
            fields[name] = value
        else:
            fields[better] = value
            rest[f"~{path}{name}"] = None
    return fields


def camel_name(name: str) -> str:
    """The camel case spelling of a name that is known; other names as they are."""
    return _CAMEL.get(name, name)


def same(rest: Rest, path: str, value: Json) -> None:
    """Mark that this value stood at path; ``lay`` puts it back."""
    rest[f"={path}={text_of(value)}"] = None


def lay(root: Obj, rest: Rest) -> Obj:
    """Lay a node's rest over what its fields gave, marks included. Returns root."""
    renamed: list[str] = []
    for name, value in rest.items():
        if name == FORMAL:
            continue
        kind = name[:1]
        if value is not None or kind not in ("~", "=", "-", "@"):
            owner, key = _owner(root, name)
            owner[key] = value
        elif kind == "=":
            path, _, said = name[1:].partition("=")
            owner, key = _owner(root, path)
            owner[key] = decode(said)
        elif kind == "-":
            owner, key = _owner(root, name[1:])
            owner.pop(key, None)
        elif kind == "~":
            renamed.append(name[1:])
    if renamed:
        # What is nested first: its path is spelled with its owners' usual names.
        for path in sorted(renamed, key=lambda path: -path.count(".")):
            owner, key = _owner(root, path)
            usual = _CAMEL.get(key, key)
            if usual in owner:
                owner[key] = owner.pop(usual)
    return root


def _owner(root: Obj, path: str) -> tuple[Obj, str]:
    """The object that a path's last name stands in, made where it is missing, and that name."""
    if "." in path:
        for nested in _NESTED:
            if path.startswith(nested) and path[len(nested) : len(nested) + 1] == ".":
                owner = root
                for name in nested.split("."):
                    inner = owner.get(name)
                    if not isinstance(inner, dict):
                        inner = {}
                        owner[name] = inner
                    owner = inner
                return owner, path[len(nested) + 1 :]
    return root, path


def native_of(rest: Rest) -> Json:
    """A schema as Google's own language said it; None where JSON Schema was used."""
    formal = rest.get(FORMAL)
    return formal.get("native") if isinstance(formal, dict) else None


def leave(rest: Rest, fields: Obj, path: str = "") -> None:
    """Keep what of the fields nobody took."""
    if path:
        for name, value in fields.items():
            rest[path + name] = value
    else:
        rest.update(fields)


def wrong(path: str, value: object, wanted: str) -> Error:
    """A field that cannot be read: where, what stood there, what should."""
    try:
        shown = encode(value)[: MAX_SHOWN * 4].decode(errors="ignore")
    except (TypeError, UnicodeEncodeError):
        shown = repr(value)
    shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
    return Error("invalid_field", f"{path} is {shown}, not {wanted}", hint=f"send {path} as {wanted}")


def obj_at(value: Json, path: str) -> Obj:
    """An object. Raises Error (invalid_field)."""
    if not isinstance(value, dict):
        raise wrong(path, value, "an object")
    return value


def list_at(value: Json, path: str) -> list[Json]:
    """A list. Raises Error (invalid_field)."""
    if not isinstance(value, list):
        raise wrong(path, value, "a list")
    return value


def text_at(value: Json, path: str) -> str:
    """A string. Raises Error (invalid_field)."""
    if not isinstance(value, str):
        raise wrong(path, value, "a string")
    return value


def pop_text(fields: Obj, key: str, rest: Rest, path: str, where: str) -> str:
    """Take a string out; '' where there is none. Null and '' are marked, so that they are said again."""
    if key not in fields:
        return ""
    value = fields.pop(key)
    if value is None or value == "":
        same(rest, path + key, value)
        return ""
    return text_at(value, f"{where}.{key}")
